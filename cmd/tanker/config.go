package main

import (
	"context"
	"fmt"
	"io"

	"tanker/internal/config"
)

const configHelp = `Usage: tanker config example
       tanker config convert [FLAGS] FILE

example prints a configuration file with every setting, explained:

  tanker config example > tanker.yaml

convert prints the configuration file that says the same as FILE, the workspace configuration of
RudderStack's server (workspaceConfig.json). The sources' write keys are in it; API keys are not, it names
the environment variables that they belong into. What is not taken is said on standard error.

  tanker config convert workspaceConfig.json > tanker.yaml`

// runConfig prints a configuration: the example, or one that is made of a workspace.
func runConfig(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	w := config.Default().Workspace
	fs := newFlags("config")
	fs.BoolVar(&w.ServerSideEventFiltering, "server-side-event-filtering", false, "convert: take the lists of event names, which only RudderStack's SDKs obey")
	fs.BoolVar(&w.IgnoreTransformations, "ignore-transformations", false, "convert: leave transformations out, instead of refusing the file")
	words, err := parseFlags(fs, configHelp, args, stdout)
	if err != nil {
		return err
	}
	switch {
	case len(words) == 1 && words[0] == "example":
		_, err = stdout.Write(config.Example())
		return err
	case len(words) == 2 && words[0] == "convert":
		w.File = words[1]
		return convertWorkspace(w, stdout, stderr)
	}
	return usagef("config", "config: say what about it: tanker config example, or tanker config convert FILE")
}

func convertWorkspace(w config.Workspace, stdout, stderr io.Writer) error {
	file, warnings, err := config.ConvertWorkspace(w)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "tanker: warning:", plain(warning.String()))
	}
	_, err = stdout.Write(file)
	return err
}

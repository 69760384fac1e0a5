package main

import (
	"context"
	"io"

	"tanker/internal/config"
)

const configHelp = `Usage: tanker config example

Prints a configuration file with every setting, explained:

  tanker config example > tanker.yaml`

// runConfig prints the example of a configuration.
func runConfig(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	words, err := parseFlags(newFlags("config"), configHelp, args, stdout)
	if err != nil {
		return err
	}
	if len(words) != 1 || words[0] != "example" {
		return usagef("config", "config: say what about it: tanker config example")
	}
	_, err = stdout.Write(config.Example())
	return err
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is the release, set by the linker (-X main.version=1.2.3).
var version = "development"

// build is what is known of how this program was made.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Built   string `json:"built,omitempty"` // time of the commit, RFC 3339
	Go      string `json:"go"`
	System  string `json:"system"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Built = s.Value
		}
	}
	return b
}

const versionHelp = `Usage: tanker version [--json]

Prints the version of this program.`

func runVersion(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("version")
	asJSON := fs.Bool("json", false, "print a JSON object")
	words, err := parseFlags(fs, versionHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("version", words); err != nil {
		return err
	}
	b := thisBuild()
	if *asJSON {
		return json.NewEncoder(stdout).Encode(b)
	}
	_, err = fmt.Fprintf(stdout, "tanker %s (%s, %s)\n", b.Version, b.Go, b.System)
	return err
}

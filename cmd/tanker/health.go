package main

import (
	"context"
	"fmt"
	"io"
)

const healthHelp = `Usage: tanker health [--ready]

Asks a running server whether it is alive, or with --ready whether it accepts events, and exits with 0 if it
does and with 1 if not. For probes of containers, which have no other program to ask with.
` + remoteHelp

// runHealth asks a server how it is.
func runHealth(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("health")
	var remote remoteFlags
	remote.define(fs)
	ready := fs.Bool("ready", false, "ask whether it accepts events")
	words, err := parseFlags(fs, healthHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("health", words); err != nil {
		return err
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	ask, answer := client.Health, "alive"
	if *ready {
		ask, answer = client.Ready, "ready"
	}
	if err := ask(ctx); err != nil {
		return explainRemote(err)
	}
	fmt.Fprintln(stdout, answer)
	return nil
}

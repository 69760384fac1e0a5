package main

import (
	"context"
	"fmt"
	"io"

	"tanker/internal/admin"
)

const pauseHelp = `Usage: tanker pause DESTINATION

Has a running server send nothing to a destination until it is resumed, also after a restart. Calls under
way end as usual. Events go on being accepted and wait in the journal; other destinations do not notice.

  tanker resume DESTINATION     lets it go on, in order, where it was
` + remoteHelp

const resumeHelp = `Usage: tanker resume DESTINATION

Lets a destination go on that was paused: what has waited is delivered in order, within the limits.
` + remoteHelp

// runPause has nothing sent to a destination.
func runPause(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	return hold(ctx, holding{"pause", pauseHelp, "paused", (*admin.Client).Pause}, args, stdout)
}

// runResume ends a pause.
func runResume(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	return hold(ctx, holding{"resume", resumeHelp, "resumed", (*admin.Client).Resume}, args, stdout)
}

// holding is one of two commands that differ in little.
type holding struct {
	name, help, done string
	do               func(*admin.Client, context.Context, string) error
}

func hold(ctx context.Context, h holding, args []string, stdout io.Writer) error {
	fs := newFlags(h.name)
	var remote remoteFlags
	remote.define(fs)
	words, err := parseFlags(fs, h.help, args, stdout)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return usagef(h.name, "%s: name one destination; tanker status shows them", h.name)
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	if err := h.do(client, ctx, words[0]); err != nil {
		return explainRemote(err)
	}
	fmt.Fprintf(stdout, "%s %s\n", plain(words[0]), h.done)
	return nil
}

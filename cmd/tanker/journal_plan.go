package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tanker/internal/journal"
)

// planJournal says which streams of a cluster are not as they are configured.
func planJournal(ctx context.Context, c *journalCommand) error {
	if c.shrink {
		return usagef("journal", "journal plan has no use for --shrink")
	}
	return c.planned(ctx, "plan", journal.MakePlan)
}

// applyJournal makes and changes the streams of a cluster.
func applyJournal(ctx context.Context, c *journalCommand) error {
	err := c.planned(ctx, "apply", func(ctx context.Context, o journal.Options) (journal.Plan, error) {
		plan, err := journal.MakePlan(ctx, o)
		if err != nil {
			return plan, err
		}
		printStreamPlan(c.stdout, plan)
		_, err = journal.Apply(ctx, o, c.shrink)
		return journal.Plan{}, err
	})
	if err == nil {
		fmt.Fprintln(c.stdout, "done")
	}
	return err
}

func (c *journalCommand) planned(ctx context.Context, verb string, do func(context.Context, journal.Options) (journal.Plan, error)) error {
	if err := c.only(verb, "", false, false); err != nil {
		return err
	}
	o, _, err := c.place("")
	if err != nil {
		return err
	}
	if o.Cluster.URL == "" {
		return withHint(errors.New("the configuration keeps the journal in a directory, where there is nothing to plan"),
			"name a cluster with journal.url, or TANKER_JOURNAL_URL")
	}
	plan, err := do(ctx, o)
	if errors.Is(err, journal.ErrUnfit) && verb == "apply" && !c.shrink {
		return withHint(err, "tanker journal plan shows everything; --shrink applies also what takes away")
	}
	if err == nil && plan.Streams > 0 {
		printStreamPlan(c.stdout, plan)
	}
	return err
}

// printStreamPlan shows a plan to people.
func printStreamPlan(w io.Writer, p journal.Plan) {
	fmt.Fprintf(w, "%d streams, which may take %d MiB on each server that keeps them (NATS %s)\n", p.Streams, p.Bytes>>20, plain(p.Servers))
	if len(p.Changes) == 0 {
		fmt.Fprintln(w, "all are as they are configured")
	}
	for _, c := range p.Changes {
		switch {
		case c.Create:
			fmt.Fprintf(w, "  %s: to be made\n", c.Stream)
		case c.Shrinks:
			fmt.Fprintf(w, "  %s: %s (takes away: needs --shrink)\n", c.Stream, strings.Join(c.What, ", "))
		default:
			fmt.Fprintf(w, "  %s: %s\n", c.Stream, strings.Join(c.What, ", "))
		}
	}
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"tanker/internal/dead"
)

// groupDead shows what letters died of.
func groupDead(ctx context.Context, c *deadCommand) error {
	if err := noWords("dead", c.words); err != nil {
		return err
	}
	groups, err := c.server.DeadGroups(ctx, c.filter, func(g dead.Groups) {
		c.live.show(fmt.Sprintf("looking at dead letters: %.0f %%, %s so far", g.Share*100, number(g.Letters)))
	})
	c.live.clear()
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.out, groups)
	}
	if groups.Letters == 0 {
		fmt.Fprintln(c.out, noDeadLetters)
		return nil
	}
	t := newTable("GROUP", "DESTINATION", ">LETTERS", "FIRST", "LAST", "REASON", ">STATUS", "ANSWER")
	for _, g := range groups.Groups {
		status := "-"
		if g.Status != 0 {
			status = strconv.Itoa(g.Status)
		}
		t.add(g.ID, g.Destination, number(g.Letters), g.First.UTC().Format(time.RFC3339), g.Last.UTC().Format(time.RFC3339),
			g.Reason, status, short(g.Answer, 80))
	}
	t.print(c.out, "")
	if groups.More > 0 {
		fmt.Fprintf(c.out, "… and %s of further groups\n", plural(groups.More, "letter"))
	}
	return nil
}

// noDeadLetters is what is said when a filter selects none.
const noDeadLetters = "there are no dead letters"

// treat has all letters that the filters select sent again or discarded.
func (c *deadCommand) treat(ctx context.Context, op dead.Operation, each func(dead.Treated) error) (dead.Result, error) {
	op.Filter = c.filter
	result, err := c.server.TreatDead(ctx, op, dead.Observer{Each: each, Progress: func(r dead.Result) error {
		c.live.show(fmt.Sprintf("%s: %.0f %%, %s so far", op.Verb, r.Share*100, plural(r.Selected, "letter")))
		return nil
	}})
	c.live.clear()
	return result, err
}

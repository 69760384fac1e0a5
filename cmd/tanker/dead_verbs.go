package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tanker/internal/dead"
	"tanker/internal/journal"
)

// listDead shows letters.
func listDead(ctx context.Context, c *deadCommand) error {
	if err := noWords("dead", c.words); err != nil {
		return err
	}
	if c.asJSON {
		enc := json.NewEncoder(c.out)
		enc.SetEscapeHTML(false)
		_, _, err := c.each(ctx, c.limit, func(l journal.DeadLetter) error { return enc.Encode(l) })
		return err
	}
	t := newTable("POSITION", "DESTINATION", "DIED", "TYPE", "USER", "REASON", "MESSAGE")
	n, more, err := c.each(ctx, c.limit, func(l journal.DeadLetter) error {
		t.add(l.Position.String(), l.Destination, l.At.UTC().Format(time.RFC3339), typeText(l.Type, l.ReplayOf), short(l.User, 32), l.Reason, short(l.Message, 60))
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		fmt.Fprintln(c.out, noDeadLetters)
		return nil
	}
	t.print(c.out, "")
	if more {
		fmt.Fprintf(c.out, "… and more: --limit 0 shows all\n")
	}
	return nil
}

// showDead shows one letter in full.
func showDead(ctx context.Context, c *deadCommand) error {
	positions, err := c.positions()
	if err != nil {
		return err
	}
	if len(positions) != 1 {
		return usagef("dead", "dead show: name one letter by its position")
	}
	destination, err := c.destination(ctx)
	if err != nil {
		return err
	}
	letter, err := c.server.DeadLetter(ctx, destination, positions[0])
	if err != nil {
		return err
	}
	switch {
	case c.asJSON:
		return printJSON(c.out, letter)
	case c.onlyEvent:
		_, err := fmt.Fprintf(c.out, "%s\n", letter.Event)
		return err
	}
	printLetter(c.out, letter)
	return nil
}

// printLetter shows a letter to people.
func printLetter(w io.Writer, l journal.DeadLetter) {
	answer := "none"
	if l.Status != 0 {
		answer = fmt.Sprintf("%d %s", l.Status, l.Answer)
	}
	for _, field := range [][2]string{
		{"position", l.Position.String()}, {"destination", l.Destination}, {"died", l.At.UTC().Format(time.RFC3339)},
		{"reason", l.Reason}, {"", l.Message}, {"message id", l.MessageID}, {"source", l.Source}, {"type", typeText(l.Type, l.ReplayOf)},
		{"user", l.User}, {"received", l.ReceivedAt.UTC().Format(time.RFC3339Nano)}, {"call", l.Method + " " + l.Path},
		{"last answer", answer},
	} {
		fmt.Fprintf(w, "%-12s %s\n", field[0], plain(field[1]))
	}
	for i, a := range l.Attempts {
		fmt.Fprintf(w, "%-12s %s\n", fmt.Sprintf("attempt %d", i+1), plain(attemptText(a)))
	}
	fmt.Fprintf(w, "\nevent\n%s\n", indented(l.Event))
	if len(l.Call) > 0 {
		fmt.Fprintf(w, "\nbody of the call\n%s\n", indented(l.Call))
	}
}

// attemptText is an attempt in one line.
func attemptText(a journal.Attempt) string {
	text := fmt.Sprintf("%s, took %s", a.At.UTC().Format(time.RFC3339), span(a.Took))
	if a.Status != 0 {
		text += fmt.Sprintf(", answered %d", a.Status)
	}
	if a.Error != "" {
		text += ", " + a.Error
	}
	return text
}

// typeText is an event's type, and what it repeats if it is a replay.
func typeText(typ string, replayOf journal.Position) string {
	if replayOf == 0 {
		return typ
	}
	return typ + ", replay of " + replayOf.String()
}

// indented lays JSON out in lines. Characters that could command a terminal are dots, as everywhere.
func indented(data json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, data, "  ", "  "); err != nil {
		return "  " + plain(string(data))
	}
	lines := bytes.Split(b.Bytes(), []byte("\n"))
	for i, line := range lines {
		lines[i] = []byte(plain(string(line)))
	}
	return "  " + string(bytes.Join(lines, []byte("\n")))
}

// discardDead deletes letters.
func discardDead(ctx context.Context, c *deadCommand) error {
	if err := c.chosen(); err != nil {
		return err
	}
	var n int
	var err error
	if c.all {
		n, err = c.discardAll(ctx)
	} else {
		n, err = c.named(ctx, c.server.DiscardDead)
	}
	if n > 0 || err == nil {
		fmt.Fprintf(c.out, "%s discarded\n", plural(n, "letter"))
	}
	return err
}

func (c *deadCommand) discardAll(ctx context.Context) (int, error) {
	result, err := c.treat(ctx, dead.Operation{Verb: dead.Discard, DryRun: !c.yes}, nil)
	if err == nil && !c.yes {
		return 0, withHint(fmt.Errorf("dead discard: this would delete %s for good", plural(result.Done, "letter")), "add --yes to do it")
	}
	return result.Done, err
}

// chosen reports a problem if it is not clear which letters are meant.
func (c *deadCommand) chosen() error {
	if c.all == (len(c.words) > 0) {
		return usagef("dead", "dead %s: name letters by their positions, or say --all", c.verb)
	}
	return nil
}

// named does something to the letters that are named, and counts those for which there is no error.
func (c *deadCommand) named(ctx context.Context, do func(context.Context, string, journal.Position) error) (int, error) {
	positions, err := c.positions()
	if err != nil {
		return 0, err
	}
	destination, err := c.destination(ctx)
	if err != nil {
		return 0, err
	}
	for i, at := range positions {
		if err := do(ctx, destination, at); err != nil {
			return i, err
		}
	}
	return len(positions), nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"tanker/internal/admin"
	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// replayDead has letters sent again, or shows what that would send.
func replayDead(ctx context.Context, c *deadCommand) error {
	corrected, err := c.correction()
	if err == nil {
		err = c.chosen()
	}
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.previewReplay(ctx, corrected)
	}
	var result dead.Result
	if c.all {
		result, err = c.treat(ctx, dead.Operation{Verb: dead.Replay}, nil)
	} else {
		result.Done, err = c.named(ctx, func(ctx context.Context, destination string, at journal.Position) error {
			return c.explainReplay(c.server.ReplayDead(ctx, destination, at, corrected))
		})
	}
	if result.Done > 0 || err == nil {
		fmt.Fprintf(c.out, "%s sent again\n", plural(result.Done, "letter"))
	}
	if result.Stay > 0 {
		fmt.Fprintf(c.out, "%s left: the mapping makes no call of the event; --dry-run shows why\n", plural(result.Stay, "letter"))
	}
	return err
}

// explainReplay adds to a refusal what to do about it.
func (c *deadCommand) explainReplay(err error) error {
	refused, ok := errors.AsType[*admin.RefusedError](err)
	if !ok || refused.Status != http.StatusUnprocessableEntity {
		return err
	}
	hint := "correct the event: tanker dead show POSITION --event > event.json, then tanker dead replay POSITION --edit event.json"
	if c.edit != "" {
		hint = "the letter is as it was; correct " + c.edit + " and try again"
	}
	return withHint(errors.New(refused.Message), hint)
}

// correction reads the event that is to be sent in the place of a letter's; nil if there is none.
func (c *deadCommand) correction() ([]byte, error) {
	switch {
	case c.edit == "":
		return nil, nil
	case c.all || len(c.words) != 1:
		return nil, usagef("dead", "dead replay: --edit is for one letter: name it by its position")
	}
	var corrected []byte
	var err error
	if c.edit == "-" {
		corrected, err = io.ReadAll(c.in)
	} else {
		corrected, err = os.ReadFile(c.edit)
	}
	if err == nil && len(corrected) == 0 {
		err = fmt.Errorf("%s is empty: it should hold the corrected event", c.edit)
	}
	return corrected, err
}

// previews are letters and what their events would become.
type previews struct {
	shown      []dead.Treated // up to so many, 0: all
	most       int
	sent, kept tally
}

func (p *previews) add(l dead.Treated) error {
	if l.Callable() {
		p.sent.add(l.Method + " " + l.Path)
	} else {
		p.kept.add(string(l.Kind) + ": " + l.Reason)
	}
	if p.most == 0 || len(p.shown) < p.most {
		p.shown = append(p.shown, l)
	}
	return nil
}

// previewReplay shows what replay would send.
func (c *deadCommand) previewReplay(ctx context.Context, corrected []byte) error {
	var err error
	p := previews{most: c.limit}
	if c.all {
		_, err = c.treat(ctx, dead.Operation{Verb: dead.Replay, DryRun: true}, p.add)
	} else {
		_, err = c.named(ctx, func(ctx context.Context, destination string, at journal.Position) error {
			mapped, err := c.server.PreviewDead(ctx, destination, at, corrected)
			if err != nil {
				return c.explainReplay(err)
			}
			return p.add(dead.Treated{Name: dead.Name{Destination: destination, Position: at}, Mapped: mapped})
		})
	}
	if err != nil {
		return err
	}
	return c.printPreviews(p.shown, p.sent, p.kept)
}

func (c *deadCommand) printPreviews(shown []dead.Treated, sent, kept tally) error {
	if c.asJSON {
		enc := json.NewEncoder(c.out)
		enc.SetEscapeHTML(false)
		for _, p := range shown {
			if err := enc.Encode(p); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(c.out, "%s would be sent again\n", plural(sent.total, "letter"))
	sent.print(c.out)
	if kept.total > 0 {
		fmt.Fprintf(c.out, "%s would stay: the mapping makes no call of the event\n", plural(kept.total, "letter"))
		kept.print(c.out)
	}
	if len(shown) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	switch {
	case len(shown) == 1 && shown[0].Callable():
		fmt.Fprintf(c.out, "%s %s\n%s\n", shown[0].Method, plain(shown[0].Path), indented(shown[0].Body))
		return nil
	case len(shown) == 1:
		fmt.Fprintln(c.out, plain(shown[0].Message))
		return nil
	}
	t := newTable("POSITION", "DESTINATION", "TYPE", "USER", "CALL")
	for i := range shown {
		p := &shown[i]
		t.add(p.Position.String(), p.Destination, p.Type, short(p.User, 32), callText(&p.Mapped, 90))
	}
	t.print(c.out, "")
	if more := sent.total + kept.total - len(shown); more > 0 {
		fmt.Fprintf(c.out, "… and %s more: --limit 0 shows all\n", number(more))
	}
	return nil
}

// callText is a call in one line, or why there is none.
func callText(m *history.Mapped, most int) string {
	if m.Callable() {
		return short(m.Path+" "+string(m.Body), most)
	}
	return short("none: "+m.Reason+": "+m.Message, most)
}

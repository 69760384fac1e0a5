package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"tanker/internal/history"
)

// printPlan shows what a replay would do.
func printPlan(w io.Writer, p *history.Plan) {
	fmt.Fprintf(w, "%s\n", plain("to "+p.Destination+": "+requestText(&p.ReplayRequest)))
	fmt.Fprintf(w, "%s of %s searched would be sent\n", plural(p.Total, "event"), number(p.Searched))
	printCounts(w, p.Calls)
	if n := total(p.Refused); n > 0 {
		fmt.Fprintf(w, "%s would not: the mapping makes no call of them\n", plural(n, "event"))
		printCounts(w, p.Refused)
	}
	if !p.Oldest.IsZero() && p.Oldest.After(p.Since.Add(time.Minute)) {
		fmt.Fprintf(w, "the log has no older events than of %s\n", p.Oldest.UTC().Format(time.RFC3339))
	}
	if len(p.Samples) == 0 {
		return
	}
	fmt.Fprintf(w, "\nfor example\n")
	for i := range p.Samples {
		s := &p.Samples[i]
		fmt.Fprintf(w, "  %s\n", plain(fmt.Sprintf("%-8s %s  %s", s.Position, s.ReceivedAt.UTC().Format("2006-01-02 15:04:05"), callText(&s.Mapped, 100))))
	}
	fmt.Fprintf(w, "\nit takes about %s: %s\n", span(p.Takes), plain(paceText(p)))
}

// paceText says what decides how long a replay takes.
func paceText(p *history.Plan) string {
	if p.Busiest != "" {
		return fmt.Sprintf("%s of the calls are of one user, %s, whose limit allows no more", number(p.BusiestCalls), short(p.Busiest, 40))
	}
	if p.KeyPerMinute > 0 {
		return fmt.Sprintf("%s a minute of the %s that the key's limit allows; the rest is for new events, which come first", number(p.Rate), number(p.KeyPerMinute))
	}
	return fmt.Sprintf("%s a minute; new events come first", number(p.Rate))
}

// requestText says which events a replay is about.
func requestText(r *history.ReplayRequest) string {
	text := "events"
	if r.Type != "" {
		text = r.Type + " events"
	}
	if r.Event != "" {
		text += fmt.Sprintf(" named %q", r.Event)
	}
	if r.User != "" {
		text += " of " + r.User
	}
	return text + fmt.Sprintf(" received from %s to %s", r.Since.UTC().Format(time.RFC3339), r.Until.UTC().Format(time.RFC3339))
}

// replayText is a replay in one line.
func replayText(r *history.Replay) string {
	parts := []string{fmt.Sprintf("replay %d is %s", r.ID, r.State)}
	sent := number(r.Sent)
	if r.Total > 0 {
		sent += " of " + number(r.Total)
	}
	sent += " sent"
	if r.State != history.ReplayDone {
		sent += fmt.Sprintf(" (%.0f %%)", r.Share()*100)
	}
	parts = append(parts, sent)
	switch left := r.Left(); {
	case r.State == history.ReplayDone:
		parts = append(parts, "in "+span(r.Running))
	case r.State == history.ReplayRunning && left > 0:
		parts = append(parts, "about "+span(left)+" left")
	}
	text := strings.Join(parts, ", ")
	if r.Reason != "" {
		if r.State == history.ReplayRunning {
			text += "; it waits"
		}
		text += ": " + r.Reason
	}
	if r.Lost {
		text += "; some events were deleted for lack of room before they were sent"
	}
	return text
}

// list shows all replays.
func (c *replayCommand) list(ctx context.Context) error {
	jobs, err := c.server.Replays(ctx)
	if err != nil {
		return err
	}
	if c.asJSON {
		enc := json.NewEncoder(c.out)
		for i := range jobs {
			if err := enc.Encode(jobs[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(jobs) == 0 {
		fmt.Fprintln(c.out, "there were no replays")
		return nil
	}
	t := newTable(">NUMBER", "STATE", ">SENT", ">OF", "BEGUN", "DESTINATION", "WHAT")
	for i := range jobs {
		r := &jobs[i]
		of := "?"
		if r.Total > 0 {
			of = number(r.Total)
		}
		t.add(fmt.Sprint(r.ID), string(r.State), number(r.Sent), of, r.Created.UTC().Format(time.RFC3339), r.Destination, requestText(&r.ReplayRequest))
	}
	t.print(c.out, "")
	return nil
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

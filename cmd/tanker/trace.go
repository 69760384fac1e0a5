package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
)

const traceHelp = `Usage: tanker trace --user USER     [--destination NAME] [--since TIME] [--until TIME] [--full] [--json]
       tanker trace --message MESSAGE [--destination NAME] [--since TIME] [--until TIME] [--full] [--json]

Shows every event of a user that the log holds, in the order they were accepted, and what happened to each
at each destination: the outcome and its reason, the call, how often it was tried and what Refiner
answered, or what it waits for. USER is a user id, an email or an anonymous id.

The whole log is searched, some hundred thousand events a second; --since makes that shorter. Finished
events stay in the log for journal.retention (168h). Times are written like 2006-01-02T15:04:05Z or,
counted back from now, like 24h. The call that is shown is what the mapping makes of the event now.
` + remoteHelp

// runTrace shows what became of events.
func runTrace(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("trace")
	var remote remoteFlags
	remote.define(fs)
	var o history.TraceOptions
	var times moments
	fs.StringVar(&o.User, "user", "", "events of this `USER`: a user id, an email or an anonymous id")
	fs.StringVar(&o.Message, "message", "", "the event with this `MESSAGE` id")
	fs.StringVar(&o.Destination, "destination", "", "only what happened at the destination `NAME`")
	fs.IntVar(&o.Limit, "limit", 1000, "show `N` events at the most; 0 shows all")
	times.define(fs, "events received")
	full := fs.Bool("full", false, "print events, calls and answers in full")
	asJSON := fs.Bool("json", false, "print JSON, an event on each line")
	words, err := parseFlags(fs, traceHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("trace", words); err != nil {
		return err
	}
	if o.Since, o.Until, err = times.read("trace", time.Now()); err != nil {
		return err
	}
	if (o.User == "") == (o.Message == "") {
		return usagef("trace", "trace: say whose events with --user, or which one with --message")
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	p := &tracePrinter{out: stdout, full: *full, now: time.Now()}
	show := func(e history.Traced) error { p.print(&e); return nil }
	if *asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		show = func(e history.Traced) error { return enc.Encode(e) }
	}
	end, err := client.Trace(ctx, o, show)
	if err == nil && !*asJSON {
		p.summary(end)
	}
	return explainRemote(err)
}

// tracePrinter shows traced events to people.
type tracePrinter struct {
	out      io.Writer
	full     bool
	now      time.Time
	outcomes tally
}

const (
	traceTime   = "2006-01-02 15:04:05.000"
	traceIndent = "         "
)

// print shows an event, and beneath it a few lines for each destination.
func (p *tracePrinter) print(e *history.Traced) {
	line := fmt.Sprintf("%-8s %s  %s", e.Position, e.ReceivedAt.UTC().Format(traceTime), e.Type)
	if e.Name != "" {
		line += fmt.Sprintf(" %q", short(e.Name, 60))
	}
	line += "  from " + e.Source
	if e.ReplayOf != 0 {
		line += fmt.Sprintf(", replay of %s at %s", e.ReplayOf, e.ReplayedAt.UTC().Format(traceTime))
	}
	fmt.Fprintln(p.out, plain(line))
	if p.full {
		p.linef("message %s", e.MessageID)
		p.block(e.Event)
	}
	if len(e.Fates) == 0 {
		p.linef("not for any destination")
	}
	for i := range e.Fates {
		p.fate(e, &e.Fates[i])
	}
	fmt.Fprintln(p.out)
}

// fate shows what happened to an event at one destination.
func (p *tracePrinter) fate(e *history.Traced, f *history.Fate) {
	p.outcomes.add(string(f.Outcome))
	p.linef("%s: %s", f.Destination, p.what(e, f))
	answered := f.Letter != nil && f.Letter.Status != 0 // which says the same
	if f.Message != "" && f.Outcome != journal.Delivered && !answered {
		p.linef("  %s", f.Message)
	}
	method, path, body := f.Mapping.Method, f.Mapping.Path, f.Mapping.Body
	if f.Letter != nil && f.Letter.Path != "" {
		method, path, body = f.Letter.Method, f.Letter.Path, f.Letter.Call
	}
	if path != "" && f.Outcome != journal.Filtered && f.Outcome != journal.Rejected && f.CarriedBy == 0 {
		p.call(method, path, body)
		if f.Mapping.Calls > 1 {
			p.linef("  one of the %d calls that the transformation makes of it", f.Mapping.Calls)
		}
	}
	if f.Outcome == journal.Dead {
		p.letter(e, f)
	}
}

// what is the sentence of an outcome.
func (p *tracePrinter) what(e *history.Traced, f *history.Fate) string {
	begun := e.ReceivedAt
	if e.ReplayOf != 0 {
		begun = e.ReplayedAt
	}
	switch f.Outcome {
	case journal.Delivered:
		text := "delivered after " + span(f.At.Sub(begun))
		if f.CarriedBy != 0 {
			text += ", by the call of " + f.CarriedBy.String()
		}
		if f.Attempts > 1 {
			text += ", in attempt " + number(f.Attempts)
		}
		return text
	case journal.Filtered, journal.Rejected:
		return string(f.Outcome) + ": " + f.Reason
	case journal.Dead:
		text := fmt.Sprintf("dead after %s: %s", span(f.At.Sub(begun)), f.Reason)
		if f.Attempts > 0 {
			text += ", " + plural(f.Attempts, "attempt")
		}
		return text
	case history.Pending:
		return p.waits(f)
	default:
		return "finished; the record of how is deleted already"
	}
}

// waits says what a pending event waits for.
func (p *tracePrinter) waits(f *history.Fate) string {
	text := "pending"
	if !f.ParkedSince.IsZero() {
		text = "pending, parked since " + f.ParkedSince.UTC().Format(time.TimeOnly)
	}
	switch {
	case f.Behind != 0:
		text += " behind " + f.Behind.String()
	case f.Attempts > 0:
		text += fmt.Sprintf(": %s failed since %s, ", plural(f.Attempts, "attempt"), f.FirstAttempt.UTC().Format(time.TimeOnly))
		if wait := f.NextAttempt.Sub(p.now); wait > 0 {
			text += "next try in " + span(wait)
		} else {
			text += "the next try is due"
		}
	case f.State == "":
		text += ": on its way, or its user's limit is reached"
	}
	if f.State != "" {
		text += "; destination " + f.State
	}
	return text
}

// letter shows what is kept of a dead event.
func (p *tracePrinter) letter(e *history.Traced, f *history.Fate) {
	if f.Letter == nil {
		p.linef("  its letter was sent again or discarded")
		return
	}
	if f.Letter.Status != 0 {
		p.linef("  answered %d %s", f.Letter.Status, p.cut(f.Letter.Answer))
	}
	if p.full {
		for i, a := range f.Letter.Attempts {
			p.linef("  attempt %d: %s", i+1, attemptText(a))
		}
	}
	p.linef("  tanker dead show %s --destination %s", e.Position, f.Destination)
}

// call shows a call in one line, or in full.
func (p *tracePrinter) call(method, path string, body json.RawMessage) {
	if method == http.MethodPost {
		method = ""
	} else {
		method += " "
	}
	if !p.full || len(body) == 0 {
		p.linef("  %s%s %s", method, path, p.cut(string(body)))
		return
	}
	p.linef("  %s%s", method, path)
	p.block(body)
}

// block shows JSON in lines, beneath an event.
func (p *tracePrinter) block(data json.RawMessage) {
	for line := range strings.Lines(indented(data)) {
		fmt.Fprintf(p.out, "%s  %s\n", traceIndent, strings.TrimRight(line, "\n"))
	}
}

func (p *tracePrinter) cut(text string) string {
	if p.full {
		return text
	}
	return short(text, 120)
}

// line prints beneath an event.
func (p *tracePrinter) linef(format string, args ...any) {
	fmt.Fprintf(p.out, "%s%s\n", traceIndent, plain(fmt.Sprintf(format, args...)))
}

// summary says how many events there were, and how far back the log goes.
func (p *tracePrinter) summary(end history.TraceEnd) {
	from := ""
	if !end.Oldest.IsZero() {
		from = ", from " + end.Oldest.UTC().Format("2006-01-02 15:04:05") + " on"
	}
	if end.Damaged > 0 {
		fmt.Fprintf(p.out, "%s cannot be read: the disk has damaged them\n", plural(end.Damaged, "event"))
	}
	if end.Events == 0 {
		fmt.Fprintf(p.out, "no such event among the %s that were searched%s\n", number(end.Searched), from)
		return
	}
	fmt.Fprintf(p.out, "%s of %s searched%s\n", plural(end.Events, "event"), number(end.Searched), from)
	p.outcomes.print(p.out)
	if end.More {
		fmt.Fprintln(p.out, "… and more: --limit 0 shows all")
	}
}

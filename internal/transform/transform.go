// Package transform maps a stream of events, one on each line, and writes what becomes of each on a line of
// its own. It keeps one line in memory, however long the stream is.
package transform

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tanker/event"
	"tanker/internal/ndjson"
	"tanker/internal/script"
	"tanker/mapping"
)

// Reasons for which a line is rejected before it comes to be mapped.
const (
	reasonMalformed = mapping.ReasonMalformed
	reasonTooLarge  = "too_large"
)

// Mapper makes calls of events. Its error is a *mapping.Refusal.
type Mapper interface {
	Map(e *event.Event) (mapping.Call, error)
}

// Options says how to map.
type Options struct {
	Mapper Mapper       // required
	Limits event.Limits // of each line; zero fields mean the defaults of package event

	// Script, if there is one, transforms each event before it is mapped, unless Check refuses it; see Chain.
	Script Script
	Check  func(e *event.Event) error

	// Source and Destination are the names that the script is told.
	Source, Destination string

	// Now gives the time at which an event counts as accepted. Defaults to time.Now.
	Now func() time.Time

	// Log gets each line that the script logs. Defaults to nobody.
	Log func(line string)
}

// Counts is what became of a stream's events. One that becomes several calls counts as often.
type Counts struct {
	Calls, Rejected, Filtered int
}

// Total is how many lines were written.
func (c Counts) Total() int { return c.Calls + c.Rejected + c.Filtered }

// Run maps every line of in and writes a line to out for each call that it becomes, or one for an event that becomes none,
// in the same order; blank lines are left out.
// A line that cannot be used is answered with a rejection, and the next one follows. An error means that in
// could not be read, out could not be written or ctx ended.
func Run(ctx context.Context, in io.Reader, out io.Writer, o Options) (Counts, error) {
	lines := ndjson.NewReader(in, o.Limits.MaxBytes)
	w := bufio.NewWriterSize(out, 64<<10)
	t := transformer{o: o, chain: Chain{o.Script, o.Mapper, o.Check}}
	for ctx.Err() == nil {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return t.counts, w.Flush()
		}
		if err != nil && !errors.Is(err, ndjson.ErrLongLine) {
			return t.counts, errors.Join(fmt.Errorf("reading line %d: %w", lines.Number(), err), w.Flush())
		}
		answer, err := t.answer(ctx, line, lines.Number(), err)
		if err != nil {
			return t.counts, errors.Join(fmt.Errorf("line %d: %w", lines.Number(), err), w.Flush())
		}
		if _, err := w.Write(answer); err != nil {
			return t.counts, fmt.Errorf("writing: %w", err)
		}
		if lines.Waiting() { // whoever feeds us line by line wants each answer at once
			if err := w.Flush(); err != nil {
				return t.counts, fmt.Errorf("writing: %w", err)
			}
		}
	}
	return t.counts, errors.Join(context.Cause(ctx), w.Flush())
}

type transformer struct {
	o      Options
	chain  Chain
	counts Counts
	out    []byte
}

// answer is what is written for a line that was read, or for one that was too long: a line, or a line for each call if
// the script made several of the event.
func (t *transformer) answer(ctx context.Context, line []byte, number int, tooLong error) ([]byte, error) {
	t.out = t.out[:0]
	if tooLong != nil {
		t.reject(nil, reasonTooLarge, fmt.Sprintf("line %d: %v", number, tooLong))
		return t.out, nil
	}
	e, err := event.Parse(line, t.o.Limits)
	if err != nil {
		t.reject(nil, reasonMalformed, fmt.Sprintf("line %d: %v", number, err))
		return t.out, nil
	}
	calls, log, err := t.chain.Calls(ctx, t.input(e))
	if t.o.Log != nil {
		for _, line := range log {
			t.o.Log(line)
		}
	}
	refusal, refused := errors.AsType[*mapping.Refusal](err)
	switch {
	case err == nil:
		for _, call := range calls {
			t.call(e, call)
		}
	case refused && refusal.Outcome == mapping.Filtered:
		t.filter(e, refusal.Reason)
	case refused:
		t.reject(e, refusal.Reason, refusal.Message)
	default:
		return nil, err
	}
	return t.out, nil
}

// input is what the script gets. Without one the time does not matter.
func (t *transformer) input(e *event.Event) script.Input {
	in := script.Input{Event: e, Source: t.o.Source, Destination: t.o.Destination}
	if t.o.Script != nil {
		now := time.Now
		if t.o.Now != nil {
			now = t.o.Now
		}
		in.Envelope.ReceivedAt = now()
	}
	return in
}

func (t *transformer) call(e *event.Event, call mapping.Call) {
	t.counts.Calls++
	t.begin(e)
	t.out = append(t.out, `"call":{"method":`...)
	t.text(call.Method)
	t.out = append(t.out, `,"path":`...)
	t.text(call.Path)
	t.out = append(t.out, `,"body":`...)
	t.out = append(t.out, call.Body...)
	t.out = append(t.out, "}}\n"...)
}

func (t *transformer) reject(e *event.Event, reason, message string) {
	t.counts.Rejected++
	t.begin(e)
	t.out = append(t.out, `"rejected":{"reason":`...)
	t.text(reason)
	t.out = append(t.out, `,"message":`...)
	t.text(message)
	t.out = append(t.out, "}}\n"...)
}

func (t *transformer) filter(e *event.Event, reason string) {
	t.counts.Filtered++
	t.begin(e)
	t.out = append(t.out, `"filtered":{"reason":`...)
	t.text(reason)
	t.out = append(t.out, "}}\n"...)
}

// begin starts a line with the id of the event, or null if it has none or is none.
func (t *transformer) begin(e *event.Event) {
	t.out = append(t.out, `{"messageId":`...)
	id := ""
	if e != nil {
		id = e.MessageID()
	}
	if id == "" {
		t.out = append(t.out, `null,`...)
		return
	}
	t.text(id)
	t.out = append(t.out, ',')
}

func (t *transformer) text(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`) // a string can always be encoded
	}
	t.out = append(t.out, quoted...)
}

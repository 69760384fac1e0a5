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

	"tanker/event"
	"tanker/internal/ndjson"
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
}

// Counts is what became of a stream's events.
type Counts struct {
	Calls, Rejected, Filtered int
}

// Total is how many events there were.
func (c Counts) Total() int { return c.Calls + c.Rejected + c.Filtered }

// Run maps every line of in and writes a line to out for each, in the same order; blank lines are left out.
// A line that cannot be used is answered with a rejection, and the next one follows. An error means that in
// could not be read, out could not be written or ctx ended.
func Run(ctx context.Context, in io.Reader, out io.Writer, o Options) (Counts, error) {
	lines := ndjson.NewReader(in, o.Limits.MaxBytes)
	w := bufio.NewWriterSize(out, 64<<10)
	t := transformer{mapper: o.Mapper, limits: o.Limits}
	for ctx.Err() == nil {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return t.counts, w.Flush()
		}
		if err != nil && !errors.Is(err, ndjson.ErrLongLine) {
			return t.counts, errors.Join(fmt.Errorf("reading line %d: %w", lines.Number(), err), w.Flush())
		}
		if _, err := w.Write(t.answer(line, lines.Number(), err)); err != nil {
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
	mapper Mapper
	limits event.Limits
	counts Counts
	out    []byte
}

// answer is the line that is written for one that was read, or for one that was too long.
func (t *transformer) answer(line []byte, number int, tooLong error) []byte {
	if tooLong != nil {
		return t.reject(nil, reasonTooLarge, fmt.Sprintf("line %d: %v", number, tooLong))
	}
	e, err := event.Parse(line, t.limits)
	if err != nil {
		return t.reject(nil, reasonMalformed, fmt.Sprintf("line %d: %v", number, err))
	}
	call, err := t.mapper.Map(e)
	var refusal *mapping.Refusal
	switch {
	case err == nil:
		return t.call(e, call)
	case errors.As(err, &refusal) && refusal.Outcome == mapping.Filtered:
		return t.filter(e, refusal.Reason)
	case errors.As(err, &refusal):
		return t.reject(e, refusal.Reason, refusal.Message)
	default:
		return t.reject(e, reasonMalformed, err.Error())
	}
}

func (t *transformer) call(e *event.Event, call mapping.Call) []byte {
	t.counts.Calls++
	t.begin(e)
	t.out = append(t.out, `"call":{"method":`...)
	t.text(call.Method)
	t.out = append(t.out, `,"path":`...)
	t.text(call.Path)
	t.out = append(t.out, `,"body":`...)
	t.out = append(t.out, call.Body...)
	return t.end()
}

func (t *transformer) reject(e *event.Event, reason, message string) []byte {
	t.counts.Rejected++
	t.begin(e)
	t.out = append(t.out, `"rejected":{"reason":`...)
	t.text(reason)
	t.out = append(t.out, `,"message":`...)
	t.text(message)
	return t.end()
}

func (t *transformer) filter(e *event.Event, reason string) []byte {
	t.counts.Filtered++
	t.begin(e)
	t.out = append(t.out, `"filtered":{"reason":`...)
	t.text(reason)
	return t.end()
}

// begin starts a line with the id of the event, or null if it has none or is none.
func (t *transformer) begin(e *event.Event) {
	t.out = append(t.out[:0], `{"messageId":`...)
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

func (t *transformer) end() []byte {
	t.out = append(t.out, "}}\n"...)
	return t.out
}

func (t *transformer) text(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`) // a string can always be encoded
	}
	t.out = append(t.out, quoted...)
}

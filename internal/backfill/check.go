package backfill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tanker/event"
	"tanker/mapping"
)

// Mapper makes calls of events. A *mapping.Mapper is one.
type Mapper interface {
	Map(e *event.Event) (mapping.Call, error)
}

// Checker says which rows can be used, and what they become.
type Checker struct {
	Mapper Mapper       // of the destination; required
	Limits event.Limits // of an event; zero fields mean the defaults of package event
	Job    string       // begins the ids of messages that have none: the same job gives a row the same id each time

	// Progress is called now and then during a check with the number of rows read so far. nil: nobody is told.
	Progress func(rows int)
}

// Report is what a check has found.
type Report struct {
	Rows     int            `json:"rows"`
	Refused  int            `json:"refused"`
	Problems map[string]int `json:"problems,omitempty"` // rows refused, by reason; at most a hundred different ones
	Events   int            `json:"events"`
	Calls    map[string]int `json:"calls"`   // by path
	Samples  []Sample       `json:"samples"` // the first calls
}

// Sample is what a row becomes.
type Sample struct {
	Row  int    `json:"row"`
	Path string `json:"path"`
	Body string `json:"body"`
}

// Total is how many calls there will be.
func (r *Report) Total() int {
	n := 0
	for _, calls := range r.Calls {
		n += calls
	}
	return n
}

const (
	maxSamples  = 3
	maxProblems = 100
)

// Check reads all rows and says what would become of them. Nothing is sent.
func (c *Checker) Check(ctx context.Context, rows Reader) (Report, error) {
	r := Report{Problems: map[string]int{}, Calls: map[string]int{}}
	for ctx.Err() == nil {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		r.Rows++
		if c.Progress != nil && r.Rows%10_000 == 0 {
			c.Progress(r.Rows)
		}
		_, calls, problem := c.judge(row)
		if problem != "" {
			r.refuse(problem)
			continue
		}
		r.Events += len(row.Events)
		for _, call := range calls {
			r.Calls[call.Path]++
			if len(r.Samples) < maxSamples {
				r.Samples = append(r.Samples, Sample{row.Number, call.Path, string(call.Body)})
			}
		}
	}
	return r, ctx.Err()
}

func (r *Report) refuse(problem string) {
	r.Refused++
	if _, known := r.Problems[problem]; !known && len(r.Problems) >= maxProblems {
		problem = "others"
	}
	r.Problems[problem]++
}

// judge returns a row's events as they are to be sent and the calls that they become, or says why the row cannot be
// used: a row is sent whole or not at all.
func (c *Checker) judge(row Row) (events [][]byte, calls []mapping.Call, problem string) {
	if row.Problem != "" {
		return nil, nil, row.Problem
	}
	for i, raw := range row.Events {
		e, err := event.Parse(raw, c.Limits)
		if err != nil {
			return nil, nil, err.Error()
		}
		if !e.Identified() {
			return nil, nil, "the event has neither userId nor anonymousId"
		}
		call, err := c.Mapper.Map(e)
		if err != nil {
			return nil, nil, err.Error()
		}
		events = append(events, c.withID(e, row.Number, i))
		calls = append(calls, call)
	}
	return events, calls, ""
}

// withID gives an event without a message id the same one each time, so that what is sent again is stored once.
func (c *Checker) withID(e *event.Event, row, i int) []byte {
	raw := bytes.TrimSpace(e.Raw())
	if e.MessageID() != "" {
		return raw
	}
	out := fmt.Appendf(nil, `{"messageId":%s`, strconv.Quote(fmt.Sprintf("import-%s-%d-%d", c.Job, row, i)))
	for name, value := range e.Get().Members() {
		if name == "messageId" {
			continue
		}
		out = appendText(append(out, ','), name)
		out = append(append(out, ':'), value.Raw()...)
	}
	return append(out, '}')
}

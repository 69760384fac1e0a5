// Package playground says what an event would become at a destination, and shows each step of the way. It sends nothing and
// stores nothing.
package playground

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"tanker/event"
	"tanker/internal/filter"
	"tanker/internal/script"
	"tanker/internal/transform"
	"tanker/mapping"
)

// MaxEvent is how large an event may be, in bytes.
const MaxEvent = 1 << 20

// Destination is where an event would go.
type Destination struct {
	Name    string
	Filter  filter.Settings
	Mapping mapping.Settings
	Script  transform.Script // its transformation; nil if it has none

	// Suppresses reports whether an event is of a user who was erased, and whose events are not wanted any more. May be nil.
	Suppresses func(e *event.Event) bool
}

// Request is an event that is tried out, and how.
type Request struct {
	Event    []byte         // one JSON object
	Envelope event.Envelope // what the gateway would know beside it; ReceivedAt must be set
	Source   string         // where it comes from, as the transformation is told
	Limits   event.Limits   // the gateway's

	Profile          mapping.Profile // "" is the destination's own
	NoFilter         bool            // let every event pass that the mapping can use
	NoTransformation bool            // leave the transformation out
}

// Outcome is what becomes of an event.
type Outcome string

// The outcomes. The zero value means that nobody knows: Message says why.
const (
	Called   Outcome = "called" // it becomes calls
	Filtered Outcome = mapping.Filtered
	Rejected Outcome = mapping.Rejected
)

// Result is what an event becomes, and how that comes about.
type Result struct {
	Type string // of the event, in lower case
	User string // whose event it is; "" if it says of nobody

	Outcome Outcome
	Reason  string // a stable code, if it becomes no call
	Message string // the same for people
	Calls   []mapping.Call
	Steps   []Step
	Log     []string // what the transformation logged
}

// reasonSuppressed is what delivery says of events of users who are suppressed.
const reasonSuppressed = "suppressed"

// Try says what an event becomes. It takes as long as the destination's transformation does.
func Try(ctx context.Context, d Destination, r Request) Result {
	t := &try{destination: d, request: r}
	e, err := t.read()
	if err != nil {
		return t.refused(mapping.Refusal{Outcome: mapping.Rejected, Reason: mapping.ReasonMalformed, Message: err.Error()})
	}
	t.result.Type, t.result.User = e.Type(), e.UserKey()
	if d.Suppresses != nil && d.Suppresses(e) {
		refusal := mapping.Refusal{
			Outcome: mapping.Filtered, Reason: reasonSuppressed,
			Message: "The user was erased, and is suppressed: such events are dropped as they come.",
		}
		t.step(Step{Name: StepKnown, Verdict: Stopped, Reason: refusal.Reason, Message: refusal.Message})
		return t.refused(refusal)
	}
	chain, err := t.chain()
	if err != nil {
		t.result.Message = err.Error()
		return t.result
	}
	calls, log, err := t.calls(ctx, chain, e)
	t.result.Log = log
	refusal, ok := errors.AsType[*mapping.Refusal](err)
	switch {
	case ok:
		return t.refused(*refusal)
	case err != nil:
		t.result.Message = err.Error()
	default:
		t.result.Outcome, t.result.Calls = Called, calls
	}
	return t.result
}

// try is an event on its way.
type try struct {
	destination Destination
	request     Request
	result      Result
	filter      *filter.Filter
	mapper      *mapping.Mapper
	made        int // how many events the transformation made
}

// read reads the event as the gateway would have it.
func (t *try) read() (*event.Event, error) {
	limits := t.request.Limits
	if limits.MaxBytes == 0 || limits.MaxBytes > MaxEvent {
		limits.MaxBytes = MaxEvent
	}
	e, err := event.Parse(t.request.Event, limits)
	if err != nil {
		err = located(t.request.Event, err)
		t.step(Step{Name: StepRead, Verdict: Stopped, Message: err.Error()})
		return nil, err
	}
	if kind := t.request.Envelope.Type; kind != "" {
		e = e.WithType(kind)
	}
	t.step(Step{Name: StepRead, Verdict: Passed, Message: about(e)})
	return e, nil
}

func (t *try) refused(r mapping.Refusal) Result {
	t.result.Outcome, t.result.Reason, t.result.Message = Outcome(r.Outcome), r.Reason, r.Message
	return t.result
}

// chain is what the destination makes of events, with each part telling what it does.
func (t *try) chain() (transform.Chain, error) {
	settings := t.destination.Mapping
	if t.request.Profile != "" {
		settings.Profile = t.request.Profile
	}
	var err error
	if t.mapper, err = mapping.New(settings); err != nil {
		return transform.Chain{}, err
	}
	rules := t.destination.Filter
	if t.request.NoFilter {
		rules = filter.Settings{ScreenAsPage: rules.ScreenAsPage}
	}
	t.filter = filter.New(rules)
	chain := transform.Chain{Check: t.addressed, Mapper: mapper{t}}
	if t.destination.Script != nil && !t.request.NoTransformation {
		chain.Script = transformer{t}
	}
	return chain, nil
}

// calls takes an event that breaks the mapping as delivery does.
func (t *try) calls(ctx context.Context, chain transform.Chain, e *event.Event) (calls []mapping.Call, log []string, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = &mapping.Refusal{Outcome: mapping.Rejected, Reason: "mapping_failed", Message: "The mapping breaks down over this event: please report it."}
		}
	}()
	return chain.Calls(ctx, script.Input{
		Event: e, Envelope: t.request.Envelope, Source: t.request.Source, Destination: t.destination.Name,
	})
}

// located says of an error in JSON in which line of the text it is, if there are several.
func located(text []byte, err error) error {
	wrong, ok := errors.AsType[*event.ParseError](err)
	if !ok || wrong.Offset > len(text) || !bytes.Contains(text, []byte("\n")) {
		return err
	}
	before := text[:wrong.Offset]
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Errorf("line %d, column %d: %w", bytes.Count(before, []byte("\n"))+1, column, err)
}

// about says in words what an event is.
func about(e *event.Event) string {
	kind := e.Type()
	if kind == "" {
		kind = "event without a type"
	}
	if user := e.UserKey(); user != "" {
		return fmt.Sprintf("%.60s of user %.200s", kind, user)
	}
	return fmt.Sprintf("%.60s of nobody: neither a user id nor an email", kind)
}

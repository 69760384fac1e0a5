package playground

import (
	"context"
	"errors"
	"fmt"

	"tanker/event"
	"tanker/internal/filter"
	"tanker/internal/script"
	"tanker/internal/transform"
	"tanker/mapping"
)

// StepName is a step on the way of an event.
type StepName string

// The steps, in their order. After a transformation that makes several events the last two come for each of them.
const (
	StepRead      StepName = "read"           // is it an event at all?
	StepKnown     StepName = "suppression"    // is it of a user who was erased? Only there if it is
	StepAddressed StepName = "addressed"      // is it meant for the destination, by what its sender and its user said?
	StepTransform StepName = "transformation" // the destination's script
	StepWanted    StepName = "wanted"         // does the destination want it, by its type and its name?
	StepMapped    StepName = "mapping"        // the call
)

// Verdict is how a step went.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Skipped Verdict = "skipped" // left out on request
	Stopped Verdict = "stopped" // the event goes no further
)

// Step is a step, and how it went.
type Step struct {
	Name    StepName
	Verdict Verdict
	Event   int    // of several events that a transformation made, which one: from 1; else 0
	Reason  string // a stable code, if the event goes no further
	Message string
	Setting string   // the setting of the destination that decides, as tanker.yaml names it; "" if there is none
	Made    [][]byte // of a transformation: the events that it made, in JSON
}

func (t *try) step(s Step) { t.result.Steps = append(t.result.Steps, s) }

// decided notes a step of which err says how it went, and returns err.
func (t *try) decided(s Step, err error) error {
	s.Verdict = Passed
	if t.made > 1 && (s.Name == StepWanted || s.Name == StepMapped) {
		s.Event = t.nth(s.Name)
	}
	if err != nil {
		s.Verdict, s.Message = Stopped, err.Error()
	}
	if refusal, ok := errors.AsType[*mapping.Refusal](err); ok {
		s.Reason, s.Message = refusal.Reason, refusal.Message
		if setting := settingOf(refusal.Reason); setting != "" {
			s.Setting = setting
		}
	}
	t.step(s)
	return err
}

// nth says of which event a step is that comes once for each.
func (t *try) nth(name StepName) int {
	n := 1
	for _, s := range t.result.Steps {
		if s.Name == StepWanted {
			n++
		}
	}
	if name == StepMapped {
		n-- // it follows on the other
	}
	return n
}

// addressed is the first part of the filter.
func (t *try) addressed(e *event.Event) error {
	if t.request.NoFilter {
		t.step(Step{Name: StepAddressed, Verdict: Skipped})
	} else if err := t.decided(Step{Name: StepAddressed}, t.filter.Addressed(e)); err != nil {
		return err
	}
	if t.destination.Script != nil && t.request.NoTransformation {
		t.step(Step{Name: StepTransform, Verdict: Skipped, Setting: "transformation"})
	}
	return nil
}

// transformer is the destination's script, which tells what it does.
type transformer struct{ *try }

// Transform runs the script.
func (t transformer) Transform(ctx context.Context, in script.Input) (script.Output, error) {
	out, err := t.destination.Script.Transform(ctx, in)
	s := Step{Name: StepTransform, Setting: "transformation"}
	if failed, ok := errors.AsType[*script.Failure](err); ok {
		s.Verdict, s.Reason, s.Message = Stopped, transform.ReasonFailed, failed.Message
		t.step(s)
		return out, err
	}
	if err != nil {
		return out, t.decided(s, err)
	}
	t.made = len(out.Events)
	for _, e := range out.Events {
		s.Made = append(s.Made, e.Raw())
	}
	switch s.Verdict = Passed; t.made {
	case 0:
		s.Verdict, s.Reason, s.Message = Stopped, transform.ReasonLeftOut, "The transformation left the event out."
	case 1:
	default:
		s.Message = fmt.Sprintf("It made %d events of it.", t.made)
	}
	t.step(s)
	return out, nil
}

// mapper is the second part of the filter, and the mapping.
type mapper struct{ *try }

// Map makes a call of an event.
func (m mapper) Map(e *event.Event) (mapping.Call, error) {
	e = m.filter.View(e)
	if err := m.wanted(e); err != nil {
		return mapping.Call{}, err
	}
	call, err := m.mapper.Map(e)
	s := Step{Name: StepMapped, Setting: "profile"}
	if err == nil {
		s.Message = call.Method + " " + call.Path
	}
	return call, m.decided(s, err)
}

func (t *try) wanted(e *event.Event) error {
	if !t.request.NoFilter {
		return t.decided(Step{Name: StepWanted}, t.filter.Wanted(e))
	}
	s := Step{Name: StepWanted, Verdict: Skipped}
	if t.made > 1 {
		s.Event = t.nth(s.Name)
	}
	t.step(s)
	return nil
}

// settingOf is the setting of a destination that decides that an event is refused.
func settingOf(reason string) string {
	switch reason {
	case filter.ReasonDisabled:
		return "enabled"
	case filter.ReasonIntegrations:
		return "filter.integration"
	case filter.ReasonConsent:
		return "filter.consent"
	case filter.ReasonMessageType:
		return "filter.message_types"
	case filter.ReasonEventDenied:
		return "filter.deny_events"
	case filter.ReasonEventNotAllowed:
		return "filter.allow_events"
	}
	return ""
}

package transform

import (
	"context"
	"errors"

	"tanker/event"
	"tanker/internal/script"
	"tanker/mapping"
)

// Reasons that a transformation adds to those of the mapping.
const (
	// ReasonLeftOut means that the transformation returned nothing for the event.
	ReasonLeftOut = "transformation"
	// ReasonFailed means that the transformation threw an error, took too much, or returned what is no event.
	ReasonFailed = "transformation_error"
)

// Script makes events of an event. A *script.Runner is one.
type Script interface {
	Transform(ctx context.Context, in script.Input) (script.Output, error)
}

// Chain makes calls of events: by a transformation, and then by the mapping.
type Chain struct {
	Script Script // nil if there is no transformation
	Mapper Mapper // required

	// Check, if there is one, may refuse an event before it is transformed, with a *mapping.Refusal. What it looks at
	// may be gone afterwards.
	Check func(e *event.Event) error
}

// Calls are the calls that an event becomes, and what the transformation logged. Without an error there is at least one
// call, and all are about the same user: they are to be made in order, each after the one before has succeeded.
//
// The error is a *mapping.Refusal, or another one if the transformation could not be run and nothing is known of the event
// yet. An event becomes all of its calls or none: if one of several events is rejected, so is the whole; those that are
// filtered are left out.
func (c Chain) Calls(ctx context.Context, in script.Input) (calls []mapping.Call, log []string, err error) {
	if c.Check != nil {
		if err := c.Check(in.Event); err != nil {
			return nil, nil, err
		}
	}
	if c.Script == nil {
		call, err := c.Mapper.Map(in.Event)
		if err != nil {
			return nil, nil, err
		}
		return []mapping.Call{call}, nil, nil
	}
	out, err := c.Script.Transform(ctx, in)
	if failed, ok := errors.AsType[*script.Failure](err); ok {
		return nil, out.Log, &mapping.Refusal{Outcome: mapping.Rejected, Reason: ReasonFailed, Message: failed.Message}
	}
	if err != nil {
		return nil, out.Log, err
	}
	calls, err = c.mapAll(out)
	return calls, out.Log, err
}

func (c Chain) mapAll(out script.Output) ([]mapping.Call, error) {
	var calls []mapping.Call
	var filtered *mapping.Refusal
	for _, e := range out.Events {
		call, err := c.Mapper.Map(e)
		refusal, refused := errors.AsType[*mapping.Refusal](err)
		switch {
		case err == nil:
			calls = append(calls, call)
		case refused && refusal.Outcome == mapping.Filtered:
			filtered = refusal
		default:
			return nil, err
		}
	}
	if len(calls) == 0 && filtered != nil {
		return nil, filtered
	}
	if len(calls) == 0 {
		return nil, &mapping.Refusal{Outcome: mapping.Filtered, Reason: ReasonLeftOut, Message: "The transformation left the event out."}
	}
	for _, call := range calls[1:] {
		if call.UserKey() != calls[0].UserKey() {
			return nil, &mapping.Refusal{
				Outcome: mapping.Rejected, Reason: ReasonFailed,
				Message: "The transformation made events of different users of one event: return events with the same userId.",
			}
		}
	}
	return calls, nil
}

package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
)

// limits are bounds that every event passes which was ever accepted, whatever the gateway's own were at the time.
var limits = event.Limits{MaxBytes: 64 << 20, MaxDepth: 1000, MaxKeys: 1_000_000}

// Mapper makes calls of events. A *mapping.Mapper is one.
type Mapper interface {
	Map(e *event.Event) (mapping.Call, error)
}

// Transformer is a Mapper that may make several calls of one event, and needs to know more than the event for it. Package
// delivery has the same.
type Transformer interface {
	Mapper
	Calls(ctx context.Context, entry *journal.Entry, e *event.Event) ([]mapping.Call, error)
}

// Mapped is what the mapping, as it is configured now, makes of an event: a call, or a reason why there is none.
type Mapped struct {
	Type string `json:"type"`
	User string `json:"user,omitempty"` // whose event it is: the id that is sent, else the email

	Method string          `json:"method,omitempty"`
	Path   string          `json:"path,omitempty"` // empty if there is no call
	Body   json.RawMessage `json:"body,omitempty"`
	Calls  int             `json:"calls,omitempty"` // how many there are, if there are several; the first one is shown

	Kind    journal.Kind `json:"kind,omitempty"` // filtered, rejected or dead, if there is no call
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"` // for people
}

// Callable reports whether there is a call.
func (m *Mapped) Callable() bool { return m.Path != "" }

// Reasons that do not come from the mapping, as package delivery has them.
const (
	reasonMalformed = "malformed"
	reasonMapping   = "mapping_failed"
	reasonErased    = "erased"
)

// Map says what the mapping makes of an event. It takes an event that breaks the mapping as delivery does.
func Map(m Mapper, entry *journal.Entry) Mapped {
	mapped, _ := mapEntry(m, entry)
	return mapped
}

// mapEntry is Map, with the calls themselves.
func mapEntry(m Mapper, entry *journal.Entry) (mapped Mapped, calls []mapping.Call) {
	if entry.Erased() {
		return Mapped{Kind: journal.Filtered, Reason: reasonErased, Message: "the event was erased, because its user was: only its place is left"}, nil
	}
	e, err := parse(entry)
	if err != nil {
		return Mapped{Type: entry.Type, Kind: journal.Rejected, Reason: reasonMalformed, Message: err.Error()}, nil
	}
	mapped.Type, mapped.User = e.Type(), e.UserKey()
	defer func() {
		if recover() != nil {
			mapped.Kind, mapped.Reason, mapped.Message = journal.Dead, reasonMapping, "the mapping breaks down over this event"
		}
	}()
	calls, err = callsOf(m, entry, e)
	if err != nil {
		mapped.Kind, mapped.Reason, mapped.Message = journal.Rejected, reasonMapping, err.Error()
		if refusal, ok := errors.AsType[*mapping.Refusal](err); ok {
			mapped.Kind, mapped.Reason, mapped.Message = journal.Kind(refusal.Outcome), refusal.Reason, refusal.Message
		}
		return mapped, nil
	}
	call := calls[0]
	mapped.Method, mapped.Path, mapped.Body = call.Method, call.Path, call.Body
	if len(calls) > 1 {
		mapped.Calls = len(calls)
	}
	if key := call.UserKey(); key != "" {
		mapped.User = key
	}
	return mapped, calls
}

func callsOf(m Mapper, entry *journal.Entry, e *event.Event) ([]mapping.Call, error) {
	if t, ok := m.(Transformer); ok {
		return t.Calls(context.Background(), entry, e) // a script's time is bounded
	}
	call, err := m.Map(e)
	return []mapping.Call{call}, err
}

// parse reads an event as it was accepted.
func parse(entry *journal.Entry) (*event.Event, error) {
	e, err := event.Parse(entry.Body, limits)
	if err != nil {
		return nil, err
	}
	if entry.Type != "" {
		e = e.WithType(entry.Type)
	}
	return e, nil
}

// ErrEvent says that what should be sent instead of an event is no event that can be delivered.
var ErrEvent = errors.New("this event cannot be sent")

// Edit replaces what an entry holds by a corrected event. A type in the corrected event counts if it is not the one
// that the old one had: SDKs say the type by the path, and the body's may be anything.
func Edit(entry *journal.Entry, corrected []byte) error {
	e, err := event.Parse(corrected, limits)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	before, err := event.Parse(entry.Body, limits)
	if err != nil || before.Type() != e.Type() {
		entry.Type = e.Type()
	}
	entry.Body = e.Raw()
	return nil
}

package transform

import (
	"context"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/internal/script"
	"tanker/mapping"
)

// Entries makes calls of the events of a journal, by a Chain with a script.
type Entries struct {
	Chain

	// Destination is the name that the script is told.
	Destination string
}

// Calls makes one call or more of an event. The error is Chain.Calls's.
func (m Entries) Calls(ctx context.Context, entry *journal.Entry, e *event.Event) ([]mapping.Call, error) {
	calls, _, err := m.Chain.Calls(ctx, script.Input{
		Event: e,
		Envelope: event.Envelope{
			MessageID: entry.MessageID, Type: entry.Type, RequestIP: entry.RequestIP, ReceivedAt: entry.ReceivedAt,
		},
		Source: entry.Source, Destination: m.Destination,
	})
	return calls, err
}

// Map makes a call of an event that is in no journal: of several the first one.
func (m Entries) Map(e *event.Event) (mapping.Call, error) {
	calls, err := m.Calls(context.Background(), &journal.Entry{ReceivedAt: time.Now()}, e)
	if err != nil {
		return mapping.Call{}, err
	}
	return calls[0], nil
}

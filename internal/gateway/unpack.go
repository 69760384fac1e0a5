package gateway

import (
	"context"
	"errors"
	"unsafe"

	"tanker/event"
	"tanker/internal/journal"
)

// unpacker checks the body of a parcel and makes its entries. When it refuses the body it leaves no entries,
// unless it says otherwise.
type unpacker func(ctx context.Context, p *parcel, limits event.Limits) *refusal

// Memory that a request is counted with in the budget beside its body.
const (
	// parseMemory is what parsing a byte of JSON takes at most: a member of an object, "":1 and a comma, is five bytes and
	// needs a node of 24, in a list that is copied as it grows.
	parseMemory = 10
	entryMemory = int(unsafe.Sizeof(journal.Entry{}) + unsafe.Sizeof(event.Event{}))
)

// unpackSingle reads a body that is one event of the given type, whatever the event itself says.
func unpackSingle(kind string) unpacker {
	return func(ctx context.Context, p *parcel, limits event.Limits) *refusal {
		scratch := parseMemory * p.size()
		if !p.parsing.take(ctx, scratch) {
			return outOfMemory.because(errNoMemory)
		}
		defer p.parsing.give(scratch)
		e, err := event.Parse(p.body.data, limits)
		if err != nil {
			return singleRefusal(err)
		}
		// Events of the types extract and record need no user, but the path's type is neither.
		if e.AnonymousID() == "" && e.UserIDField() == "" {
			return unidentified
		}
		return p.add(e, kind)
	}
}

// singleRefusal is the answer to a body that is not one event. A bare text, number or null counts as an event
// without members, as it does at RudderStack.
func singleRefusal(err error) *refusal {
	var parse *event.ParseError
	if errors.As(err, &parse) && errors.Is(err, event.ErrNotObject) && parse.Found != event.Array {
		return unidentified.because(err)
	}
	return parseRefusal(err)
}

// unpackBatch reads {"batch":[event, …]}. One bad event refuses them all.
func unpackBatch(ctx context.Context, p *parcel, limits event.Limits) *refusal {
	refused := p.unpackList(ctx, limits, func(events []event.Event) *refusal {
		for i := range events {
			if !events[i].Identified() {
				return unidentified
			}
			if refused := p.add(&events[i], ""); refused != nil {
				return refused
			}
		}
		return nil
	})
	if refused != nil {
		p.entries = p.entries[:0]
	}
	return refused
}

// unpackImport reads a batch as RudderStack's import does, which treats the events of each user as a request of
// their own: those without a user are refused, the others are taken all the same. No events at all are fine.
func unpackImport(ctx context.Context, p *parcel, limits event.Limits) *refusal {
	refused := p.unpackList(ctx, limits, func(events []event.Event) (refused *refusal) {
		for i := range events {
			if !events[i].Identified() {
				refused = unidentified
			} else if r := p.add(&events[i], ""); r != nil {
				refused = r
			}
		}
		return refused
	})
	if refused != nil && refused.reason == emptyBatch.reason {
		return nil
	}
	return refused
}

// unpackList hands the events of a batch to take.
func (p *parcel) unpackList(ctx context.Context, limits event.Limits, take func([]event.Event) *refusal) *refusal {
	scratch := parseMemory * p.size()
	if !p.parsing.take(ctx, scratch) {
		return outOfMemory.because(errNoMemory)
	}
	defer p.parsing.give(scratch)
	events, err := event.SplitBatch(p.body.data, limits)
	if err != nil {
		return parseRefusal(err)
	}
	if !p.lease.take(ctx, len(events)*entryMemory) {
		return outOfMemory.because(errNoMemory)
	}
	if cap(p.entries) < len(events) {
		p.entries = make([]journal.Entry, 0, len(events))
	}
	return take(events)
}

const (
	// largestEvent is the largest single event in bytes, whatever the limit for bodies. The journal has no room
	// for much larger ones.
	largestEvent = 6 << 20
	// longestMessageID is the longest messageId in bytes that is taken as one. Those of SDKs have 36.
	longestMessageID = 1 << 10
)

// add makes an entry of an event, unless its user is suppressed: then nothing of it is kept.
func (p *parcel) add(e *event.Event, kind string) *refusal {
	if len(e.Raw()) > largestEvent {
		return tooLarge
	}
	if p.suppresses(e.WithType(kind)) {
		p.suppressed++
		return nil
	}
	id := e.MessageID()
	if id == "" || len(id) > longestMessageID {
		id = event.NewMessageID()
	}
	p.entries = append(p.entries, journal.Entry{
		Source:     p.source,
		MessageID:  id,
		Type:       kind,
		ReceivedAt: p.receivedAt,
		RequestIP:  p.caller,
		Body:       e.Raw(),
	})
	return nil
}

// parseRefusal is the answer to a body that cannot be read as events.
func parseRefusal(err error) *refusal {
	switch {
	case errors.Is(err, event.ErrEmptyBatch):
		return emptyBatch.because(err)
	case errors.Is(err, event.ErrNotObject):
		return notAnEvent.because(err)
	case errors.Is(err, event.ErrTooLarge), errors.Is(err, event.ErrTooManyEvents):
		return tooLarge.because(err)
	}
	return invalidJSON.because(err) // not JSON, nested too deep, too many keys
}

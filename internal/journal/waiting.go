package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go/jetstream"
)

// Floor is the sequence of the pack up to which a destination has finished, or parked, everything. Error: ErrNotFound if
// the destination has no open cursor.
func (j *Journal) Floor(destination string) (uint64, error) {
	c, err := j.cursorOf(destination)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.floor, nil
}

// ParkedFilter says which parked events to list.
type ParkedFilter struct {
	Destination string // required
	User        string // whose; "" means everybody's
	After       uint64 // continue a listing: the Next of the page before
	Limit       int    // events on the page, exceeded by some dozens at most; zero means 100
}

// ParkedPage is a part of a listing, those who were parked first first.
type ParkedPage struct {
	Events []ParkedEntry
	Next   uint64 // After for the next page; 0 if this is the last
}

// ParkedEntry is an event that waits in PARKED, with what is known of its attempts.
type ParkedEntry struct {
	Entry
	User string // because of whom it waits
}

// ParkedEvents lists events that are parked. It changes nothing. Errors: ErrNotFound if the destination has no open
// cursor, ErrUnavailable, ErrCorrupt.
func (j *Journal) ParkedEvents(ctx context.Context, f ParkedFilter) (ParkedPage, error) {
	c, err := j.cursorOf(f.Destination)
	if err != nil {
		return ParkedPage{}, err
	}
	subject := subjectParked + f.Destination + ".>"
	if f.User != "" {
		subject = parkedSubject(f.Destination, f.User)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var page ParkedPage
	for seq := f.After + 1; ; seq++ {
		msg, err := c.nextParked(ctx, seq, subject)
		if err != nil || msg == nil || c.unrecordedAt(msg.Sequence) {
			return page, err
		}
		if len(page.Events) >= f.Limit {
			page.Next = seq - 1
			return page, nil
		}
		left, err := c.leftParked(msg)
		if err != nil {
			return page, err
		}
		page.Events = append(page.Events, left...)
		seq = msg.Sequence
	}
}

// unrecordedAt reports whether no record names a message of PARKED: its events are not parked, or not yet.
func (c *Cursor) unrecordedAt(seq uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return seq > c.parked.upTo
}

// leftParked is the events of a message that are not finished.
func (c *Cursor) leftParked(msg *jetstream.RawStreamMsg) ([]ParkedEntry, error) {
	head, err := readParkedHead(msg.Header)
	if err != nil {
		return nil, fmt.Errorf("parked events %d: %w", msg.Sequence, err)
	}
	events, err := decodeParked(msg.Data)
	if err != nil {
		return nil, fmt.Errorf("parked events %d: %w", msg.Sequence, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var done bitset
	if m := c.parked.messages[msg.Sequence]; m != nil {
		done = m.done
	}
	left := make([]ParkedEntry, 0, len(events))
	for i := range events {
		if done.has(i) || !c.place.wants(events[i].connection, events[i].Position.Seq()) {
			continue
		}
		e := ParkedEntry{Entry: events[i].Entry, User: head.user}
		if retry, ok := c.retries[e.Position]; ok {
			e.Retry = retry
		}
		left = append(left, e)
	}
	return left, nil
}

// StillParked reports whether the event at a place in PARKED is not finished. Errors: ErrNotFound if the destination has no
// open cursor, ErrUnavailable.
func (j *Journal) StillParked(ctx context.Context, destination string, place Position) (bool, error) {
	c, err := j.cursorOf(destination)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	m := c.parked.messages[place.Seq()]
	done := m != nil && m.done.has(place.Index())
	c.mu.Unlock()
	if done {
		return false, nil
	}
	_, err = j.parked.GetMsg(ctx, place.Seq())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read parked events: %w: %w", ErrUnavailable, err)
	}
	return true, nil
}

// Retries is what is known of the attempts of a destination's events that failed and have no outcome yet. Error:
// ErrNotFound if the destination has no open cursor.
func (j *Journal) Retries(destination string) (map[Position]Retry, error) {
	c, err := j.cursorOf(destination)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.retries), nil
}

// Pack reads one pack of the log. Errors: ErrNotFound if there is none any more, ErrUnavailable, ErrCorrupt.
func (j *Journal) Pack(ctx context.Context, seq uint64) (StoredPack, error) {
	if seq == 0 {
		return StoredPack{}, fmt.Errorf("event pack 0: %w", ErrNotFound)
	}
	p, err := j.readLogged(ctx, seq)
	if err != nil {
		return StoredPack{}, err
	}
	if p == nil {
		return StoredPack{}, fmt.Errorf("event pack %d: %w", seq, ErrNotFound)
	}
	return p.unfold(), nil
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Status is where a destination stands. Accepted is always the sum of the totals and Pending.
type Status struct {
	Destination string    `json:"destination"`
	Accepted    uint64    `json:"accepted"`
	Pending     uint64    `json:"pending"`
	Parked      uint64    `json:"parked"` // of the pending events, those that wait in PARKED
	Totals      Totals    `json:"totals"`
	Oldest      time.Time `json:"oldest"` // when the oldest pending event was accepted; zero if none is pending
}

// Status says where the destination stands.
func (c *Cursor) Status(ctx context.Context) (Status, error) {
	c.mu.Lock()
	s := Status{
		Destination: c.destination, Totals: c.totals.clone(), Accepted: c.accepted(),
		Parked: uint64(c.parked.events), Oldest: c.state.oldest(),
	}
	floor, parked := c.state.floor, c.parked.oldest()
	c.mu.Unlock()
	finished := s.Totals.Sum()
	s.Accepted = max(s.Accepted, finished)
	s.Pending = s.Accepted - finished
	if s.Pending == 0 {
		s.Oldest = time.Time{}
		return s, nil
	}
	var err error
	if s.Oldest.IsZero() && s.Pending > s.Parked {
		s.Oldest, err = c.oldestUnread(ctx, floor)
	}
	if s.Oldest.IsZero() || !parked.IsZero() && parked.Before(s.Oldest) {
		s.Oldest = parked
	}
	return s, err
}

// oldestUnread is when the destination's first event after a sequence was accepted, or the zero time.
func (c *Cursor) oldestUnread(ctx context.Context, after uint64) (time.Time, error) {
	msg, err := c.nextOwn(ctx, after)
	if err != nil || msg == nil {
		return time.Time{}, err
	}
	p, err := decodePack(msg.Data)
	if err != nil {
		return time.Time{}, fmt.Errorf("event pack %d: %w", msg.Sequence, err)
	}
	if strings.HasPrefix(msg.Subject, subjectReplay) {
		return msg.Time.UTC(), nil
	}
	return p.entries[0].ReceivedAt, nil
}

// finishedUpTo is the sequence up to which the destination has finished everything that is its own: its floor, or,
// as far as nothing of its own comes after that, more, but not more than end.
func (c *Cursor) finishedUpTo(ctx context.Context, end uint64) (uint64, error) {
	c.mu.Lock()
	floor := c.state.floor
	c.mu.Unlock()
	next, err := c.nextOwn(ctx, floor)
	if err != nil {
		return 0, err
	}
	if next == nil || next.Sequence > end {
		return max(end, floor), nil
	}
	return next.Sequence - 1, nil
}

// nextOwn is the destination's first pack after a sequence, or nil if there is none.
func (c *Cursor) nextOwn(ctx context.Context, after uint64) (*jetstream.RawStreamMsg, error) {
	var next *jetstream.RawStreamMsg
	for _, prefix := range c.prefixes {
		msg, err := c.journal.events.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(prefix+">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
		if next == nil || msg.Sequence < next.Sequence {
			next = msg
		}
	}
	return next, nil
}

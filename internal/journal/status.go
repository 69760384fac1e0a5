package journal

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Status is where a destination stands. Accepted is always the sum of the totals and Pending.
type Status struct {
	Destination string    `json:"destination"`
	Accepted    uint64    `json:"accepted"`
	Pending     uint64    `json:"pending"`
	Parked      uint64    `json:"parked"`   // of the pending events, those that wait in PARKED
	Retrying    uint64    `json:"retrying"` // of the pending events, those that have failed and will be tried again
	Totals      Totals    `json:"totals"`
	Oldest      time.Time `json:"oldest"` // when the oldest pending event was accepted; zero if none is pending
}

// Status says where the destination stands.
func (c *Cursor) Status(ctx context.Context) (Status, error) {
	c.mu.Lock()
	s := Status{
		Destination: c.destination, Totals: c.totals.clone(), Accepted: c.accepted(),
		Parked: uint64(c.parked.events), Retrying: uint64(len(c.retries)), Oldest: c.state.oldest(),
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
		s.Oldest, err = c.journal.oldestAfter(ctx, c.prefixes, floor)
	}
	if s.Oldest.IsZero() || !parked.IsZero() && parked.Before(s.Oldest) {
		s.Oldest = parked
	}
	return s, err
}

// oldestAfter is when the first event after a sequence of the subjects with these prefixes was accepted, or the zero
// time.
func (j *Journal) oldestAfter(ctx context.Context, prefixes []string, after uint64) (time.Time, error) {
	next, err := j.nextOf(ctx, prefixes, after)
	if err != nil || next == nil {
		return time.Time{}, err
	}
	p, err := decodePack(next.data)
	if err != nil {
		return time.Time{}, fmt.Errorf("event pack %d: %w", next.seq, err)
	}
	if strings.HasPrefix(next.subject, subjectReplay) || len(p.entries) == 0 {
		return next.stored, nil
	}
	return p.entries[0].ReceivedAt, nil
}

// finishedUpTo is the sequence up to which the destination has finished everything that is its own: its floor, or,
// as far as nothing of its own comes after that, more, but not more than end.
func (c *Cursor) finishedUpTo(ctx context.Context, end uint64) (uint64, error) {
	c.mu.Lock()
	floor := c.state.floor
	c.mu.Unlock()
	return c.journal.finishedUpTo(ctx, c.prefixes, floor, end)
}

// finishedUpTo is the same for whoever reads the subjects with these prefixes and has finished all up to a floor.
func (j *Journal) finishedUpTo(ctx context.Context, prefixes []string, floor, end uint64) (uint64, error) {
	next, err := j.nextOf(ctx, prefixes, floor)
	if err != nil {
		return 0, err
	}
	if next == nil || next.seq > end {
		return max(end, floor), nil
	}
	return next.seq - 1, nil
}

// nextOf is the first pack after a sequence of the subjects with these prefixes, or nil if there is none.
func (j *Journal) nextOf(ctx context.Context, prefixes []string, after uint64) (*loggedPack, error) {
	var next *loggedPack
	for _, prefix := range prefixes {
		p, err := j.nextLogged(ctx, after+1, prefix+">")
		if err != nil {
			return nil, err
		}
		if next == nil || p != nil && p.seq < next.seq {
			next = p
		}
	}
	return next, nil
}

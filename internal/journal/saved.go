package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go/jetstream"
)

// saved is a cursor as the bucket CURSORS holds it, in JSON.
type saved struct {
	Floor    uint64             `json:"floor"`    // every pack up to this sequence is finished
	Done     map[uint64][]span  `json:"done"`     // finished events above the floor
	Outcomes uint64             `json:"outcomes"` // sequence in OUTCOMES; what comes after it must be applied
	Place    place              `json:"place"`
	Totals   Totals             `json:"totals"`
	Retries  map[Position]Retry `json:"retries,omitempty"`
	Parked   savedParking       `json:"parked,omitzero"`
	Epoch    uint64             `json:"epoch,omitempty"`  // of the owner; see CursorOptions
	Counts   map[string]uint64  `json:"counts,omitempty"` // events that each subject held up to the floor
	Seen     map[string]uint64  `json:"seen,omitempty"`   // events that each subject held when it was saved, as far as it had been read
}

// load brings the cursor to where it was: the saved state, and the outcomes stored since.
func (c *Cursor) load(ctx context.Context, opts CursorOptions) error {
	if err := c.takeOver(ctx); err != nil {
		return err
	}
	entry, err := c.journal.cursors.Get(ctx, c.destination)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		err = c.beginAgain(ctx, opts)
	case err != nil:
		return fmt.Errorf("read: %w: %w", ErrUnavailable, err)
	default:
		c.revision = entry.Revision()
		err = c.restore(ctx, entry.Value())
		if errors.Is(err, ErrCorrupt) {
			err = c.beginAgain(ctx, opts)
		}
	}
	if err != nil {
		return err
	}
	if err := c.fenceParked(ctx); err != nil {
		return err
	}
	if err := c.loadParked(ctx); err != nil {
		return err
	}
	c.missParked()
	if c.rebuilt {
		if err := c.recount(ctx, lastPosition.Seq()); err != nil {
			return err
		}
	}
	c.mendTail(ctx)
	if c.fence.epoch == 0 {
		c.parked.fences = nil // from when the journal was shared: there are no epochs any more
	}
	if err := c.connect(ctx, opts.Sources); err != nil {
		return err
	}
	if err := c.expect(ctx); err != nil {
		return err
	}
	c.settleAccounts()
	if err := c.saveBegun(ctx); err != nil {
		return err
	}
	if err := c.recallRepeats(ctx); err != nil {
		return err
	}
	c.last = c.state.floor
	c.dirty = true
	return c.save(ctx)
}

// beginAgain sets the cursor up if none was saved that can be read.
func (c *Cursor) beginAgain(ctx context.Context, opts CursorOptions) error {
	if known, err := c.rebuild(ctx, opts.Sources); known || err != nil {
		return err
	}
	return c.begin(ctx, opts)
}

// begin sets the cursor of a new destination up.
func (c *Cursor) begin(ctx context.Context, opts CursorOptions) error {
	first, floor, err := c.journal.extent(ctx)
	if err != nil {
		return err
	}
	beginning := first - 1
	switch opts.Start {
	case FromBeginning:
		floor = beginning
	case FromTime:
		before, err := c.journal.lastBefore(ctx, opts.StartAt, first, floor)
		if err != nil {
			return err
		}
		floor = max(before, beginning)
	}
	c.state = *newProgress(floor)
	return nil
}

func (c *Cursor) restore(ctx context.Context, data []byte) error {
	s, err := decodeSaved(data)
	if err != nil {
		return err
	}
	if s.Epoch > c.fence.epoch && c.fence.epoch != 0 {
		return ErrFenced
	}
	c.adopt(s)
	return c.replayAll(ctx)
}

// replayAll applies the outcomes that are not in the cursor.
func (c *Cursor) replayAll(ctx context.Context) error {
	if c.fence.epoch != 0 {
		return c.replayOutcomesUpTo(ctx, c.fence.tail)
	}
	return c.replayOutcomes(ctx)
}

func decodeSaved(data []byte) (saved, error) {
	var s saved
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read: %w: %w", ErrCorrupt, err)
	}
	return s, nil
}

// adopt takes what was saved.
func (c *Cursor) adopt(s saved) {
	c.state = *newProgress(s.Floor)
	c.state.restore(s.Done)
	c.place, c.totals, c.outcomes = s.Place, s.Totals, s.Outcomes
	if s.Retries != nil {
		c.retries = s.Retries
	}
	c.parked.restore(s.Parked)
	maps.Copy(c.state.counts, s.Counts)
	for subject, n := range s.Seen {
		c.seen[subject] = sight{upTo: n}
	}
}

// replayOutcomesUpTo applies what was stored after the cursor was saved, up to the record by which this owner began.
func (c *Cursor) replayOutcomesUpTo(ctx context.Context, last uint64) error {
	return c.journal.scan(ctx, c.journal.outcomes, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjectOutcomes + c.destination},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.outcomes + 1,
	}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		seq := meta.Sequence.Stream
		outcomes, err := decodeOutcomes(msg.Data())
		if err != nil {
			return fmt.Errorf("outcomes %d: %w", seq, err)
		}
		if epochOf(msg.Headers()) > c.fence.epoch {
			return ErrFenced
		}
		if len(outcomes) > 0 {
			c.apply(outcomes, seq)
		}
		if seq >= last {
			return ErrStop
		}
		return nil
	})
}

// replayOutcomes applies what was stored after the cursor was saved.
func (c *Cursor) replayOutcomes(ctx context.Context) error {
	info, err := c.journal.outcomes.Info(ctx)
	if err != nil {
		return fmt.Errorf("read outcomes: %w: %w", ErrUnavailable, err)
	}
	c.outcomes = min(c.outcomes, info.State.LastSeq) // in case the disk has lost the latest
	return c.journal.scan(ctx, c.journal.outcomes, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjectOutcomes + c.destination},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.outcomes + 1,
	}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		outcomes, err := decodeOutcomes(msg.Data())
		if err != nil {
			return fmt.Errorf("outcomes %d: %w", meta.Sequence.Stream, err)
		}
		c.apply(outcomes, meta.Sequence.Stream)
		return nil
	})
}

// encode is the cursor as it is saved. c.mu is held.
func (c *Cursor) encode() ([]byte, error) {
	s := saved{
		Floor: c.state.floor, Done: c.state.spans(), Outcomes: c.outcomes,
		Place: c.place, Totals: c.totals, Retries: c.retries, Parked: c.parked.save(), Epoch: c.fence.epoch,
		Counts: c.state.counts, Seen: c.seenCounts(),
	}
	s.forget(c.state.lostAhead())
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode cursor: %w", err)
	}
	return data, nil
}

// save writes the cursor if it has changed. The revision fences a process that another has taken over from.
func (c *Cursor) save(ctx context.Context) error {
	c.mu.Lock()
	if !c.dirty || c.failed != nil {
		defer c.mu.Unlock()
		return c.failed
	}
	data, err := c.encode()
	revision := c.revision
	c.dirty = false
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if revision == 0 {
		revision, err = c.journal.cursors.Create(ctx, c.destination, data)
	} else {
		revision, err = c.journal.cursors.Update(ctx, c.destination, data, revision)
	}

	c.mu.Lock()
	if err == nil {
		defer c.mu.Unlock()
		c.revision = revision
		return nil
	}
	c.dirty = true
	c.mu.Unlock()
	if errors.Is(err, jetstream.ErrKeyExists) {
		return c.overtakenBy(ctx)
	}
	return writeError("save cursor", err)
}

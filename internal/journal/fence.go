package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Where several processes share a journal, one owns a destination at a time. Which one is not the journal's business, but
// each says the epoch of its ownership, which grows. A process that does not know yet that it has lost a destination must
// not disturb the new owner:
//
//   - An owner begins by writing an empty record to OUTCOMES. Every record names the sequence of the one before it. So
//     nothing that a former owner has sent and that comes later is accepted, and the new owner knows how far it has to
//     read until it has read all.
//   - The saved cursor is written by compare-and-set and holds the epoch.
//   - Messages in PARKED have no order among each other that could be checked. They carry the epoch, and an owner notes
//     where PARKED ended when it began: what lies behind and is of an earlier epoch is named by no record, because that
//     record was refused. It is skipped and deleted.
//
// A journal in one process has epoch 0, and nothing of this happens.

const headerEpoch = "Tanker-Epoch" // of the owner who wrote the message

// keptFences is how many owners are remembered. A message would have to be on its way for as long as so many took turns.
const keptFences = 32

// fence keeps former owners of a destination out.
type fence struct {
	epoch uint64    // of this owner; 0 if there can be no other
	tail  uint64    // sequence of the last record in OUTCOMES; belongs to who holds finishing
	began time.Time // when the owner began, by the clock of the journal's server
	first uint64    // sequence of the record by which it began
}

// parkFence says that what lies behind a sequence in PARKED counts only if it was written by this owner or a later one.
type parkFence struct {
	Epoch uint64 `json:"epoch"`
	After uint64 `json:"after"`
}

// stale reports whether a message in PARKED was written by somebody who was no owner any more.
func (p *parking) stale(epoch, seq uint64) bool {
	return slices.ContainsFunc(p.fences, func(f parkFence) bool { return epoch < f.Epoch && seq > f.After })
}

// addFence notes where PARKED ended when an owner began.
func (p *parking) addFence(f parkFence) {
	p.fences = append(p.fences, f)
	if n := len(p.fences) - keptFences; n > 0 {
		p.fences = slices.Delete(p.fences, 0, n)
	}
}

// epochOf reads the epoch of a message; 0 if it has none.
func epochOf(header nats.Header) uint64 {
	epoch, err := strconv.ParseUint(header.Get(headerEpoch), 10, 64)
	if err != nil {
		return 0
	}
	return epoch
}

// mark adds the owner's epoch to a message.
func (f *fence) mark(msg *nats.Msg) {
	if f.epoch == 0 {
		return
	}
	if msg.Header == nil {
		msg.Header = nats.Header{}
	}
	msg.Header.Set(headerEpoch, strconv.FormatUint(f.epoch, 10))
}

// takeOver begins the ownership: from here on nobody else's outcomes are accepted.
func (c *Cursor) takeOver(ctx context.Context) error {
	if c.fence.epoch == 0 {
		return nil
	}
	msg := &nats.Msg{Subject: subjectOutcomes + c.destination, Data: encodeNoOutcomes()}
	c.fence.mark(msg)
	writing, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	ack, err := c.journal.js.PublishMsg(writing, msg)
	if err != nil {
		return writeError("take the destination over", err)
	}
	c.fence.tail, c.fence.first = ack.Sequence, ack.Sequence
	stored, err := c.journal.outcomes.GetMsg(ctx, ack.Sequence)
	if err != nil {
		return fmt.Errorf("read outcomes: %w: %w", ErrUnavailable, err)
	}
	c.fence.began = stored.Time.UTC()
	return nil
}

// Began is when this owner took the destination over, by the clock of the journal's server; the zero time where there
// can be no other owner.
func (c *Cursor) Began() time.Time { return c.fence.began }

// BeganAt is the sequence in OUTCOMES of the record by which this owner began: whoever has read up to there has read all that
// former owners have written. 0 where there can be none.
func (c *Cursor) BeganAt() uint64 { return c.fence.first }

// storeOutcomes adds to the log OUTCOMES and returns the sequence there. c.finishing is held.
func (c *Cursor) storeOutcomes(ctx context.Context, outcomes []storedOutcome) (uint64, error) {
	data, err := encodeOutcomes(outcomes)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	msg := &nats.Msg{Subject: subjectOutcomes + c.destination, Data: data}
	c.fence.mark(msg)
	for {
		var expect []jetstream.PublishOpt
		if c.fence.epoch != 0 {
			expect = append(expect, jetstream.WithExpectLastSequencePerSubject(c.fence.tail))
		}
		ack, err := c.journal.js.PublishMsg(ctx, msg, expect...)
		if err == nil {
			c.fence.tail = ack.Sequence
			return ack.Sequence, nil
		}
		if !overtaken(err) {
			return 0, writeError("store outcomes", err)
		}
		if err := c.lookBehind(ctx); err != nil {
			return 0, err
		}
	}
}

// lookBehind finds out which record has come behind the last one that is known: this owner's own, whose answer was lost, the
// first of a former owner, who will read that it is none any more, or a later owner's. Error: ErrFenced in this case.
func (c *Cursor) lookBehind(ctx context.Context) error {
	msg, err := c.journal.outcomes.GetLastMsgForSubject(ctx, subjectOutcomes+c.destination)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound) && c.fence.tail != 0:
		c.fence.tail = 0 // they have all grown too old
		return nil
	case err != nil:
		return fmt.Errorf("read outcomes: %w: %w", ErrUnavailable, err)
	case msg.Sequence <= c.fence.tail:
		return fmt.Errorf("read outcomes: %w: the last is not known at the moment", ErrUnavailable)
	}
	outcomes, err := decodeOutcomes(msg.Data)
	if err != nil {
		return fmt.Errorf("outcomes %d: %w", msg.Sequence, err)
	}
	epoch := epochOf(msg.Header)
	if epoch == c.fence.epoch || epoch < c.fence.epoch && len(outcomes) == 0 {
		c.fence.tail = msg.Sequence
		return nil
	}
	return c.fail(fmt.Errorf("outcomes of %s: %w", c.destination, ErrFenced))
}

// fail ends the cursor with an error that is final.
func (c *Cursor) fail(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err
	return err
}

// overtakenBy says by whom the saved cursor was written in between: nil if it was this owner itself, whose answer was
// lost, or a former one. The next save then comes in the place of what is there.
func (c *Cursor) overtakenBy(ctx context.Context) error {
	entry, err := c.journal.cursors.Get(ctx, c.destination)
	if err != nil {
		return fmt.Errorf("save cursor: %w: %w", ErrUnavailable, err)
	}
	s, err := decodeSaved(entry.Value())
	if err != nil {
		return err
	}
	if c.fence.epoch == 0 || s.Epoch > c.fence.epoch {
		return c.fail(fmt.Errorf("cursor of %s: %w", c.destination, ErrFenced))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = entry.Revision()
	return fmt.Errorf("save cursor: %w: the answer to an earlier write was lost", ErrUnavailable)
}

// fenceParked notes where PARKED ends for former owners.
func (c *Cursor) fenceParked(ctx context.Context) error {
	if c.fence.epoch == 0 {
		return nil
	}
	info, err := c.journal.parked.Info(ctx)
	if err != nil {
		return fmt.Errorf("read parked events: %w: %w", ErrUnavailable, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked.addFence(parkFence{c.fence.epoch, info.State.LastSeq})
	return nil
}

// staleParked reports whether a message in PARKED does not count.
func (c *Cursor) staleParked(header nats.Header, seq uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.parked.fences) > 0 && c.parked.stale(epochOf(header), seq)
}

package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Parking moves events that must wait because of their user out of the way: from EVENTS, where every event in front of
// the floor holds the floor up, to PARKED, where each user has a subject. A parked event is pending like any other
// and finishes like any other. The log OUTCOMES decides: an event is parked when a record there names its place in
// PARKED, and not before. What can happen in between:
//
//   - Killed while messages are being published: OUTCOMES names none of them. The next start deletes what lies
//     behind the last place that OUTCOMES names, and the events are read from EVENTS again.
//   - Publishing fails, so that nobody knows what arrived: the next Park deletes the same before it publishes anew.
//   - Killed after the record: the start reads it and marks the events as done with in EVENTS. The headers
//     in PARKED say whose they are.
//   - Recording fails, so that nobody knows whether the record is there: the messages stay, and the next Park stores the
//     same record again before anything else. Nothing is deleted that a record might name.
//   - Killed after a parked event's outcome: the outcome names the place in PARKED, the start marks it there.
//   - Killed before a message was deleted all of whose events are finished: the start finds that out and deletes it.
//   - A deletion that is undone by a power cut: that the message is finished is remembered for a minute longer.
//   - Unpark and Release change nothing on disk.

// Parking are events of one user that must wait.
type Parking struct {
	User    string  // whose order they keep: 1 to MaxParkedUser bytes
	Entries []Entry // in order, as Next returned them, but with their present Retry
}

// ParkedUser says that events of a user are parked.
type ParkedUser struct {
	User   string
	Events int // that are not finished; 0 where the user is told of again

	// More says that the user is told of again, where the last of these events lie. Until then come events of the user that
	// are not parked but lie between the parked ones: a crash can leave them so, when what was delivered before them has no
	// outcome yet.
	More bool
}

// parkRecord is what is left to do once messages are published: to record that they are.
type parkRecord struct {
	outcomes []storedOutcome
	heads    []parkedHead
	seqs     []uint64 // of the heads' messages
}

// Park moves events to PARKED, each user's behind those that are parked already, and returns nil once that is on disk.
// They stay pending, and Unpark hands them out again. Events that are finished or parked already are ignored; none may
// be finished while Park runs. After an error Park is to be called again with at least the same events before any
// others. Errors: ErrFull, ErrUnavailable, ErrClosed, ErrFenced.
func (c *Cursor) Park(ctx context.Context, all []Parking) error {
	c.parks.Lock()
	defer c.parks.Unlock()
	if err := c.err(); err != nil {
		return err
	}
	if err := c.recordParked(ctx); err != nil {
		return err
	}
	if c.parkUnsure {
		if err := c.deleteUnrecorded(ctx); err != nil {
			return err
		}
		c.parkUnsure = false
	}
	var record parkRecord
	for _, p := range all {
		if p.User == "" || len(p.User) > MaxParkedUser {
			return fmt.Errorf("park: the key of a user has %d bytes, want 1 to %d", len(p.User), MaxParkedUser)
		}
		if err := c.publishParked(ctx, p, &record); err != nil {
			c.parkUnsure = true
			return err
		}
	}
	c.unrecorded = record
	return c.recordParked(ctx)
}

// publishParked stores a user's events in PARKED and notes what is to be recorded.
func (c *Cursor) publishParked(ctx context.Context, p Parking, record *parkRecord) error {
	events := c.parkable(p.Entries)
	if len(events) == 0 {
		return nil
	}
	now := time.Now()
	for _, part := range splitParked(events) {
		head := parkedHead{p.User, part[0].Position, len(part), part[0].ReceivedAt}
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		msg := &nats.Msg{Subject: parkedSubject(c.destination, p.User), Header: head.header(), Data: encodeParked(part)}
		c.fence.mark(msg)
		ack, err := c.journal.js.PublishMsg(ctx, msg)
		cancel()
		if err != nil {
			return writeError("park events", err)
		}
		record.heads = append(record.heads, head)
		record.seqs = append(record.seqs, ack.Sequence)
		for i := range part {
			record.outcomes = append(record.outcomes, storedOutcome{
				Outcome:    Outcome{Position: part[i].Position, Kind: Parked, Attempts: part[i].Retry.Attempts, At: now},
				connection: part[i].connection, place: At(ack.Sequence, i),
			})
		}
	}
	return nil
}

// parkable leaves out the events that are finished or parked.
func (c *Cursor) parkable(entries []Entry) []parkedEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	events := make([]parkedEvent, 0, len(entries))
	for i := range entries {
		if pack := c.state.waiting(entries[i].Position); pack != nil {
			events = append(events, parkedEvent{entries[i], pack.conn})
		}
	}
	return events
}

// recordParked records what was published. It does nothing if there is nothing unrecorded.
func (c *Cursor) recordParked(ctx context.Context) error {
	if len(c.unrecorded.outcomes) == 0 {
		return nil
	}
	c.finishing.Lock()
	defer c.finishing.Unlock()
	seq, err := c.storeOutcomes(ctx, c.unrecorded.outcomes)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apply(c.unrecorded.outcomes, seq)
	for i, head := range c.unrecorded.heads {
		c.parked.add(c.unrecorded.seqs[i], head)
	}
	c.unrecorded = parkRecord{}
	return nil
}

// Unpark hands out the next of a user's parked events, in order: some, and so many at most. It returns none when there are
// no more. They finish like others; Defer keeps their retry state. The entries are the caller's; their bodies
// share one buffer. Errors: the context's, ErrUnavailable, ErrClosed, ErrFenced, ErrCorrupt.
func (c *Cursor) Unpark(ctx context.Context, user string, most int) ([]Entry, error) {
	for {
		if err := c.err(); err != nil {
			return nil, err
		}
		c.mu.Lock()
		u, upTo := c.parked.users[user], c.parked.upTo
		var from uint64
		if u != nil {
			from = u.next.Seq()
		}
		c.mu.Unlock()
		if u == nil {
			return nil, nil
		}
		msg, err := c.nextParked(ctx, from, parkedSubject(c.destination, user))
		if err != nil || msg == nil || msg.Sequence > upTo {
			return nil, err
		}
		if c.staleParked(msg.Header, msg.Sequence) {
			if err := c.deleteParked(ctx, msg.Sequence); err != nil {
				return nil, err
			}
			continue
		}
		events, err := decodeParked(msg.Data)
		if err != nil {
			return nil, fmt.Errorf("parked events %d: %w", msg.Sequence, err)
		}
		if entries := c.takeParked(user, msg.Sequence, events, most); len(entries) > 0 {
			return entries, nil
		}
	}
}

func (c *Cursor) takeParked(user string, seq uint64, events []parkedEvent, most int) []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The events of a source that was disconnected are not delivered.
	wanted := func(e parkedEvent) bool { return c.place.wants(e.connection, e.Position.Seq()) }
	entries := c.parked.take(user, seq, events, wanted, most)
	for i := range entries {
		if retry, ok := c.retries[entries[i].Position]; ok {
			entries[i].Retry = retry
		}
	}
	return entries
}

// Release takes events back that Unpark handed out: the next Unpark goes on with the first of them. They must be
// all of the user's from that one on that were handed out and are not finished. Release does not block.
func (c *Cursor) Release(positions []Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked.release(positions)
}

// ParkedUsers is how often Next has yet to tell of users.
func (c *Cursor) ParkedUsers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.announce)
}

// nextParked is the first message of a subject at or after a sequence in PARKED, or nil if there is none.
func (c *Cursor) nextParked(ctx context.Context, from uint64, subject string) (*jetstream.RawStreamMsg, error) {
	msg, err := c.journal.parked.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(subject))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read parked events: %w: %w", ErrUnavailable, err)
	}
	return msg, nil
}

// deleteUnrecorded deletes the messages that no record names.
func (c *Cursor) deleteUnrecorded(ctx context.Context) error {
	c.mu.Lock()
	upTo := c.parked.upTo
	c.mu.Unlock()
	for {
		msg, err := c.nextParked(ctx, upTo+1, subjectParked+c.destination+".>")
		if err != nil || msg == nil {
			return err
		}
		if err := c.deleteParked(ctx, msg.Sequence); err != nil {
			return err
		}
		upTo = msg.Sequence
	}
}

// deleteParked deletes a message; that it is gone already is no error.
func (c *Cursor) deleteParked(ctx context.Context, seq uint64) error {
	if c.journal.overwriting.Load() > 0 {
		return c.journal.overwrite(ctx, c.journal.parked, seq)
	}
	err := c.journal.parked.DeleteMsg(ctx, seq)
	if err == nil {
		return nil
	}
	if _, again := c.journal.parked.GetMsg(ctx, seq); errors.Is(again, jetstream.ErrMsgNotFound) {
		return nil
	}
	return fmt.Errorf("delete parked events: %w: %w", ErrUnavailable, err)
}

// sweepParked deletes the messages whose events are all finished.
func (c *Cursor) sweepParked(ctx context.Context) error {
	c.mu.Lock()
	spent := c.parked.undeleted()
	c.mu.Unlock()
	for i, seq := range spent {
		if err := c.deleteParked(ctx, seq); err != nil {
			spent = spent[:i]
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parked.deleted(spent, time.Now())
	return nil
}

// loadParked finds out what is parked: OUTCOMES has said up to where, and what of it is finished.
func (c *Cursor) loadParked(ctx context.Context) error {
	if err := c.deleteUnrecorded(ctx); err != nil {
		return err
	}
	subject, last := subjectParked+c.destination+".>", map[string]Position{}
	err := c.journal.scan(ctx, c.journal.parked, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverAllPolicy, HeadersOnly: true,
	}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		seq := meta.Sequence.Stream
		if c.staleParked(msg.Headers(), seq) {
			return c.deleteParked(ctx, seq)
		}
		head, err := readParkedHead(msg.Headers())
		if err != nil {
			return fmt.Errorf("parked events %d: %w", seq, err)
		}
		before := c.parked.left(head.user)
		c.parked.add(seq, head)
		switch {
		case c.parked.left(head.user) == before: // all of it is finished
		case before == 0:
			c.announce = append(c.announce, announcement{at: head.first, user: head.user})
		default:
			last[head.user] = head.first
		}
		return nil
	})
	for seq, m := range c.parked.messages {
		if m.total == 0 {
			delete(c.parked.messages, seq) // deleted long ago
		}
	}
	c.announceAgain(last)
	return err
}

// announceAgain has Next tell of users once more where the last of their messages lie, and puts everything in order.
func (c *Cursor) announceAgain(last map[string]Position) {
	for i := range c.announce {
		a := &c.announce[i]
		if at, more := last[a.user]; more {
			a.more = true
			c.announce = append(c.announce, announcement{at: at, user: a.user, again: true})
		}
	}
	slices.SortFunc(c.announce, func(a, b announcement) int { return cmp.Compare(a.at, b.at) })
}

// announcement says that Next is to tell of a user's parked events, in their place in the order.
type announcement struct {
	at    Position // of the first of them, or of the first in the last message
	user  string
	more  bool // it is told of again
	again bool
}

// announced returns the entries that tell of the parked events up to a position.
func (c *Cursor) announced(upTo Position) []Entry {
	var entries []Entry
	for len(c.announce) > 0 && c.announce[0].at <= upTo {
		a := c.announce[0]
		c.announce = c.announce[1:]
		told := ParkedUser{User: a.user, More: a.more}
		if u := c.parked.users[a.user]; u != nil && !a.again {
			told.Events = u.left
		}
		entries = append(entries, Entry{Position: a.at, Parked: &told})
	}
	return entries
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// saveEvery is how often a changed cursor is saved. It bounds the outcomes that are read again after a crash,
// nothing else.
const saveEvery = time.Second

// Start says where a destination that the journal does not know yet begins.
type Start int

// The places to begin.
const (
	FromNow       Start = iota // with the events that are accepted from now on
	FromBeginning              // with the oldest event the journal holds
	FromTime                   // with the first event that was stored at a time or later
)

// CursorOptions say which destination reads what.
type CursorOptions struct {
	Destination string    // required; see ValidName
	Sources     []string  // whose events the destination gets; those added later begin now
	Start       Start     // for a destination that is new
	StartAt     time.Time // for FromTime

	// Epoch is that of the ownership where several processes share the journal: larger than that of every owner before.
	// These are fenced: what they write from now on is refused, and they learn so by ErrFenced. 0 means that no other
	// process can own the destination.
	Epoch uint64
}

// Cursor is a destination's place in the journal: it hands out the events that are not finished, in the order
// they were accepted, and takes their outcomes. One goroutine may call Next at a time; everything else is safe
// for concurrent use.
type Cursor struct {
	journal     *Journal
	destination string
	prefixes    []string // of the subjects it reads: events.<source>. and replay.<destination>.
	log         *slog.Logger

	last uint64 // sequence of the last pack read; belongs to Next
	end  uint64 // that of the last one there was in EVENTS when it began to read; belongs to Next

	ahead   *loggedPack // read from EVENTS, and not handed out because others come first; belongs to Next
	repeats *repeats    // nil if one process alone stores events; belongs to Next

	parks      sync.Mutex // one Park at a time
	unrecorded parkRecord // of a Park that failed; belongs to parks
	parkUnsure bool       // PARKED may hold what no record names; belongs to parks

	finishing sync.Mutex // one Finish at a time, so that outcomes are applied in the order they are stored
	fence     fence

	mu       sync.Mutex
	seen     map[string]sight // by subject
	parked   parking
	announce []announcement // in order, not announced yet
	messages *streamReader  // nil until the first Next
	looking  bool           // messages was dropped to look for what was rewritten
	state    progress
	place    place
	totals   Totals
	retries  map[Position]Retry
	outcomes uint64 // sequence in OUTCOMES up to which outcomes are in here
	revision uint64 // of the saved cursor
	dirty    bool
	rebuilt  bool // what was saved could not be read
	failed   error
	closed   bool

	stop chan struct{}
	done chan struct{}
}

// OpenCursor opens the cursor of a destination, or makes it. A destination has one open cursor at a time. Until it
// is opened for the first time it holds nothing back from the janitor, so a server opens the cursors of all its
// destinations, also of those that are switched off, before it accepts events.
func (j *Journal) OpenCursor(ctx context.Context, opts CursorOptions) (*Cursor, error) {
	c, err := j.newCursor(opts)
	if err != nil {
		return nil, err
	}
	if err := c.load(ctx, opts); err != nil {
		j.release(c)
		return nil, fmt.Errorf("cursor of %s: %w", opts.Destination, err)
	}
	go c.keepSaved()
	return c, nil
}

// newCursor makes a cursor and notes that it is open.
func (j *Journal) newCursor(opts CursorOptions) (*Cursor, error) {
	c, err := j.makeCursor(opts)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	if j.held[opts.Destination] != nil {
		return nil, fmt.Errorf("cursor of %s is open already", opts.Destination)
	}
	j.held[opts.Destination] = c
	return c, nil
}

func (j *Journal) makeCursor(opts CursorOptions) (*Cursor, error) {
	if !ValidName(opts.Destination) {
		return nil, fmt.Errorf("%q cannot be the name of a destination", opts.Destination)
	}
	c := &Cursor{
		journal: j, destination: opts.Destination, retries: map[Position]Retry{}, parked: newParking(),
		seen: map[string]sight{},
		log:  j.opts.Logger.With("destination", opts.Destination),
		stop: make(chan struct{}), done: make(chan struct{}), fence: fence{epoch: opts.Epoch},
	}
	for _, source := range opts.Sources {
		if !ValidName(source) {
			return nil, fmt.Errorf("%q cannot be the name of a source", source)
		}
		c.prefixes = append(c.prefixes, subjectEvents+source+".")
	}
	c.prefixes = append(c.prefixes, subjectReplay+opts.Destination+".")
	return c, nil
}

func (j *Journal) release(c *Cursor) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.held, c.destination)
}

// Next waits for the next pack that holds unfinished events and returns those, in order. The entries are the
// caller's; their bodies share one buffer. Users who had parked events when the cursor was opened are told of by entries
// with Parked set: what comes before such an entry was accepted before the parked events, what comes after it was accepted
// after them. Where a user's parked events have others between them there are two such entries; see ParkedUser. Errors: the context's, ErrUnavailable, ErrClosed, ErrFenced, ErrCorrupt.
func (c *Cursor) Next(ctx context.Context) ([]Entry, error) {
	for {
		if err := c.err(); err != nil {
			return nil, err
		}
		messages, err := c.follow(ctx)
		if err != nil {
			return nil, err
		}
		if entries := c.announceRead(); len(entries) > 0 {
			return entries, nil
		}
		p, err := c.nextPack(ctx, messages)
		if err != nil {
			if c.looksAgain(messages) {
				continue
			}
			return nil, c.readError(ctx, err)
		}
		if p == nil {
			continue
		}
		entries, err := c.take(p)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
	}
}

// announceRead tells of the parked events whose place has been passed without a pack that was handed out.
func (c *Cursor) announceRead() []Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.caughtUp() && c.ahead == nil && c.journal.rewrites.next(c.last+1, math.MaxUint64, c.filters()...) == 0 {
		return c.announced(lastPosition)
	}
	return c.announced(At(c.last, maxPackEntries-1))
}

// follow returns what reads on after the last pack that was read.
func (c *Cursor) follow(ctx context.Context) (*streamReader, error) {
	c.mu.Lock()
	messages := c.messages
	c.mu.Unlock()
	if messages != nil {
		return messages, nil
	}
	if err := c.journal.loadRewritten(ctx); err != nil {
		return nil, c.readError(ctx, err)
	}
	var err error
	if c.end, _, err = lastOf(ctx, c.journal.events, c.filters()...); err != nil {
		return nil, c.readError(ctx, err)
	}
	c.ahead = nil
	messages = c.journal.read(c.journal.events, jetstream.OrderedConsumerConfig{
		FilterSubjects: c.filters(), DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.last + 1,
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		messages.Stop()
		return nil, ErrClosed
	}
	c.messages = messages
	return messages, nil
}

// readError drops the reader after an error of its own, so that the next call begins anew.
func (c *Cursor) readError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.messages != nil {
		c.messages.Stop()
		c.messages = nil
	}
	if c.closed {
		return ErrClosed
	}
	if closedConn(err) {
		return ErrClosed
	}
	return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
}

// take notes a pack as read and returns its unfinished events.
func (c *Cursor) take(logged *loggedPack) ([]Entry, error) {
	seq := logged.seq
	if seq <= c.last {
		return nil, nil
	}
	c.last = seq
	before, upTo, err := packExtent(logged.data)
	if err != nil {
		c.log.Error("a part of the journal is damaged: events of a source are lost", "position", At(seq, 0), "subject", logged.subject)
		return nil, nil // how many the next pack says
	}
	state := &packState{seq: seq, conn: c.connectionOf(logged.subject), at: logged.stored, subject: logged.subject, upTo: upTo}
	p, err := decodePack(logged.data)
	if err == nil && len(p.entries) > 0 && state.conn != replays { // replays are waiting since they were sent again
		state.at = p.entries[0].ReceivedAt
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.place.wants(state.conn, seq) {
		return nil, nil
	}
	if c.miss(state, before, err != nil, logged.stored); len(p.entries) == 0 {
		c.state.pass(state)
		return nil, nil
	}
	var again bitset
	if c.repeats != nil && state.conn != replays {
		again = c.repeats.noteAll(state.conn, idsOf(logged.ids, p.entries), logged.stored)
	}
	done := c.state.read(state, len(p.entries))
	left := make([]Entry, 0, len(p.entries)-done.count())
	for i := range p.entries {
		left = append(left, c.announced(At(seq, i))...)
		if done.has(i) {
			continue
		}
		e := p.entries[i]
		e.Position = At(seq, i)
		e.Retry, e.Duplicate = c.retries[e.Position], again.has(i)
		left = append(left, e)
	}
	return left, nil
}

// Finish stores what became of events and returns nil once that is on disk: from then on a restart does not
// hand them out again. A dead event's letter is stored before its outcome. Outcomes of events that have one are
// ignored. After a NoRoomError all outcomes are stored but those of the events that it names. After any other error some of
// the outcomes may be stored; Finish may be called again with all of them.
func (c *Cursor) Finish(ctx context.Context, outcomes []Outcome) error {
	c.finishing.Lock()
	defer c.finishing.Unlock()
	if err := c.err(); err != nil {
		return err
	}
	fresh := c.unfinished(outcomes)
	if len(fresh) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	fresh, unburied, err := c.buryDead(ctx, fresh)
	if err != nil {
		return err
	}
	if err := c.record(ctx, fresh); err != nil {
		return err
	}
	if len(unburied) > 0 {
		return &NoRoomError{unburied}
	}
	return nil
}

// record stores outcomes and counts them.
func (c *Cursor) record(ctx context.Context, outcomes []storedOutcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	seq, err := c.storeOutcomes(ctx, outcomes)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.apply(outcomes, seq)
	return nil
}

// unfinished leaves out the outcomes of events that are not waiting for one.
func (c *Cursor) unfinished(outcomes []Outcome) []storedOutcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := make([]storedOutcome, 0, len(outcomes))
	for i := range outcomes {
		pos := outcomes[i].Position
		if e, ok := c.parked.taken[pos]; ok {
			fresh = append(fresh, storedOutcome{outcomes[i], e.connection, e.place})
		} else if pack := c.state.waiting(pos); pack != nil {
			fresh = append(fresh, storedOutcome{Outcome: outcomes[i], connection: pack.conn})
		}
	}
	return fresh
}

// apply counts outcomes that are stored at a sequence of OUTCOMES.
func (c *Cursor) apply(outcomes []storedOutcome, seq uint64) {
	for i := range outcomes {
		o := &outcomes[i]
		switch {
		case o.Kind == Parked:
			if c.state.finish(o.Position) {
				c.parked.expected++
			}
			c.parked.upTo = max(c.parked.upTo, o.place.Seq())
			continue
		case o.place != 0:
			if c.parked.finishTaken(o.Position, o.place) {
				c.count(o)
			}
		case c.state.finish(o.Position):
			c.count(o)
		}
		delete(c.retries, o.Position)
	}
	c.outcomes, c.dirty = seq, true
}

func (c *Cursor) count(o *storedOutcome) {
	c.totals.add(o.Outcome)
	c.place.finished(o.connection)
}

// Defer remembers, with the next save, that an event's delivery has failed for the time being.
func (c *Cursor) Defer(pos Position, retry Retry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.parked.taken[pos]; taken || !c.state.finished(pos) {
		c.retries[pos] = retry
		c.dirty = true
	}
}

// Close saves the cursor and ends it. A Next that waits returns ErrClosed.
func (c *Cursor) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	if c.messages != nil {
		c.messages.Stop()
	}
	c.mu.Unlock()
	close(c.stop)
	<-c.done
	c.finishing.Lock()
	defer c.finishing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err := c.save(ctx)
	c.journal.release(c)
	return err
}

func (c *Cursor) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	return c.failed
}

// keepSaved saves the cursor while it changes, until it is closed.
func (c *Cursor) keepSaved() {
	defer close(c.done)
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		err := c.save(ctx)
		if err == nil {
			err = c.sweepParked(ctx)
		}
		cancel()
		if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			c.log.Error("cursor not saved", "error", err)
		}
	}
}

package live

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tanker/internal/journal"
)

const (
	// tickEvery is how often watchers are shown something.
	tickEvery = 250 * time.Millisecond
	// tickEvents and tickOutcomes are how many are looked at in that time.
	tickEvents   = 2000
	tickOutcomes = 2000
	// lookups is how many packs are read in that time for outcomes of events that are not known, and lookupTime how long
	// that may take.
	lookups    = 16
	lookupTime = 50 * time.Millisecond
	// A reader begins a little before the end: with so many events, of so many packs at most, and the outcomes of so
	// many batches.
	primeEvents  = 300
	primePacks   = 100
	primeBatches = 500
	// againAfter is how long to wait when the journal cannot be read.
	againAfter = time.Second
)

// tick is what has happened in a quarter of a second.
type tick struct {
	at       time.Time
	events   []*Event
	settled  []settled
	accepted int // events
	finished int // outcomes
	unread   int // of the events, those that were not looked at
	unshown  int // of the outcomes, those that were not looked at
	trouble  string
}

// settled is an event as it is with an outcome.
type settled struct {
	row     *Row
	outcome Outcome
}

// landed is an outcome of an event that has yet to be found.
type landed struct {
	at journal.Position
	Outcome
}

// reader reads the journal for all who watch.
type reader struct {
	log    Log
	logger *slog.Logger
	cancel context.CancelFunc
	ended  chan struct{}
	ready  chan struct{} // closed when the latest events are known

	mu       sync.Mutex
	known    known
	next     tick
	landed   []landed
	watchers map[*watcher]struct{}
	dead     bool // run has ended
}

func startReader(log Log, logger *slog.Logger) *reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{
		log: log, logger: logger, cancel: cancel, ended: make(chan struct{}), ready: make(chan struct{}),
		watchers: map[*watcher]struct{}{},
	}
	go r.run(ctx)
	return r
}

// stop ends the reading and all who still watch.
func (r *reader) stop() {
	r.cancel()
	<-r.ended
}

func (r *reader) run(ctx context.Context) {
	defer close(r.ended)
	defer r.dismiss()
	pack, batch := r.prime(ctx)
	close(r.ready)
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() {
		r.keep(ctx, func() error {
			return r.log.Follow(ctx, pack, func(p journal.FollowedPack) error { pack = p.Seq; return r.take(p) })
		})
	})
	following.Go(func() {
		r.keep(ctx, func() error {
			return r.log.FollowOutcomes(ctx, batch, func(b journal.OutcomeBatch) error { batch = b.Seq; r.settle(b); return nil })
		})
	})
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.tick(ctx)
		}
	}
}

// keep repeats what fails until ctx ends.
func (r *reader) keep(ctx context.Context, follow func() error) {
	for {
		err := follow()
		if ctx.Err() != nil {
			return
		}
		if !errors.Is(err, journal.ErrClosed) {
			r.logger.Warn("the live view cannot read the journal", "error", err)
		}
		r.mu.Lock()
		r.next.trouble = err.Error()
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(againAfter):
		}
	}
}

// prime finds the latest events and their outcomes, and returns behind which pack and batch to go on. What cannot be read
// is left out.
func (r *reader) prime(ctx context.Context) (pack, batch uint64) {
	first, pack, err := r.log.Extent(ctx)
	if err != nil {
		return 0, 0
	}
	firstBatch, lastBatch, err := r.log.OutcomesExtent(ctx)
	if err != nil {
		return pack, 0
	}
	var events []*Event // the latest first
	for seq := pack; seq >= max(first, 1) && pack-seq < primePacks && len(events) < primeEvents; seq-- {
		p, err := r.log.Pack(ctx, seq)
		if err != nil {
			continue
		}
		for i := len(p.Entries) - 1; i >= 0 && len(events) < primeEvents; i-- {
			events = append(events, newEvent(&p.Entries[i], p.ReplayTo))
		}
	}
	for _, e := range slices.Backward(events) {
		r.known.add(e)
	}
	if lastBatch < max(firstBatch, 1) {
		return pack, lastBatch
	}
	after := max(firstBatch, 1) - 1
	if lastBatch > primeBatches {
		after = max(after, lastBatch-primeBatches)
	}
	err = r.log.FollowOutcomes(ctx, after, func(b journal.OutcomeBatch) error {
		for i := range b.Outcomes {
			r.known.settle(b.Outcomes[i].Position, newOutcome(b.Destination, &b.Outcomes[i]))
		}
		if b.Seq >= lastBatch {
			return journal.ErrStop
		}
		return nil
	})
	if !errors.Is(err, journal.ErrStop) && ctx.Err() == nil {
		r.logger.Warn("the live view cannot read the latest outcomes", "error", err)
	}
	return pack, lastBatch
}

func newOutcome(destination string, o *journal.Outcome) Outcome {
	return Outcome{destination, o.Kind, o.Reason, o.Attempts, o.At, o.CarriedBy}
}

// take notes a pack that was stored, and its events as far as there is time for them.
func (r *reader) take(p journal.FollowedPack) error {
	r.mu.Lock()
	room := tickEvents - len(r.next.events)
	r.next.accepted += p.Events
	r.next.unread += max(p.Events-max(room, 0), 0)
	r.mu.Unlock()
	if room <= 0 {
		return nil
	}
	entries, err := p.Unfold()
	if err != nil {
		return err
	}
	n := min(len(entries), room)
	events := make([]*Event, 0, n)
	for i := range entries[:n] {
		events = append(events, newEvent(&entries[i], p.ReplayTo))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		r.known.add(e)
	}
	r.next.events = append(r.next.events, events...)
	return nil
}

// settle notes outcomes that were stored.
func (r *reader) settle(b journal.OutcomeBatch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b.Outcomes {
		o := &b.Outcomes[i]
		if o.Kind != journal.Parked {
			r.next.finished++
		}
		if len(r.landed) == tickOutcomes {
			r.next.unshown++
			continue
		}
		r.landed = append(r.landed, landed{o.Position, newOutcome(b.Destination, o)})
	}
}

// tick shows the watchers what has happened since the last one.
func (r *reader) tick(ctx context.Context) {
	r.mu.Lock()
	t, landed := r.next, r.landed
	r.next, r.landed = tick{}, nil
	missing := r.known.without(landed)
	r.mu.Unlock()
	found := r.lookUp(ctx, missing)

	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range found {
		r.known.add(e)
	}
	for i := range landed {
		row := r.known.settle(landed[i].at, landed[i].Outcome)
		if row == nil {
			t.unshown++
			continue
		}
		t.settled = append(t.settled, settled{row, landed[i].Outcome})
	}
	t.at = time.Now().UTC()
	for w := range r.watchers {
		select {
		case w.ticks <- &t:
		default:
			w.lost = true
		}
	}
}

// lookUp reads events from the log, as many as there is time for. The positions ascend.
func (r *reader) lookUp(ctx context.Context, positions []journal.Position) []*Event {
	var found []*Event
	var pack journal.StoredPack
	begun, read := time.Now(), 0
	for _, at := range positions {
		if at.Seq() != pack.Seq {
			if read == lookups || time.Since(begun) > lookupTime {
				break
			}
			read++
			p, err := r.log.Pack(ctx, at.Seq())
			if err != nil {
				continue // most likely it is deleted
			}
			pack = p
		}
		if at.Index() < len(pack.Entries) {
			found = append(found, newEvent(&pack.Entries[at.Index()], pack.ReplayTo))
		}
	}
	return found
}

// join has a watcher told from now on, and returns what it is shown first.
func (r *reader) join(w *watcher) Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		close(w.ticks)
	} else {
		r.watchers[w] = struct{}{}
	}
	return w.begin(r.known.latest(&w.filter, rowsAtFirst))
}

// lost reports whether a watcher has missed something.
func (r *reader) lost(w *watcher) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return w.lost
}

// again shows a watcher who has missed something where things stand.
func (r *reader) again(w *watcher) Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(w.ticks) > 0 {
		<-w.ticks
	}
	w.lost = false
	return w.begin(r.known.latest(&w.filter, rowsAtFirst))
}

// part has a watcher told no more.
func (r *reader) part(w *watcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.watchers, w)
}

// dismiss ends all watching.
func (r *reader) dismiss() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = true
	for w := range r.watchers {
		close(w.ticks)
	}
	clear(r.watchers)
}

package delivery

import (
	"context"
	"slices"
	"time"

	"tanker/internal/journal"
)

// longestRestored bounds how long an event may wait after a restart for its next attempt: clocks get set, and then it
// must not wait longer than if it had failed once more.
const longestRestored = backoffMax

// scheduler decides which call starts when. One goroutine runs it and owns all its state; the others give
// it finished work through mailboxes.
type scheduler struct {
	o         *Options
	epoch     time.Time // instants count from here
	board     *board
	paused    *pause
	ledger    *ledger
	troubles  []*trouble
	verify    func()       // starts a probe, which ends in probed
	employ    func()       // starts one more caller
	measure   func()       // asks for the room for dead letters, which comes in unburied.rooms
	onStop    func()       // told when the stop begins
	queue     chan *item   // to the callers; never full
	intake    chan []*item // from the reader
	questions <-chan question
	probed    chan error
	wake      chan struct{}   // of the mailboxes and the troubles
	ended     mailbox[*item]  // from the callers
	recorded  mailbox[*item]  // from the recorder
	outbox    *mailbox[*item] // to the recorder

	window      held
	lanes       lanes
	parking     parking
	unburied    unburied
	key         keyLimiter
	gate        gate
	circuit     circuit
	concurrency *concurrency
	known       *known // nil if every call is made

	flying        int  // calls under way
	unrecorded    int  // these, and the calls whose outcome is not recorded
	recording     int  // events at the recorder
	callers       int  // goroutines that make calls
	crowded       bool // a ready call waits for nothing but a place
	limited       bool // a ready call waits for the key's limit
	limitedSince  instant
	stopping      bool
	obeyed        uint64    // version of Options.Suppression
	expelling     bool      // there may be suppressed events in lanes
	pausedSince   time.Time // zero if calls may be made
	lastDelivered time.Time
	calls         [callClasses]uint64

	endedBatch, recordedBatch []*item // to be filled again
	finished                  []*item // for the recorder, at the end of the turn
}

func newScheduler(o *Options, b *board) *scheduler {
	s := &scheduler{
		o:           o,
		epoch:       time.Now(),
		board:       b,
		intake:      make(chan []*item),
		wake:        make(chan struct{}, 1),
		probed:      make(chan error, 1),
		unburied:    unburied{rooms: make(chan int64, 1)},
		queue:       make(chan *item, o.MaxConcurrency),
		lanes:       newLanes(o.UserPerMinute, o.RecentOfUser),
		key:         newKeyLimiter(o.KeyPerMinute),
		known:       newKnown(o.SkipUnchanged),
		concurrency: newConcurrency(leastConcurrency(), o.MaxConcurrency),
	}
	s.ended.wake, s.recorded.wake = s.wake, s.wake
	s.parking.parked.wake, s.parking.came.wake = s.wake, s.wake
	s.parking.untold = o.Log.ParkedUsers()
	s.remember(o.Recent)
	return s
}

func (s *scheduler) now() instant { return time.Since(s.epoch) }

// run schedules until ctx is cancelled and what was under way then has ended and is recorded.
func (s *scheduler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var set instant
	stop := ctx.Done()
	for {
		next := s.turn()
		if s.stopping && s.flying == 0 && s.recording == 0 && !s.gate.probing {
			return
		}
		if next != set {
			timer.Reset(next - s.now())
			set = next
		}
		select {
		case items := <-s.room():
			s.admit(items)
		case err := <-s.probed:
			s.probeEnded(err)
		case room := <-s.unburied.rooms:
			s.takeRoom(room, s.now())
		case q := <-s.questions:
			s.answer(q)
		case <-s.wake:
		case <-timer.C:
			set = 0
		case <-stop:
			s.stopping, stop = true, nil
			s.onStop()
		}
	}
}

// turn takes what has ended, starts what may start and returns when it wants to be called at the latest.
func (s *scheduler) turn() instant {
	s.pausedSince = s.paused.get()
	s.endedBatch = s.ended.take(s.endedBatch)
	s.recordedBatch = s.recorded.take(s.recordedBatch)
	now := s.now() // after every end: a limit must not count a call as older than it is
	for _, it := range s.endedBatch {
		s.settle(it, now)
	}
	for _, it := range s.recordedBatch {
		s.release(it, now)
	}
	s.settleParking(now)
	next := min(s.obey(now), s.sweep(now), s.askForRoom(now))
	s.lanes.wake(now)
	next = min(next, s.start(now), s.probe(now))
	next = min(next, s.lanes.wake(now)) // again: start may have made lanes wait, or run out of events in memory
	s.recallSome()
	if s.key.paused > now {
		next = min(next, s.key.paused)
	}
	if len(s.finished) > 0 {
		s.recording += len(s.finished)
		s.outbox.put(s.finished...)
		clear(s.finished)
		s.finished = s.finished[:0]
	}
	s.publish(now)
	return next
}

// room is where events come in while the window has room for them, nil otherwise.
func (s *scheduler) room() <-chan []*item {
	back, aside := &s.parking.back, &s.parking.aside
	if s.stopping || s.window.events-back.events-aside.events >= s.o.WindowEvents ||
		s.window.bytes-back.bytes-aside.bytes >= s.o.WindowBytes {
		return nil
	}
	return s.intake
}

// admit takes events into the window. Those without a call go to the recorder at once.
func (s *scheduler) admit(items []*item) {
	now := s.now()
	for _, it := range items {
		if it.told != nil {
			s.tell(*it.told, now)
			continue
		}
		s.window.add(it)
		if !it.callable() {
			s.finished = append(s.finished, it)
			continue
		}
		if s.suppressedSince(it) {
			continue
		}
		it.resume(now)
		s.queueUp(it, now)
	}
}

// start begins the calls that may begin. It returns when the next one may, if that depends on time alone.
func (s *scheduler) start(now instant) instant {
	s.crowded = false
	for s.lanes.ready.len() > 0 && !s.stopping {
		if !s.gate.admits() || !s.pausedSince.IsZero() {
			s.limited = false
			return never
		}
		if s.skip(now) {
			continue
		}
		if wait := s.key.wait(now); wait > 0 {
			if !s.limited {
				s.limited, s.limitedSince = true, now
			}
			return later(now, wait)
		}
		if s.limited {
			s.limited = false
			s.o.Observer.Waited("key", now-s.limitedSince)
		}
		if s.flying >= s.concurrency.limit {
			s.crowded = true
			return never
		}
		if s.unrecorded >= s.o.MaxConcurrency || s.o.Open > 0 && s.unrecorded+s.ledger.open() >= s.o.Open {
			return never
		}
		s.begin(now)
	}
	return never
}

func (s *scheduler) begin(now instant) {
	it := s.lanes.begin().head
	s.load(it, now)
	s.starting(it)
	it.started, it.epoch, it.round = now, s.concurrency.epoch, s.gate.begin()
	s.key.start(now)
	s.flying++
	s.unrecorded++
	if s.callers < s.flying {
		s.callers++
		s.employ()
	}
	s.queue <- it
}

// settle does with an event what the verdict on its call says.
func (s *scheduler) settle(it *item, now instant) {
	v, l := &it.verdict, it.lane
	s.flying--
	s.key.end(now)
	l.calls.end(now)
	s.calls[v.class]++
	if v.class.answered() {
		s.concurrency.done(now, it.epoch, now-it.started, s.crowded)
	}
	s.weigh(it, now)
	s.unload(it)
	s.expelling = s.expelling || s.window.suppressed > 0
	if v.action == actFinish && v.kind == journal.Dead {
		s.die(it, now)
		return
	}
	if v.action == actFinish {
		if v.kind == journal.Delivered {
			s.lastDelivered = time.Now().UTC()
		}
		l.pop()
		s.finish(it)
		s.place(l, now)
		return
	}
	s.unrecorded--
	if s.o.Open > 0 {
		s.ledger.fail(time.Now())
	}
	switch v.action {
	case actRetry:
		it.notBefore, it.failed = now+v.delay, max(now, 1)
		s.o.Log.Defer(it.entry.Position, it.entry.Retry)
		s.place(l, now)
	case actLimited:
		s.pause(it, now)
		s.place(l, now)
	case actBlock:
		s.block(v.reason, now)
		s.lanes.putBack(l, now)
	case actAgain:
		s.untry(it)
		s.place(l, now)
	case actSplit:
		s.lanes.putBack(l, now)
	case actNext:
		it.call, it.more = asRequest(it.more[0]), it.more[1:]
		it.made++
		s.lanes.putBack(l, now)
	}
}

// pause obeys a 429. The answer does not say which limit was reached: it is taken for the user's if the user
// has made most of the calls of a minute, and for the key's otherwise.
func (s *scheduler) pause(it *item, now instant) {
	if 2*it.lane.calls.used(now) > s.o.UserPerMinute && s.o.UserPerMinute > 0 {
		it.notBefore = now + it.verdict.delay
		return
	}
	s.key.pause(now + it.verdict.delay)
}

// place puts a lane that comes from a call where it belongs.
func (s *scheduler) place(l *lane, now instant) {
	if l.head != nil || l.parked > 0 {
		if wait := l.calls.wait(now); wait > 0 {
			s.o.Observer.Waited("user", wait)
		}
	}
	s.lanes.place(l, now)
	s.evictWaiting(l, now)
	if l.parked > 0 && l.head != nil && l.held() <= recallEarly && l.ready(now) <= now {
		s.lanes.want(l)
	}
}

// release lets an event go whose outcome is recorded.
func (s *scheduler) release(it *item, now instant) {
	s.recording--
	if it.frees {
		s.unrecorded--
	}
	s.expelling = s.expelling || s.window.suppressed > 0
	if it.unburied > 0 {
		s.awaitRoom(it, now)
		return
	}
	if l := it.lane; l != nil { // it has died
		l.pop()
		s.place(l, now)
	}
	s.drop(it)
}

// remember counts calls from before the start.
func (s *scheduler) remember(calls []PastCall) {
	calls = slices.SortedFunc(slices.Values(calls), func(a, b PastCall) int { return a.At.Compare(b.At) })
	s.key.pace.next = -span // they were spread then: only what ran ahead at the end is to be made up for
	for _, c := range calls {
		age := max(time.Since(c.At), 0)
		if age >= span {
			continue
		}
		s.key.start(-age)
		s.key.end(-age)
		if c.User != "" {
			s.lanes.remember(c.User, -age)
		}
	}
	s.lanes.assumeAll()
}

// later is a moment that lies wait ahead.
func later(now instant, wait time.Duration) instant {
	if wait == never {
		return never
	}
	return now + wait
}

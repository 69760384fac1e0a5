package delivery

import (
	"container/heap"
	"math"
	"time"

	"tanker/internal/journal"
)

const (
	// laneHead is how many events of a user stay in memory when the window fills up.
	laneHead = 32
	// longWait is how long a user must have to wait to be parked even when there is room, and shortWait when there is not.
	longWait  = 30 * time.Second
	shortWait = time.Second
	// sweepEvery is how often users who wait are looked through when the window fills up.
	sweepEvery = 100 * time.Millisecond
	// recallAgain is when to try again to bring events back of which none came.
	recallAgain = time.Second
	// mostParkedUsers bounds what is remembered of users with parked events.
	mostParkedUsers = 16384
	// recallLeast and recallMost are how many events of a user are brought back at a time; recallBytes is about how large
	// they are at the most.
	recallLeast = 4
	recallMost  = 64
	recallBytes = 256 << 10
	// recallEarly is how many events a user has left in memory when the next are brought back.
	recallEarly = 8
	// parkedAttemptText is how many bytes of an attempt's error are kept while the event is parked.
	parkedAttemptText = 128
)

// share is a part of the window.
type share struct {
	events int
	bytes  int64
}

func (s *share) add(it *item)    { s.events, s.bytes = s.events+1, s.bytes+int64(it.size) }
func (s *share) remove(it *item) { s.events, s.bytes = s.events-1, s.bytes-int64(it.size) }

// parking is what the scheduler knows of events that wait in the log and not in memory. A user's events are, in order:
// those in memory; those that are parked or on the way there. As long as there are any of the latter, new ones go there too.
//
// After a crash some may lie between the parked ones: they were in memory, behind events that had been brought back and
// whose outcomes were not on disk yet. They are kept aside until what was parked before them has come back.
type parking struct {
	untold int   // news of users with parked events from before the start that have not been read: until then nobody is parked
	users  int   // who have parked events
	events int   // of them, that are not in memory
	moving share // of the window: events on the way to the log
	back   share // of the window: events that were brought back
	aside  share // of the window: events that lie between parked ones

	recalls int     // under way
	coming  int     // events that these may bring
	sweepAt instant // when users who wait may be looked through again

	trouble *trouble
	parks   *mailbox[*item]   // to the parker
	wishes  *mailbox[*recall] // to the parker
	parked  mailbox[*item]    // from the parker
	came    mailbox[*recall]  // from the parker
}

// recall is the wish to bring back a user's events, and what came of it.
type recall struct {
	lane  *lane
	most  int
	items []*item
	all   bool // the log has no more, as far as it has been told
}

// tell takes the news that a user has parked events from before the start.
func (s *scheduler) tell(u journal.ParkedUser, now instant) {
	s.parking.untold--
	if u.Events == 0 {
		s.stopHolding(u.User, now)
		return
	}
	l := s.lanes.of(u.User)
	s.expect(l, u.Events)
	l.holding = u.More
	if l.head == nil {
		s.lanes.place(l, now)
	}
}

// stopHolding lets a user's parked events come back: all that lies between them has been read.
func (s *scheduler) stopHolding(user string, now instant) {
	l := s.lanes.byKey[user]
	if l == nil || !l.holding {
		return
	}
	l.holding = false
	if l.head == nil {
		s.lanes.place(l, now)
	}
}

// setAside keeps an event that lies between its user's parked ones.
func (s *scheduler) setAside(l *lane, it *item) {
	it.key = l.key
	l.between = append(l.between, it)
	s.parking.aside.add(it)
}

// putBetween puts the events that were set aside and come before a position behind what their user has in memory.
func (s *scheduler) putBetween(l *lane, before journal.Position) {
	for len(l.between) > 0 && l.between[0].entry.Position < before {
		it := l.between[0]
		l.between[0], l.between = nil, l.between[1:]
		s.parking.aside.remove(it)
		switch {
		case it.suppressed:
			it.verdict = suppressed
			s.finished = append(s.finished, it)
		case !s.suppressedSince(it):
			l.push(it)
		}
	}
}

// expect counts events of a user that will have to be brought back.
func (s *scheduler) expect(l *lane, n int) {
	if l.parked == 0 {
		s.parking.users++
	}
	l.parked += n
	s.parking.events += n
}

// unexpect counts events of a user that need not be brought back any more.
func (s *scheduler) unexpect(l *lane, n int) {
	if n == 0 {
		return
	}
	l.parked -= n
	s.parking.events -= n
	if l.parked == 0 {
		s.parking.users--
	}
}

// queueUp puts an event that was read behind its user's others.
func (s *scheduler) queueUp(it *item, now instant) {
	if l := s.lanes.byKey[it.key]; l != nil && l.parked > 0 {
		if l.holding {
			s.setAside(l, it)
		} else {
			s.park(l, it)
		}
		return
	}
	s.lanes.add(it, now)
	if l := it.lane; l.held() > laneHead && s.pressed() {
		s.evict(l, now)
	}
}

// park sends an event to the log. It stays in the window until it is there.
func (s *scheduler) park(l *lane, it *item) {
	s.expect(l, 1)
	it.key, it.lane, it.next = l.key, l, nil
	l.moving++
	s.parking.moving.add(it)
	s.parking.parks.put(it)
}

// pressed reports whether the window fills up, apart from what is on its way out or was brought back.
func (s *scheduler) pressed() bool {
	p := &s.parking
	events := s.window.events - p.moving.events - p.back.events - p.aside.events
	bytes := s.window.bytes - p.moving.bytes - p.back.bytes - p.aside.bytes
	return 2*events > s.o.WindowEvents || 2*bytes > s.o.WindowBytes
}

// mayPark reports whether it is possible to park events of a user, and of use: while the destination takes no calls
// at all it is not their user that they wait for.
func (s *scheduler) mayPark(l *lane, now instant) bool {
	p := &s.parking
	if s.stopping || p.untold > 0 || s.gate.closed || !s.pausedSince.IsZero() || s.key.paused > now {
		return false
	}
	if l.recalling || l.key == "" || len(l.key) > journal.MaxParkedUser || l.parked == 0 && p.users >= mostParkedUsers {
		return false
	}
	reason, _ := p.trouble.get()
	return reason == ""
}

// evict moves a lane's events out of memory, as far as the order allows: what was brought back is let go, the log has it.
// The rest is parked. The first event stays unless it waits, and if some of its calls have been made: they would be made
// again.
func (s *scheduler) evict(l *lane, now instant) {
	if l.head == nil || !s.mayPark(l, now) {
		return
	}
	at := l.ready(now)
	keep := l.stuck()
	if keep == nil && (l.busy || at <= now || l.head.made > 0) {
		keep = l.head
	}
	if keep == nil {
		l.noteAttempts()
	}
	var released []journal.Position
	for it := l.cut(keep); it != nil; {
		next := it.next
		if it.parked {
			released = append(released, it.entry.Position)
			it.lane, it.next = nil, nil
			s.drop(it)
			s.expect(l, 1)
		} else {
			s.park(l, it)
		}
		it = next
	}
	if len(released) > 0 {
		s.o.Log.Release(released)
	}
}

// drop takes an event out of the window.
func (s *scheduler) drop(it *item) {
	if it.parked {
		s.parking.back.remove(it)
	}
	s.window.remove(it)
}

// evictWaiting parks a lane that waits, if that is for long or the window fills up. In a hurry it leaves out those whose
// attempts may have to be taken back, because it may be the destination that fails.
func (s *scheduler) evictWaiting(l *lane, now instant) {
	if l.head == nil || l.busy {
		return
	}
	wait := l.ready(now) - now
	if wait >= longWait || wait >= shortWait && s.pressed() && !s.circuit.suspects(l.head) {
		s.evict(l, now)
	}
}

// sweep parks users who wait until the window has room again. Those who wait longest are mostly at the heap's end. It
// returns when it wants to be called again.
func (s *scheduler) sweep(now instant) instant {
	if !s.pressed() {
		return never
	}
	if s.parking.sweepAt > now {
		return s.parking.sweepAt
	}
	s.parking.sweepAt = now + sweepEvery
	for i := len(s.lanes.waiting) - 1; i >= 0 && s.pressed(); i-- {
		s.evictWaiting(s.lanes.waiting[i], now)
	}
	return never
}

// recallSome asks for parked events whose turn has come, as far as there is room for them beside the window. The more
// users want theirs the fewer each gets, so that many can be called at once.
func (s *scheduler) recallSome() {
	p := &s.parking
	for s.lanes.wanting.len() > 0 && !s.stopping {
		events := p.back.events + p.coming
		bytes := p.back.bytes + int64(p.recalls)*recallBytes
		room := s.o.WindowEvents/4 - events
		if events > 0 && (room <= 0 || 4*bytes >= s.o.WindowBytes) {
			return
		}
		most := min(max(room/s.lanes.wanting.len(), recallLeast), recallMost)
		p.recalls++
		p.coming += most
		p.wishes.put(&recall{lane: s.lanes.wanting.pop(), most: most})
	}
}

// settleParking takes what the parker has done.
func (s *scheduler) settleParking(now instant) {
	for _, it := range s.parking.parked.take(nil) {
		it.lane.moving--
		it.lane = nil
		s.parking.moving.remove(it)
		s.window.remove(it)
	}
	for _, r := range s.parking.came.take(nil) {
		s.parking.recalls--
		s.parking.coming -= r.most
		s.comeBack(r, now)
	}
}

// comeBack puts events that were brought back where they belong: right behind what their user has in memory.
func (s *scheduler) comeBack(r *recall, now instant) {
	l := r.lane
	l.recalling = false
	empty := l.head == nil
	s.unexpect(l, min(len(r.items), l.parked))
	for _, it := range r.items {
		s.putBetween(l, it.entry.Position)
		it.key = l.key
		s.window.add(it)
		s.parking.back.add(it)
		if !it.callable() {
			s.finished = append(s.finished, it)
			continue
		}
		if s.suppressedSince(it) {
			continue
		}
		it.resume(now)
		l.remindOf(it)
		l.push(it)
	}
	if len(r.items) == 0 && r.all && l.moving == 0 {
		s.unexpect(l, l.parked) // nothing is left: what there was belonged to a source that is gone
	}
	if l.parked == 0 {
		s.putBetween(l, math.MaxUint64)
	}
	switch {
	case !empty:
	case l.head == nil && l.parked > 0 && len(r.items) == 0:
		l.until = now + recallAgain
		heap.Push(&s.lanes.waiting, l)
	default:
		s.lanes.place(l, now)
	}
	if l.unburied > 0 {
		s.evict(l, now)
	}
}

// resume lets an event wait as long as it had to before it was read, or a restart came.
func (it *item) resume(now instant) {
	if due := it.entry.Retry.Next; !due.IsZero() {
		it.notBefore = now + min(time.Until(due), longestRestored)
	}
}

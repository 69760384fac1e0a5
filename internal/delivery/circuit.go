package delivery

import (
	"container/heap"
	"log/slog"
	"time"

	"tanker/refiner"
)

// So many calls in a row must have failed, of so many users, within so short a time, before the destination is
// taken for the cause.
const (
	circuitFailures = 10
	circuitUsers    = 3
	circuitSpan     = time.Minute
)

// circuit watches how calls end and finds out when it is not an event or a user that fails but the destination.
// An API that fails now and then, even every fifth time, does not open it. What holds while it is open is the
// gate's business.
//
// The zero circuit has seen no call.
type circuit struct {
	failures ring[failure] // the last ones in a row
	from     instant       // when the first of those came that opened it last
}

// failure is a call that failed.
type failure struct {
	user string // key of its lane
	at   instant
}

// fails takes a call that failed and reports whether that opens the circuit.
func (c *circuit) fails(user string, now instant) bool {
	if c.failures.len() == circuitFailures {
		c.failures.pop()
	}
	c.failures.push(failure{user, now})
	return c.failures.len() == circuitFailures && now-c.first() <= circuitSpan && c.users() >= circuitUsers
}

// first is when the first of the failures came.
func (c *circuit) first() instant { return c.failures.at(0).at }

// suspects reports whether an event has failed in the row that may open the circuit: then its attempts may have to be
// taken back.
func (c *circuit) suspects(it *item) bool {
	return it.failed != 0 && c.failures.len() > 0 && it.failed >= c.first()
}

// users is how many users the failures are of.
func (c *circuit) users() int {
	users := make(map[string]struct{}, circuitFailures)
	for i := range c.failures.len() {
		users[c.failures.at(i).user] = struct{}{}
	}
	return len(users)
}

// reset forgets the failures: a call was answered, or the circuit has opened.
func (c *circuit) reset() {
	if c.failures.len() > 0 {
		c.failures = ring[failure]{}
	}
}

// troubled reports whether a call ended in a way that may be the destination's fault.
func (c callClass) troubled() bool {
	return c == classOf(refiner.ClassTemporary) || c == classOf(refiner.ClassUnexpected)
}

// weigh takes what a call's end says of the destination. A call that was under way when the gate closed says nothing
// new; if it failed, that was no attempt.
func (s *scheduler) weigh(it *item, now instant) {
	v := &it.verdict
	stale := s.gate.ended(it.round)
	switch {
	case stale && v.class.troubled() && v.action == actRetry:
		it.spend(s.circuit.from)
		v.action = actAgain
	case stale && v.action == actBlock:
		it.before = it.entry.Retry
		v.action = actAgain
	case stale:
	case v.class.troubled() && s.gate.trial && s.gate.cause == causeTrouble:
		s.trip(v.message, now)
	case v.class.troubled():
		opens := s.circuit.fails(it.key, now)
		it.spend(s.circuit.first())
		if opens {
			s.openCircuit(it, now)
		}
	case v.class.answered(), v.action == actLimited:
		s.circuit.reset()
		if v.class.answered() || s.gate.cause == causeTrouble {
			s.passed()
		}
	}
}

// openCircuit holds back all calls. Those whose failing has opened the circuit were no attempts: they are due at once
// when it closes.
func (s *scheduler) openCircuit(last *item, now instant) {
	s.circuit.from = s.circuit.first()
	s.circuit.reset()
	s.trip(last.verdict.message, now)
	if last.verdict.action == actRetry {
		last.verdict.action = actAgain
	}
	for i := range s.lanes.ready.len() {
		s.untryFailed(s.lanes.ready.at(i).head, now)
	}
	for _, l := range s.lanes.waiting {
		if l.head != nil && s.untryFailed(l.head, now) {
			l.until = now
		}
	}
	heap.Init(&s.lanes.waiting)
}

// untryFailed takes an event's attempts back if it is one of those that have opened the circuit.
func (s *scheduler) untryFailed(it *item, now instant) bool {
	if it.failed == 0 || it.failed < s.circuit.from {
		return false
	}
	s.untry(it)
	it.notBefore = now
	return true
}

// trip closes the gate because calls fail. It is loud when that is news.
func (s *scheduler) trip(reason string, now instant) {
	if s.gate.refuse(causeTrouble, reason, now, time.Now().UTC()) {
		s.o.Logger.Warn("circuit is open: the calls of everyone fail; nothing is lost, delivery goes on when Refiner answers again",
			slog.String("error", reason), slog.Duration("probe_in", s.gate.next-now))
	}
}

// spend notes what was known of an event's attempts before those that have failed since a moment.
func (it *item) spend(since instant) {
	if it.failed == 0 || it.failed < since {
		it.before = it.verdict.before
	}
}

// untry takes these attempts back.
func (s *scheduler) untry(it *item) {
	n := it.entry.Retry.Attempts - it.before.Attempts
	it.tried = it.tried[:max(0, len(it.tried)-n)]
	it.failed, it.entry.Retry = 0, it.before
	s.o.Log.Defer(it.entry.Position, it.entry.Retry)
}

// passed ends a trial, if there is one: the destination works.
func (s *scheduler) passed() {
	was, ends := s.gate.passed()
	if !ends {
		return
	}
	text := "destination accepts the API key again, delivery goes on"
	if was.cause == causeTrouble {
		text = "circuit is closed: Refiner answers again, delivery goes on"
	}
	s.o.Logger.Info(text, slog.Duration("lasted", time.Since(was.since)), slog.Int("probes", was.probes))
}

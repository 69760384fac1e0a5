package delivery

import (
	"time"

	"tanker/event"
	"tanker/internal/journal"
)

// Suppression says whose events are not to be delivered.
type Suppression interface {
	// Version changes whenever somebody is suppressed, or not any more. It never becomes smaller.
	Version() uint64

	// Suppresses reports whether an event is of somebody whose events are not to be delivered.
	Suppresses(e *event.Event) bool
}

// obeyEvery is how often a worker with nothing else to do asks whether anybody has been suppressed.
const obeyEvery = time.Second

// suppressed is what becomes of an event of a user who is suppressed.
var suppressed = verdict{action: actFinish, kind: journal.Filtered, reason: reasonSuppressed}

// suppresses reports whether an event that was mapped before is suppressed now.
func (o *Options) suppresses(it *item) bool {
	e, err := event.Parse(it.entry.Body, o.Limits)
	if err != nil {
		return false
	}
	return o.Suppression.Suppresses(e.WithType(it.entry.Type))
}

// suppressedSince reports whether an event that comes into memory is of somebody who was suppressed after it was mapped.
// Then it has its outcome.
func (s *scheduler) suppressedSince(it *item) bool {
	if s.o.Suppression == nil || it.asked >= s.obeyed || !s.o.suppresses(it) {
		return false
	}
	s.window.suppress(it)
	it.verdict = suppressed
	s.finished = append(s.finished, it)
	return true
}

// obey gives the events in memory their outcome whose users have been suppressed. Those that are at a call follow when it
// has ended: State says how many are left. It returns when it wants to be called again.
func (s *scheduler) obey(now instant) instant {
	if s.o.Suppression == nil || s.stopping {
		return never
	}
	if version := s.o.Suppression.Version(); version != s.obeyed {
		s.obeyed = version
		s.known.forgetAll() // it would say that the contact is as it was
		for it := s.window.oldest; it != nil; it = it.newer {
			if it.asked < version && !it.suppressed && s.o.suppresses(it) {
				s.window.suppress(it)
				s.expelling = true
			}
		}
	}
	if s.expelling && s.window.suppressed > 0 {
		s.expel(now)
	}
	s.expelling = false
	return now + obeyEvery
}

// expel takes suppressed events out of the lanes that are not at a call, and puts the lanes where they belong then.
func (s *scheduler) expel(now instant) {
	lanes := s.lanes.ready.drain()
	lanes = append(lanes, s.lanes.waiting...)
	s.lanes.waiting = nil
	lanes = append(lanes, s.expelUnburied()...)
	for _, l := range lanes {
		s.strip(l)
		s.lanes.place(l, now)
	}
}

// expelUnburied returns the lanes that do not wait for room any more: because their first event is suppressed, or perhaps is
// where it was parked. That one's call is made again.
func (s *scheduler) expelUnburied() []*lane {
	u := &s.unburied
	var free []*lane
	for _, l := range u.lanes.drain() {
		if l.head != nil && !l.head.suppressed {
			u.lanes.push(l)
			continue
		}
		l.unburied = 0
		free = append(free, l)
	}
	loose := u.loose
	u.loose = nil
	for _, it := range loose {
		if !it.suppressed {
			u.loose = append(u.loose, it)
			continue
		}
		it.unburied, it.verdict = 0, suppressed
		s.finished = append(s.finished, it)
	}
	u.full = u.full && u.waiting() > 0
	return free
}

// strip takes the suppressed events out of a lane.
func (s *scheduler) strip(l *lane) {
	for it := l.cut(nil); it != nil; {
		next := it.next
		it.next = nil
		if it.suppressed {
			it.lane, it.verdict = nil, suppressed
			s.finished = append(s.finished, it)
		} else {
			l.push(it)
		}
		it = next
	}
}

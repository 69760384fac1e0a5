package delivery

import (
	"fmt"
	"log/slog"
	"time"

	"tanker/internal/journal"
)

// roomEvery is how often it is asked whether there is room for dead letters again.
const roomEvery = 5 * time.Second

// unburied are the events that are to become dead letters when there is no room for those. They stay pending, their
// users' newer events behind them, and everybody else's go on. Like others that wait they are parked, and the letter is
// forgotten: when there is room their call is made once more, and may even succeed.
type unburied struct {
	full  bool        // no letter is to be stored until there is room
	lanes ring[*lane] // whose first event waits, in the order they came
	loose []*item     // events without a call, and so without a lane: the mapping broke down over them

	rooms  chan int64 // how many bytes there is room for
	asking bool
	askAt  instant // not to be asked before
}

func (u *unburied) waiting() int { return u.lanes.len() + len(u.loose) }

// reason says what an operator has to know; "" if nothing waits.
func (u *unburied) reason() string {
	n := u.waiting()
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d events wait because dead letters are full, and their users' newer events behind them; discard or replay some dead letters", n)
}

// die has the letter of a lane's first event stored. The event stays in its lane until that is done, so that its user's next
// one does not overtake it if there is no room.
func (s *scheduler) die(it *item, now instant) {
	if s.unburied.full {
		s.unrecorded--
		it.unburied = letterSize(it.verdict.letter)
		s.awaitRoom(it, now)
		return
	}
	it.frees = true
	s.finished = append(s.finished, it)
}

// letterSize is about what a letter takes.
func letterSize(l *journal.DeadLetter) int64 {
	const rest = 2048 // field names, times, ids
	n := rest + len(l.Event) + len(l.Call) + len(l.Answer) + len(l.Message) + len(l.User)
	for i := range l.Attempts {
		n += 128 + len(l.Attempts[i].Error)
	}
	return int64(n)
}

// awaitRoom lets an event wait until there is room for its letter.
func (s *scheduler) awaitRoom(it *item, now instant) {
	u := &s.unburied
	if u.waiting() == 0 {
		s.o.Logger.Error("dead letters are full: what Refiner refuses waits, and its users' newer events behind it; discard or replay some",
			slog.String("position", it.entry.Position.String()), slog.Int64("letter_bytes", it.unburied))
		u.askAt = now + roomEvery
	}
	u.full = true
	l := it.lane
	if l == nil {
		u.loose = append(u.loose, it)
		return
	}
	it.frees = false
	it.verdict = verdict{}
	s.o.Log.Defer(it.entry.Position, it.entry.Retry)
	l.unburied, it.unburied = it.unburied, 0
	u.lanes.push(l)
	s.place(l, now)
}

// askForRoom asks from time to time, while events wait for it, how much room there is for dead letters. It returns when it
// wants to be called again.
func (s *scheduler) askForRoom(now instant) instant {
	u := &s.unburied
	switch {
	case u.waiting() == 0 || u.asking || s.stopping:
		return never
	case u.askAt > now:
		return u.askAt
	}
	u.asking = true
	s.measure()
	return never
}

// takeRoom lets as many go on as there is room for.
func (s *scheduler) takeRoom(room int64, now instant) {
	u := &s.unburied
	u.asking, u.askAt = false, now+roomEvery
	before := u.waiting()
	for range u.lanes.len() {
		l := u.lanes.pop()
		if l.unburied > room {
			u.lanes.push(l)
			s.evictWaiting(l, now) // perhaps it could not be parked before
			continue
		}
		room -= l.unburied
		l.unburied = 0
		s.place(l, now)
	}
	s.buryLoose(room)
	if left := u.waiting(); left < before {
		u.full = false
		s.o.Logger.Info("dead letters have room again", slog.Int("go_on", before-left), slog.Int("wait", left))
	}
}

func (s *scheduler) buryLoose(room int64) {
	loose := s.unburied.loose
	s.unburied.loose = nil
	for _, it := range loose {
		if it.unburied > room {
			s.unburied.loose = append(s.unburied.loose, it)
			continue
		}
		room -= it.unburied
		it.unburied = 0
		s.finished = append(s.finished, it)
	}
}

package delivery

import (
	"math"
	"time"
)

// instant is a moment as the time since the worker was made. It follows the monotonic clock, so a step of
// the system's clock neither opens a limit nor closes it.
type instant = time.Duration

// never is an instant that does not come.
const never instant = math.MaxInt64

// span is how long a call counts against a limit after its end. Limits are for any minute; the rest covers
// a server whose clock is coarse.
const span = time.Minute + 50*time.Millisecond

// window counts the calls that a server may still count against a limit for every minute. The
// server counts a call somewhere between its start and its end, so here it counts from its start until a minute
// after its end. As long as a call starts only when fewer than limit others count, no minute on the server's
// side holds more than limit calls, wherever that minute begins.
//
// It costs eight bytes for each call of the last minute. The zero window has no limit and counts nothing.
type window struct {
	limit  int // calls a minute; 0 means no limit
	flying int // calls that have started and not ended
	ends   ring[instant]
}

// wait is how long it takes until a call may start: 0 if it may start now, never if calls must end first.
func (w *window) wait(now instant) time.Duration {
	if w.limit == 0 || w.used(now) < w.limit {
		return 0
	}
	// So many of the calls that have ended must fall out of the window.
	excess := w.flying + w.ends.len() - w.limit
	if excess >= w.ends.len() {
		return never
	}
	return w.ends.at(excess) + span - now
}

// used is how many calls count at the moment.
func (w *window) used(now instant) int {
	for w.ends.len() > 0 && w.ends.at(0)+span <= now {
		w.ends.pop()
	}
	return w.flying + w.ends.len()
}

// start counts a call that starts.
func (w *window) start() {
	if w.limit > 0 {
		w.flying++
	}
}

// end notes that a call that started has ended. Instants must not decrease from one end to the next.
func (w *window) end(now instant) {
	if w.limit > 0 {
		w.flying--
		w.ends.push(now)
	}
}

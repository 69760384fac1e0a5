package delivery

import "time"

// The key's calls are spread over the minute. A little less than the limit is used: it makes the lumps
// that a burst leaves behind fall apart from one minute to the next.
const (
	pacedShare = 0.99
	burstShare = 0.025
	burstLeast = 5
)

// keyLimiter keeps the limit that holds for all calls of one API key. The window is the guard that no
// minute gets too much; the pace is there so that a minute's calls do not all start at once. Pauses come from outside, when
// the server says that it has had enough all the same.
type keyLimiter struct {
	window window
	pace   pace
	paused instant // no call before; 0 if not paused
}

func newKeyLimiter(perMinute int) keyLimiter {
	return keyLimiter{window: window{limit: perMinute}, pace: newPace(perMinute)}
}

// wait is how long it takes until a call may start; 0 if it may start now, never if calls must end first.
func (l *keyLimiter) wait(now instant) time.Duration {
	return max(l.paused-now, l.pace.wait(now), l.window.wait(now), 0)
}

func (l *keyLimiter) start(now instant) {
	l.pace.take(now)
	l.window.start()
}

func (l *keyLimiter) end(now instant) { l.window.end(now) }

// pause lets no call start before until, and none in a burst after it. It never shortens a pause.
func (l *keyLimiter) pause(until instant) {
	l.paused = max(l.paused, until)
	l.pace.next = max(l.pace.next, until+l.pace.burst)
}

// pace lets a burst start at once and the rest at even distances. The zero pace does not wait.
type pace struct {
	every time.Duration // distance of two calls
	burst time.Duration // how far calls may run ahead of the even distances
	next  instant       // when the next call would start at even distances
}

func newPace(perMinute int) pace {
	if perMinute == 0 {
		return pace{}
	}
	every := time.Duration(float64(time.Minute) / (pacedShare * float64(perMinute)))
	burst := max(burstLeast, int(burstShare*float64(perMinute)))
	return pace{every: every, burst: every * time.Duration(burst-1)}
}

func (p *pace) wait(now instant) time.Duration { return p.next - p.burst - now }

func (p *pace) take(now instant) { p.next = max(p.next, now) + p.every }

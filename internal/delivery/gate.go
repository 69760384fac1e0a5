package delivery

import "time"

// A blocked destination is asked after five seconds whether it accepts the key, then less often.
const (
	probeFirst = 5 * time.Second
	probeMax   = 30 * time.Second
)

// gate lets calls through to a destination or not. It closes when the destination refuses the credentials.
// While it is closed a probe asks from time to time whether they are accepted; after a probe that says so one
// call at a time is let through until one is answered by anything but a refusal. So a key that can be verified and
// still may not do its work costs a call every half minute, not one for every event.
type gate struct {
	closed  bool
	trial   bool      // open for one call at a time
	reason  string    // why it is or was closed
	since   time.Time // when it closed
	probing bool      // a probe is under way
	probes  int       // since it was last open without reserve
	next    instant   // when the next probe is due
}

// admits reports whether one more call may start beside those that are under way.
func (g *gate) admits(flying int) bool {
	return !g.closed && (!g.trial || flying == 0)
}

// refuse closes the gate. It reports whether this is news: the gate was open, or is closed for another reason.
func (g *gate) refuse(reason string, now instant, wall time.Time) bool {
	news := !g.closed && !g.trial || reason != g.reason
	if !g.closed {
		g.schedule(0, now)
	}
	if g.since.IsZero() {
		g.since = wall
	}
	g.closed, g.trial, g.reason = true, false, reason
	return news
}

// accepted takes a probe's good answer.
func (g *gate) accepted() {
	g.probing = false
	if g.closed {
		g.closed, g.trial = false, true
	}
}

// denied takes a probe's bad answer, or none. The next is due after wait or later.
func (g *gate) denied(wait time.Duration, now instant) {
	g.probing = false
	g.schedule(wait, now)
}

func (g *gate) schedule(wait time.Duration, now instant) {
	g.next = now + max(grown(probeFirst, probeMax, g.probes), wait)
	g.probes++
}

// passed takes a call that was answered by anything but a refusal. It reports whether that ends a trial.
func (g *gate) passed() bool {
	if g.closed || !g.trial {
		return false
	}
	*g = gate{}
	return true
}

package delivery

import (
	"math/rand/v2"
	"time"
)

// A blocked destination is asked after five seconds whether it accepts the key, then less often. One whose calls
// all fail is asked after a second whether it is back.
const (
	probeFirst   = 5 * time.Second
	circuitFirst = time.Second
	probeMax     = 30 * time.Second
)

// cause is why a gate closes.
type cause int

const (
	causeKey     cause = iota // the destination refuses the credentials
	causeTrouble              // the calls of everyone fail: the circuit is open
)

// gate lets calls through to a destination or not. While it is closed a probe asks from time to time whether the
// cause is gone; after a probe that says so one call at a time is let through until one is answered. So a key that can
// be verified and still may not do its work, or an API whose front door alone is open, costs a call every half
// minute, not one for every event.
type gate struct {
	closed  bool
	trial   bool // open for one call at a time
	trying  bool // that call is under way
	cause   cause
	reason  string    // why it is or was closed
	since   time.Time // when it closed
	probing bool      // a probe is under way
	probes  int       // since it was last open without reserve
	next    instant   // when the next probe is due
	round   int       // counts how often it has closed: a call of an earlier round says nothing new
}

// admits reports whether one more call may start.
func (g *gate) admits() bool { return !g.closed && !g.trying }

// begin notes that a call starts and returns the round it belongs to.
func (g *gate) begin() (round int) {
	g.trying = g.trial
	return g.round
}

// ended notes that a call of a round has ended. It reports whether the call was under way when the gate closed.
func (g *gate) ended(round int) (stale bool) {
	if round != g.round {
		return true
	}
	g.trying = false
	return false
}

// refuse closes the gate. It reports whether this is news: the gate was open, or is closed for another cause or
// because of another refusal.
func (g *gate) refuse(why cause, reason string, now instant, wall time.Time) bool {
	news := !g.closed && !g.trial || why != g.cause || why == causeKey && reason != g.reason
	if why != g.cause || g.since.IsZero() {
		g.since, g.probes = wall, 0
	}
	g.cause, g.reason = why, reason
	if !g.closed {
		g.round++
		g.schedule(0, now)
	}
	g.closed, g.trial, g.trying = true, false, false
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
	delay := grown(probeFirst, probeMax, g.probes)
	if g.cause == causeTrouble {
		delay = grown(circuitFirst, probeMax, g.probes)
		delay -= time.Duration(rand.Float64() * float64(delay/4)) // not all who wait come back at once
	}
	g.next = now + max(delay, wait)
	g.probes++
}

// passed takes a call of this round that was answered. It reports whether that ends a trial, and what the gate
// was until then.
func (g *gate) passed() (was gate, ends bool) {
	if g.closed || !g.trial {
		return gate{}, false
	}
	was = *g
	*g = gate{round: g.round}
	return was, true
}

// Package series remembers how destinations and sources went in the last hour, day and week, in little memory: each step of
// these spans has one slot, and what is older is overwritten.
//
// It counts what it is told and is asked to look at the clock; reading what there is to tell, and saving, is for others.
package series

import (
	"sync"
	"sync/atomic"
	"time"

	"tanker/internal/journal"
)

// Every is how often a store is to be sampled: the step of the finest span.
const Every = 10 * time.Second

// Series is how one destination or source goes. Its methods are safe for concurrent use; it is an observer of deliveries.
type Series struct {
	calls   atomic.Uint64
	in      atomic.Uint64 // of a source
	latency [buckets]atomic.Uint64

	source atomic.Bool // of this process: nothing is observed of it, only counted

	mu       sync.Mutex
	seen     counters  // at the last sample
	at       time.Time // of the last sample; zero before the first
	next     State     // observed last
	observed bool      // since the last sample
	unsaved  bool
	rings    [len(spans)]ring
}

// State is what a destination says of itself at a moment.
type State struct {
	Accepted uint64    // events ever accepted for it
	Finished uint64    // of these, events that have an outcome
	Pending  uint64    // the others
	Oldest   time.Time // when the oldest pending event was accepted; zero if there is none
}

// counters are totals that only grow while a process runs.
type counters struct {
	known    bool // accepted and finished are
	accepted uint64
	finished uint64
	calls    uint64
	in       uint64
	latency  [buckets]uint64
}

func newSeries() *Series {
	s := &Series{}
	for i := range s.rings {
		s.rings[i] = newRing(spans[i])
	}
	return s
}

// Observe takes down the state of a destination for the next sample.
func (s *Series) Observe(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.observed = state, true
	if !s.seen.known { // what was before is not of this step
		s.seen.known, s.seen.accepted, s.seen.finished = true, state.Accepted, state.Finished
	}
}

// Accepted counts events that came in by a source.
func (s *Series) Accepted(events int) { s.in.Add(uint64(events)) }

// Call counts a call to Refiner.
func (s *Series) Call(string, int, time.Duration) { s.calls.Add(1) }

// Delivered counts how long an event took from its acceptance until Refiner had it.
func (s *Series) Delivered(latency time.Duration) { s.latency[bucketOf(latency)].Add(1) }

// Outcome is not of interest: the state has the totals.
func (s *Series) Outcome(journal.Kind, string) {}

// Saved is not of interest.
func (s *Series) Saved(string) {}

// Waited is not of interest.
func (s *Series) Waited(string, time.Duration) {}

// sample puts what happened since the last sample into the slots of now. Of a destination of which nothing was observed
// nothing is known: it may be another process that delivers to it.
func (s *Series) sample(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := now.Sub(s.at)
	was := s.seen
	s.seen = s.count()
	known := (s.source.Load() || s.observed) && !s.at.IsZero() && took > 0 && took <= 3*Every // or the machine has slept
	s.at, s.observed = now, false
	if !known {
		return
	}
	s.unsaved = true
	step := slot{
		Seconds: took.Seconds(),
		In:      s.seen.in - was.in + s.seen.accepted - was.accepted,
		Out:     s.seen.finished - was.finished,
		Calls:   s.seen.calls - was.calls,
		Pending: s.next.Pending,
	}
	if !s.next.Oldest.IsZero() {
		step.Oldest = max(0, now.Sub(s.next.Oldest).Seconds())
	}
	for i := range s.seen.latency {
		if n := s.seen.latency[i] - was.latency[i]; n > 0 {
			step.count(i, n)
		}
	}
	middle := now.Add(-took / 2)
	for i := range s.rings {
		s.rings[i].add(middle, step)
	}
}

// replace takes over what was kept, unless something has been added here that is not kept yet: then this is the newer.
func (s *Series) replace(kept *Series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unsaved {
		s.rings = kept.rings
	}
}

// count reads the counters.
func (s *Series) count() counters {
	c := counters{
		known: s.seen.known, accepted: max(s.next.Accepted, s.seen.accepted), finished: max(s.next.Finished, s.seen.finished),
		calls: s.calls.Load(), in: s.in.Load(),
	}
	for i := range s.latency {
		c.latency[i] = s.latency[i].Load()
	}
	return c
}

// Pace is how fast something went of late, in events or calls a second.
type Pace struct {
	In    float64 // events that came in
	Out   float64 // events that got an outcome
	Calls float64
	Known bool // there is something to tell from
}

// Pace is how fast it went within a time up to now, at most an hour.
func (s *Series) Pace(over time.Duration, now time.Time) Pace {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum slot
	r := &s.rings[Hour]
	for number := r.number(now.Add(-over)) + 1; number <= r.number(now); number++ {
		if each := r.place(number); each.Number == number {
			sum.add(*each)
		}
	}
	if sum.Seconds == 0 {
		return Pace{}
	}
	return Pace{
		In: float64(sum.In) / sum.Seconds, Out: float64(sum.Out) / sum.Seconds, Calls: float64(sum.Calls) / sum.Seconds, Known: true,
	}
}

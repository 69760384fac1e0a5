package delivery

import "time"

// What the search for the right number of calls in flight goes by.
const (
	fastGrowth = 2.0  // step up while every step has paid
	slowGrowth = 1.5  // step up after one that did not
	shrink     = 0.75 // step down

	// A step up pays if throughput grows by this share of what it would grow by if the calls did not get slower.
	worthwhile = 0.35
	// A step down pays if throughput falls by less than this.
	bearable = 0.05

	startLimit    = 16                    // as many as Refiner's usual limit asks for
	fewestSamples = 12                    // calls that a judgement needs at least
	shortestTrial = 10 * time.Millisecond // and time
	longestRest   = 32                    // judgements between two trials, at most
	changed       = 1.5                   // factor in answer time that ends the rest
)

// concurrency finds out how many calls in flight get the most out of the destination: as many as its answer time
// asks for, not more than make it faster. It tries another limit, compares the throughput, and keeps
// what pays. By Little's law throughput is limit / time for a call, as long as there is always a call waiting
// for a place; so judging needs the mean time of the calls that were started under a limit, and calls that were
// started when nothing waited do not count.
type concurrency struct {
	least, most int

	limit int // the calls that may be in flight now
	epoch int // counts changes of the limit: calls of an earlier epoch say nothing about this one
	since instant

	calls int           // judged calls of this epoch
	busy  time.Duration // their sum

	base     int           // the limit to go back to
	baseTook time.Duration // mean time of a call at base; 0 if not yet measured
	trying   bool          // limit is a trial against base
	growth   float64
	down     bool // next trial goes down
	rest     int  // judgements to wait before the next trial
	pause    int  // the rest after the next trial that fails
}

func newConcurrency(least, most int) *concurrency {
	least = min(least, most)
	limit := min(max(least, startLimit), most)
	return &concurrency{least: least, most: most, limit: limit, base: limit, growth: fastGrowth, pause: 1}
}

// done takes a call that was answered: the epoch in which it was started, how long it held its place and whether another
// call waits for one. It may change limit.
func (c *concurrency) done(now instant, epoch int, took time.Duration, waiting bool) {
	if epoch != c.epoch || !waiting {
		return
	}
	c.calls++
	c.busy += took
	if c.calls < max(fewestSamples, c.limit/2) || now-c.since < shortestTrial {
		return
	}
	mean := max(c.busy/time.Duration(c.calls), 1)
	if c.trying {
		c.judge(mean)
	} else {
		c.settle(mean)
	}
	c.epoch++
	c.since, c.calls, c.busy = now, 0, 0
}

// settle takes a measurement of the base and, when it has rested enough, begins a trial.
func (c *concurrency) settle(mean time.Duration) {
	if c.differs(mean) {
		c.rest, c.pause = 0, 1
	}
	c.baseTook = mean
	if c.rest > 0 {
		c.rest--
		return
	}
	c.try()
}

func (c *concurrency) differs(mean time.Duration) bool {
	ratio := float64(mean) / float64(max(c.baseTook, 1))
	return c.baseTook > 0 && (ratio > changed || ratio < 1/changed)
}

// try sets the limit to a trial, if there is anywhere to go.
func (c *concurrency) try() {
	if c.base == c.most {
		c.down = true
	}
	if c.base == c.least {
		c.down = false
	}
	if c.down {
		c.limit = max(c.least, int(float64(c.base)*shrink))
	} else {
		c.limit = min(c.most, int(float64(c.base)*c.growth+0.5))
	}
	c.trying = c.limit != c.base
}

// judge compares the trial with the base, keeps the better one and says how to go on.
func (c *concurrency) judge(mean time.Duration) {
	c.trying = false
	gain := float64(c.limit) / float64(c.base) * float64(c.baseTook) / float64(mean)
	hoped := float64(c.limit) / float64(c.base)
	pays := gain > 1-bearable
	if hoped > 1 {
		pays = gain-1 > worthwhile*(hoped-1)
	}
	if pays {
		c.base, c.baseTook = c.limit, mean
		c.growth, c.rest, c.pause = fastGrowth, 0, 1
		c.try()
		return
	}
	c.limit = c.base
	c.growth = slowGrowth
	c.down = !c.down
	c.rest = c.pause
	c.pause = min(2*c.pause, longestRest)
}

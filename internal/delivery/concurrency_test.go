package delivery

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// server answers calls in a simulated time; load is how many it has at once.
type server func(load int, random *rand.Rand) time.Duration

func constant(d time.Duration) server {
	return func(int, *rand.Rand) time.Duration { return d }
}

// jittered answers in a time between half and one and a half of d.
func jittered(d time.Duration) server {
	return func(_ int, r *rand.Rand) time.Duration {
		return d/2 + time.Duration(r.Float64()*float64(d))
	}
}

// longTailed has answer times that vary as much as they last.
func longTailed(d time.Duration) server {
	return func(_ int, r *rand.Rand) time.Duration {
		return time.Duration(r.ExpFloat64() * float64(d))
	}
}

// knee serves up to n calls at once in d; beyond them every call gets slower.
func knee(d time.Duration, n int) server {
	return func(load int, r *rand.Rand) time.Duration {
		d := float64(d) * math.Max(1, float64(load)/float64(n))
		return time.Duration(d * (0.9 + 0.2*r.Float64()))
	}
}

// simulation keeps the server as busy as the concurrency allows: there is always a call waiting.
type simulation struct {
	c       *concurrency
	random  *rand.Rand
	now     instant
	flying  flights
	done    int
	limits  float64 // sum over time
	weights float64
}

type flight struct {
	start, end instant
	epoch      int
}

// flights are in the order of their ends, the first end last.
type flights []flight

func (f *flights) push(added flight) {
	at, _ := slices.BinarySearchFunc(*f, added.end, func(f flight, end instant) int { return cmp.Compare(end, f.end) })
	*f = slices.Insert(*f, at, added)
}

// pop takes the flight away that ends first: the last one.
func (f *flights) pop() flight {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

func simulate(c *concurrency, seed uint64) *simulation {
	return &simulation{c: c, random: rand.New(rand.NewPCG(seed, 1))}
}

// run goes on for d and returns the throughput a second and the mean limit.
func (s *simulation) run(server server, d time.Duration) (rate, limit float64) {
	until := s.now + d
	s.done, s.limits, s.weights = 0, 0, 0
	for {
		for len(s.flying) < s.c.limit {
			took := server(len(s.flying)+1, s.random)
			s.flying.push(flight{start: s.now, end: s.now + took, epoch: s.c.epoch})
		}
		f := s.flying.pop()
		s.limits += float64(s.c.limit) * float64(f.end-s.now)
		s.weights += float64(f.end - s.now)
		s.now = f.end
		if s.now > until {
			return float64(s.done) / d.Seconds(), s.limits / s.weights
		}
		s.done++
		s.c.done(s.now, f.epoch, f.end-f.start, true)
	}
}

func TestConcurrencyFollowsTheServer(t *testing.T) {
	tests := []struct {
		name           string
		server         server
		rate           float64 // least throughput once it has settled
		fewest, mostly float64 // bounds of the mean limit once it has settled
	}{
		{"slow and constant: all places", constant(150 * time.Millisecond), 0.95 * 256 / 0.150, 235, 256},
		{"slow and jittered: all places", jittered(150 * time.Millisecond), 0.90 * 256 / 0.150, 225, 256},
		{"slow with a long tail: most places", longTailed(150 * time.Millisecond), 0.80 * 256 / 0.150, 200, 256},
		{"instant, one core: few places", knee(100*time.Microsecond, 1), 0.85 * 10_000, 4, 8},
		{"instant, some cores: few places", knee(300*time.Microsecond, 3), 0.85 * 10_000, 4, 10},
		{"knee at 40: near the knee", knee(50*time.Millisecond, 40), 0.85 * 800, 28, 70},
		{"knee at 100: near the knee", knee(150*time.Millisecond, 100), 0.85 * 100 / 0.150, 70, 180},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(4) {
				s := simulate(newConcurrency(4, 256), seed)
				s.run(test.server, 4*time.Second)
				rate, limit := s.run(test.server, 10*time.Second)
				t.Logf("rate %.0f/s, mean limit %.1f", rate, limit)
				if rate < test.rate {
					t.Errorf("seed %d: %.0f calls a second, want at least %.0f", seed, rate, test.rate)
				}
				if limit < test.fewest || limit > test.mostly {
					t.Errorf("seed %d: mean limit %.1f, want %.0f to %.0f", seed, limit, test.fewest, test.mostly)
				}
			}
		})
	}
}

func TestConcurrencyClimbsQuickly(t *testing.T) {
	for _, server := range []server{constant(150 * time.Millisecond), jittered(150 * time.Millisecond)} {
		for seed := range uint64(20) {
			s := simulate(newConcurrency(4, 256), seed)
			s.run(server, 1500*time.Millisecond)
			rate, limit := s.run(server, time.Second)
			t.Logf("rate %.0f/s, mean limit %.1f", rate, limit)
			if want := 0.8 * 256 / 0.150; rate < want {
				t.Errorf("seed %d: %.0f calls in the second after 1.5 s, want %.0f", seed, rate, want)
			}
		}
	}
}

func TestConcurrencyFollowsChanges(t *testing.T) {
	steps := []struct {
		name           string
		server         server
		fewest, mostly float64
	}{
		{"slow", constant(150 * time.Millisecond), 225, 256},
		{"slower", jittered(2 * time.Second), 150, 256},
		{"suddenly instant", knee(100*time.Microsecond, 1), 4, 12},
		{"slow again", jittered(100 * time.Millisecond), 200, 256},
		{"knee", knee(100*time.Millisecond, 20), 12, 50},
		{"knee gone", constant(100 * time.Millisecond), 200, 256},
	}
	for seed := range uint64(3) {
		s := simulate(newConcurrency(4, 256), seed)
		for _, step := range steps {
			s.run(step.server, 20*time.Second)
			rate, limit := s.run(step.server, 6*time.Second)
			t.Logf("%s: rate %.0f/s, mean limit %.1f", step.name, rate, limit)
			if limit < step.fewest || limit > step.mostly {
				t.Errorf("seed %d, %s: mean limit %.1f, want %.0f to %.0f",
					seed, step.name, limit, step.fewest, step.mostly)
			}
		}
	}
}

func TestConcurrencyGrowsOnlyWhileCallsWait(t *testing.T) {
	c := newConcurrency(4, 256)
	for i := range 10_000 {
		c.done(instant(i)*time.Millisecond, c.epoch, 150*time.Millisecond, false)
	}
	if c.limit != startLimit {
		t.Errorf("limit %d though no call ever waited for a place, want %d", c.limit, startLimit)
	}
}

func TestConcurrencyStaysWithinItsBounds(t *testing.T) {
	for _, bounds := range [][2]int{{4, 1}, {4, 4}, {4, 5}, {1, 3}, {8, 1000}} {
		s := simulate(newConcurrency(bounds[0], bounds[1]), 1)
		for range 2000 {
			s.run(jittered(20*time.Millisecond), 10*time.Millisecond)
			if s.c.limit < min(bounds[0], bounds[1]) || s.c.limit > bounds[1] {
				t.Fatalf("limit %d, want %d to %d", s.c.limit, bounds[0], bounds[1])
			}
		}
	}
}

func TestWorkerAdaptsItsConcurrency(t *testing.T) {
	tests := []struct {
		name           string
		perMinute      int
		events         int
		longest        time.Duration
		fewest, mostly int // calls at once
	}{
		{"without a limit: all places", 0, 10_000, 7500 * time.Millisecond, 256, 256},
		{"with a limit: no more than it asks for", 4000, 4000, 61 * time.Second, 10, 100},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				for i := range test.events {
					d.add(trackOf(fmt.Sprint("user-", i%1000), "x"))
				}
				client := &fakeRefiner{delay: func(string) time.Duration { return 150 * time.Millisecond }}
				begun := time.Now()
				launch(t, d, client, func(o *Options) { o.KeyPerMinute = test.perMinute }).drain(t)
				if took := time.Since(begun); took > test.longest {
					t.Errorf("%d events took %s, want at most %s", test.events, took, test.longest)
				}
				if client.most < test.fewest || client.most > test.mostly {
					t.Errorf("up to %d calls at once, want %d to %d", client.most, test.fewest, test.mostly)
				}
			})
		})
	}
}

package delivery

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// countingServer is a server that counts its calls of any minute: a list of the moments at which calls came in.
type countingServer []instant

// most is the largest number of calls within any minute, both ends included.
func (s countingServer) most() int {
	slices.Sort(s)
	most, first := 0, 0
	for i, at := range s {
		for at-s[first] > time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// between is how many calls came in from a moment on and before another.
func (s countingServer) between(from, to instant) int {
	n := 0
	for _, at := range s {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// limit is what the tests need of both limiters.
type limit interface {
	wait(now instant) time.Duration
	start(now instant)
	end(now instant)
}

type userLimit struct{ window }

func (u *userLimit) start(instant) { u.window.start() }

// saturate makes calls as fast as the limit allows for d, at most places at once. latency says how long
// the next call takes; the server counts it at a random moment between its start and its end. Looking at
// the limit is late by up to a millisecond, as timers are.
func saturate(l limit, places int, d time.Duration, random *rand.Rand, latency func() time.Duration) countingServer {
	var server countingServer
	var ends []instant
	now := instant(0)
	for now < d {
		for len(ends) > 0 && ends[0] <= now {
			l.end(now)
			ends = ends[1:]
		}
		wait := l.wait(now)
		if wait <= 0 && len(ends) < places {
			l.start(now)
			took := latency()
			server = append(server, now+time.Duration(random.Float64()*float64(took)))
			at, _ := slices.BinarySearch(ends, now+took)
			ends = slices.Insert(ends, at, now+took)
			continue
		}
		next := never
		if len(ends) > 0 {
			next = ends[0]
		}
		if wait > 0 && wait != never {
			next = min(next, now+wait)
		}
		now = next + time.Duration(random.IntN(int(time.Millisecond)))
	}
	return server
}

func TestKeyLimitIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perMinute := rapid.SampledFrom([]int{1, 2, 7, 60, 100, 600, 4000}).Draw(t, "limit")
		places := rapid.SampledFrom([]int{1, 10, 256}).Draw(t, "places")
		slowest := rapid.SampledFrom([]int{1, 150, 1000, 30_000}).Draw(t, "slowest ms")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		l := newKeyLimiter(perMinute)
		server := saturate(&l, places, 4*time.Minute, random, func() time.Duration {
			return time.Duration(random.IntN(slowest)+1) * time.Millisecond
		})
		if most := server.most(); most > perMinute {
			t.Fatalf("%d calls within a minute, limit %d", most, perMinute)
		}
	})
}

func TestUserLimitIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perMinute := rapid.IntRange(1, 120).Draw(t, "limit")
		slowest := rapid.SampledFrom([]int{1, 150, 30_000}).Draw(t, "slowest ms")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		l := userLimit{window{limit: perMinute}}
		server := saturate(&l, 1, 4*time.Minute, random, func() time.Duration {
			return time.Duration(random.IntN(slowest)+1) * time.Millisecond
		})
		if most := server.most(); most > perMinute {
			t.Fatalf("%d calls within a minute, limit %d", most, perMinute)
		}
	})
}

func TestLimitsAreUsed(t *testing.T) {
	const span = 10 * time.Minute
	tests := []struct {
		name    string
		limit   int
		places  int
		latency time.Duration
		least   float64 // share of the limit
	}{
		{"the key's usual limit", 4000, 256, 150 * time.Millisecond, 0.98},
		{"an instant API", 4000, 256, time.Millisecond, 0.98},
		{"a slow API", 4000, 256, time.Second, 0.97},
		{"a low limit", 600, 256, 150 * time.Millisecond, 0.98},
		{"a lower one", 60, 256, 150 * time.Millisecond, 0.98},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			l := newKeyLimiter(test.limit)
			server := saturate(&l, test.places, span, random, func() time.Duration { return test.latency })
			got := float64(len(server)) / span.Minutes() / float64(test.limit)
			t.Logf("%.2f %% of the limit", 100*got)
			if got < test.least {
				t.Errorf("%.1f %% of the limit used, want %.0f %%", 100*got, 100*test.least)
			}
		})
	}
	t.Run("the user's usual limit", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		l := userLimit{window{limit: 100}}
		server := saturate(&l, 1, span, random, func() time.Duration { return 150 * time.Millisecond })
		got := float64(len(server)) / span.Minutes() / 100
		t.Logf("%.2f %% of the limit", 100*got)
		if got < 0.98 {
			t.Errorf("%.1f %% of the limit used, want 98 %%", 100*got)
		}
	})
}

func TestKeyLimitIsSpreadOverTheMinute(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := newKeyLimiter(4000)
	server := saturate(&l, 256, 5*time.Minute, random, func() time.Duration { return 150 * time.Millisecond })
	if n := server.between(0, time.Second); n > 100+70 {
		t.Errorf("%d calls in the first second, want a small burst", n)
	}
	for second := range 300 {
		from := instant(second) * time.Second
		n := server.between(from, from+time.Second)
		if n > 100+70 {
			t.Errorf("%d calls in second %d, want an even pace", n, second)
		}
		if second >= 200 && n < 40 {
			t.Errorf("%d calls in second %d, want the burst's gap to have closed", n, second)
		}
	}
}

func TestKeyLimitPauses(t *testing.T) {
	l := newKeyLimiter(0)
	l.pause(10 * time.Second)
	l.pause(5 * time.Second)
	if got := l.wait(4 * time.Second); got != 6*time.Second {
		t.Errorf("wait %s, want 6s: the longer pause counts", got)
	}
	if got := l.wait(10 * time.Second); got != 0 {
		t.Errorf("wait %s after the pause, want 0", got)
	}
}

func TestNoBurstAfterAPause(t *testing.T) {
	l := newKeyLimiter(600)
	l.pause(10 * time.Second)
	if got := l.wait(10 * time.Second); got != 0 {
		t.Fatalf("wait %s after the pause, want 0", got)
	}
	l.start(10 * time.Second)
	if got := l.wait(10 * time.Second); got < 100*time.Millisecond {
		t.Errorf("wait %s for the second call, want the even distance of calls", got)
	}
}

func TestNoLimit(t *testing.T) {
	l := newKeyLimiter(0)
	for range 10_000 {
		if wait := l.wait(0); wait != 0 {
			t.Fatalf("wait %s without a limit", wait)
		}
		l.start(0)
	}
}

func TestWindowForgetsAfterAMinute(t *testing.T) {
	w := window{limit: 3}
	w.start()
	w.start()
	w.end(time.Second)
	w.start()
	if got := w.wait(2 * time.Second); got != span-time.Second {
		t.Errorf("wait %s, want until a minute after the first end, %s", got, span-time.Second)
	}
	w.end(2 * time.Second)
	w.end(3 * time.Second)
	if got := w.used(2*time.Second + span); got != 1 {
		t.Errorf("%d calls count, want the last one", got)
	}
	full := window{limit: 1}
	full.start()
	if got := full.wait(0); got != never {
		t.Errorf("wait %s, want never while the only call is under way", got)
	}
}

package delivery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

func TestCircuitOpens(t *testing.T) {
	const ok = "" // a call that is answered
	tests := []struct {
		name  string
		calls []string // users of failed calls, in order
		every time.Duration
		opens bool
	}{
		{"calls of many users", strings.Fields("a b c d e f g h i j"), time.Second, true},
		{"calls of three users", strings.Fields("a a a a a a a a b c"), time.Second, true},
		{"calls of two users", strings.Fields("a b a b a b a b a b a b a b a b a b a b"), time.Second, false},
		{"calls of one user", strings.Fields("a a a a a a a a a a a a a a a a a a a a"), time.Second, false},
		{"one call too few", strings.Fields("a b c d e f g h i"), time.Second, false},
		{"an answer between", append(strings.Fields("a b c d e"), append([]string{ok}, strings.Fields("f g h i j")...)...), time.Second, false},
		{"over a long time", strings.Fields("a b c d e f g h i j"), 7 * time.Second, false},
		{"after others long ago", strings.Fields("z y x a b c d e f g h i j"), 6 * time.Second, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c circuit
			opened := false
			for i, user := range test.calls {
				if user == ok {
					c.reset()
				} else {
					opened = c.fails(user, instant(i)*test.every) || opened
				}
			}
			if opened != test.opens {
				t.Errorf("opens: %v, want %v", opened, test.opens)
			}
		})
	}
}

func TestCircuitStaysClosedWhenEveryFifthCallFails(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c circuit
	for i := range 100_000 {
		if random.Float64() >= 0.2 {
			c.reset()
		} else if c.fails(fmt.Sprint(i), instant(i)*15*time.Millisecond) {
			t.Fatalf("open after %d calls", i)
		}
	}
}

// outage is a Refiner that is down for some time.
type outage struct {
	from, to time.Time
	failure  func() error
	door     bool          // the probe succeeds nevertheless
	hangs    time.Duration // how long calls take while it is down
}

func (o *outage) now() bool {
	at := time.Now()
	return !at.Before(o.from) && at.Before(o.to)
}

func (o *outage) refiner() *fakeRefiner {
	fail := func() error {
		if o.now() {
			return o.failure()
		}
		return nil
	}
	f := &fakeRefiner{
		answer: func(string, string) error { return fail() },
		delay: func(string) time.Duration {
			if o.now() && o.hangs > 0 {
				return o.hangs
			}
			return 150 * time.Millisecond
		},
	}
	f.verify = func() error {
		if o.door {
			return nil
		}
		return fail()
	}
	return f
}

func TestOutage(t *testing.T) {
	unexpected := func() error { return refusedCall(302, refiner.ClassUnexpected) }
	for name, o := range map[string]*outage{
		"500 at once":               {failure: func() error { return refusedCall(500, refiner.ClassTemporary) }},
		"a page of somebody else":   {failure: unexpected},
		"no answer in time":         {failure: func() error { return context.DeadlineExceeded }, hangs: 30 * time.Second},
		"only the front door works": {failure: temporary, door: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { survive(t, o, 40) })
		})
	}
}

func TestOutageUnderFullLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { survive(t, &outage{failure: temporary}, 200) })
}

// survive has Refiner down for five minutes while events keep coming, three times as many as the limit allows.
func survive(t *testing.T, o *outage, perSecond int) {
	t.Helper()
	perMinute := 20 * perSecond
	const users = 500
	var log bytes.Buffer
	d := newDisk()
	o.from = time.Now().Add(10 * time.Second)
	o.to = o.from.Add(5 * time.Minute)
	client := o.refiner()
	p := launch(t, d, client, func(o *Options) {
		o.KeyPerMinute, o.UserPerMinute, o.Logger = perMinute, 100, slog.New(slog.NewTextHandler(&log, nil))
	})
	accepted := 0
	for time.Now().Before(o.to) {
		for range perSecond / 2 {
			d.add(trackOf(fmt.Sprint("user-", accepted%users), fmt.Sprint(accepted)))
			accepted++
		}
		time.Sleep(500 * time.Millisecond)
		if since := time.Since(o.from); since > 90*time.Second && since < 2*time.Minute && !o.door {
			if state := p.State(); state.Status != StatusCircuitOpen || state.Reason == "" || state.Since.Before(o.from) {
				t.Fatalf("state %+v, want the circuit open", state)
			}
		}
	}
	attempted := len(client.during(o.from, o.to)) + len(slices.DeleteFunc(client.probedAt(), func(at time.Time) bool { return at.After(o.to) }))
	t.Logf("%d calls and probes during the outage", attempted)
	if attempted >= 60 {
		t.Errorf("%d calls and probes during the outage, want fewer than 60", attempted)
	}
	p.until(t, func() bool { s := p.State().Status; return s == StatusDelivering })
	closed := time.Now()
	if late := closed.Sub(o.to); late > probeMax+o.hangs+time.Second {
		t.Errorf("calls go on %s after the end of the outage, want at most a probe later", late)
	}
	time.Sleep(time.Minute)
	for second := range 60 {
		from := closed.Add(time.Duration(second) * time.Second)
		total := len(client.during(closed, from.Add(time.Second)))
		if least := perMinute * (second + 1) * 95 / 100 / 60; total < least {
			t.Errorf("%d calls %d seconds after the recovery, want %d: 95 %% of the limit", total, second+1, least)
			break
		}
	}
	p.drain(t)
	checkSurvival(t, d, client, o)
	if text := log.String(); strings.Count(text, "circuit is open") != 1 || strings.Count(text, "circuit is closed") != 1 {
		t.Errorf("the log does not say once that the circuit opened and once that it closed:\n%s", text)
	}
}

// during are the calls that came in from a moment on and before another.
func (f *fakeRefiner) during(from, to time.Time) []received {
	return slices.DeleteFunc(f.seen(), func(c received) bool { return c.at.Before(from) || !c.at.Before(to) })
}

func checkSurvival(t *testing.T, d *disk, client *fakeRefiner, o *outage) {
	t.Helper()
	last := make(map[string]int)
	for _, call := range client.seen() {
		var n int
		_, _ = fmt.Sscan(call.event, &n)
		if before, ok := last[call.user]; call.ok && ok && n <= before {
			t.Fatalf("%s: event %d after %d", call.user, n, before)
		}
		if call.ok {
			last[call.user] = n
		}
	}
	for n := range d.entries {
		got := d.outcome(n)
		if got.Kind != journal.Delivered {
			t.Fatalf("event %d: %+v, want delivered", n, got)
		}
		// A call after a probe that was answered well is an attempt like any other.
		if got.Attempts != 1 && !o.door {
			t.Fatalf("event %d: %d attempts, want 1: the outage is not the event's", n, got.Attempts)
		}
	}
}

func TestFailingUsersDoNotOpenTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 100 {
			d.add(trackOf("ada", fmt.Sprint(i)), trackOf("bob", fmt.Sprint(i)))
		}
		client := &fakeRefiner{answer: func(user, _ string) error {
			if user == "ada" || user == "bob" {
				return temporary()
			}
			return nil
		}}
		p := launch(t, d, client)
		for i := range 600 {
			time.Sleep(time.Second)
			if i%60 == 0 {
				d.add(trackOf("cy", fmt.Sprint(i)))
			}
			if state := p.State(); state.Status == StatusCircuitOpen {
				t.Fatalf("state %+v after %d seconds", state, i)
			}
		}
		if n := len(client.arrivals("cy")); n != 10 {
			t.Errorf("%d calls of cy, want all 10", n)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Three users whose events always fail, and nobody else: from outside this looks like an outage. Their events must die
// nevertheless when their time is over, and others must get through.
func TestEventsThatAlwaysFailDieBehindAnOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 12 {
			d.add(trackOf(fmt.Sprint("user-", i%4), "bad"))
		}
		client := &fakeRefiner{answer: func(_, event string) error {
			if event == "bad" {
				return temporary()
			}
			return nil
		}}
		p := launch(t, d, client, func(o *Options) { o.RetryFor = time.Hour })
		p.until(t, func() bool { return p.State().Status == StatusCircuitOpen })
		d.add(trackOf("zoe", "good"))
		added := time.Now()
		p.until(t, func() bool { return d.outcome(12).Kind == journal.Delivered })
		if took := time.Since(added); took > 3*probeMax {
			t.Errorf("zoe's event was delivered after %s, want within a few probes", took)
		}
		p.drain(t)
		for n := range 12 {
			if got := d.outcome(n); got.Kind != journal.Dead || got.Reason != reasonRetryWindow {
				t.Errorf("event %d: %+v, want dead", n, got)
			}
		}
	})
}

func TestCircuitAndKeyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 40 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		begun := time.Now()
		phase := func() error {
			switch at := time.Since(begun); {
			case at < 2*time.Minute:
				return temporary()
			case at < 4*time.Minute:
				return denied()
			case at < 5*time.Minute:
				return tooOften(20 * time.Second)
			}
			return nil
		}
		client := &fakeRefiner{
			delay:  func(string) time.Duration { return 50 * time.Millisecond },
			answer: func(string, string) error { return phase() },
			verify: phase,
		}
		p := launch(t, d, client)
		for _, want := range []struct {
			at     time.Duration
			status Status
		}{{time.Minute, StatusCircuitOpen}, {3 * time.Minute, StatusBlocked}} {
			time.Sleep(want.at - time.Since(begun))
			state := p.State()
			if state.Status != want.status || !state.Until.After(time.Now()) || time.Until(state.Until) > probeMax {
				t.Errorf("state %+v after %s, want %s and the next probe within %s", state, want.at, want.status, probeMax)
			}
		}
		p.drain(t)
		for n := range 40 {
			if got := d.outcome(n); got.Attempts != 1 {
				t.Errorf("event %d: %d attempts, want 1", n, got.Attempts)
			}
		}
	})
}

// A 429 says that somebody is there. The circuit closes, and the key waits for as long as it is told.
func TestLimitedProbeClosesTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 40 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		begun := time.Now()
		probes := 0
		client := &fakeRefiner{
			verify: func() error { probes++; return tooOften(20 * time.Second) },
			answer: func(string, string) error {
				if time.Since(begun) < time.Second/2 {
					return temporary()
				}
				return nil
			},
		}
		launch(t, d, client).drain(t)
		if took := time.Since(begun); probes != 1 || took < 20*time.Second || took > 22*time.Second {
			t.Errorf("%d probes in %s, want one, and the pause of 20s", probes, took)
		}
	})
}

func TestStopWhileTheCircuitIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 40 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		client := &fakeRefiner{answer: func(string, string) error { return temporary() }, verify: temporary}
		p := launch(t, d, client)
		time.Sleep(time.Minute)
		begun := time.Now()
		if err := p.stop(); err != nil || time.Since(begun) != 0 {
			t.Errorf("Run returned %v after %s, want nil at once", err, time.Since(begun))
		}
		if n := d.missing(); n != 40 {
			t.Errorf("%d events are pending, want all", n)
		}
		client.answer, client.verify = nil, nil
		begun = time.Now()
		launch(t, d, client).drain(t)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("delivered after %s, want at once: the outage is not the events'", took)
		}
	})
}

package delivery

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/refiner"
)

func denied() error {
	e := refusedCall(404, refiner.ClassCredentials)
	e.Message = "API key not valid or does not exist"
	return e
}

func TestRefusedKeyBlocksTheDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := newDisk()
		for i := range 40 {
			d.add(trackOf(fmt.Sprint("user-", i%4), fmt.Sprint(i)))
		}
		var good atomic.Bool
		key := func() error {
			if good.Load() {
				return nil
			}
			return denied()
		}
		client := &fakeRefiner{
			delay:  func(string) time.Duration { return 100 * time.Millisecond },
			answer: func(string, string) error { return key() },
			verify: key,
		}
		begun := time.Now().UTC()
		p := launch(t, d, client, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			o.KeyPerMinute, o.UserPerMinute = 4000, 100
		})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		state := p.State()
		if state.Status != StatusBlocked || state.Reason != "API key not valid or does not exist (HTTP 404)" ||
			!state.Since.Equal(begun.Add(100*time.Millisecond)) {
			t.Errorf("state %+v, want blocked since the first call", state)
		}
		if n := len(client.seen()); n != 4 {
			t.Errorf("%d calls, want only those that were under way", n)
		}
		var probes []time.Duration
		for _, at := range client.probedAt() {
			probes = append(probes, at.Sub(begun).Truncate(time.Second))
		}
		want := []time.Duration{5 * time.Second, 15 * time.Second, 35 * time.Second, 65 * time.Second, 95 * time.Second}
		if diff := cmp.Diff(want, probes); diff != "" {
			t.Error(diff)
		}
		if wait := time.Until(state.Until); wait <= 0 || wait > probeMax {
			t.Errorf("next probe in %s, want within %s", wait, probeMax)
		}

		good.Store(true)
		repaired := time.Now()
		p.drain(t)
		if took := time.Since(repaired); took > time.Minute {
			t.Errorf("delivered %s after the key was repaired, want within a minute", took)
		}
		for i := range 40 {
			if got := d.outcome(i); got.Attempts != 1 {
				t.Errorf("event %d: %d attempts, want 1: a refused key is none", i, got.Attempts)
			}
		}
		if client.overlap {
			t.Error("two calls of a user at once")
		}
		text := log.String()
		if errors := strings.Count(text, "level=ERROR"); errors != 1 {
			t.Errorf("%d errors logged, want one for the whole time:\n%s", errors, text)
		}
		if !strings.Contains(text, "destination is blocked") || !strings.Contains(text, "accepts the API key again") {
			t.Errorf("log does not tell of the block and its end:\n%s", text)
		}
	})
}

func TestKeyThatVerifiesButMayNotDeliverCostsOneCallForEachProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := newDisk()
		for i := range 100 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		var good atomic.Bool
		client := &fakeRefiner{
			delay: func(string) time.Duration { return 100 * time.Millisecond },
			answer: func(string, string) error {
				if good.Load() {
					return nil
				}
				return denied()
			},
		}
		p := launch(t, d, client, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		time.Sleep(time.Second)
		first := len(client.seen())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if more := len(client.seen()) - first; more > 23 || more < 19 {
			t.Errorf("%d calls in ten minutes, want one each half minute", more)
		}
		if p.State().Status != StatusBlocked {
			t.Errorf("state %+v, want blocked", p.State())
		}
		if errors := strings.Count(log.String(), "level="); errors != 1 {
			t.Errorf("%d lines logged, want one:\n%s", errors, log.String())
		}
		good.Store(true)
		p.drain(t)
	})
}

func TestProbeThatSaysNothingAboutTheKeyLetsAnEventTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		begun := time.Now()
		client := &fakeRefiner{
			verify: func() error { return refusedCall(404, refiner.ClassEvent) },
			answer: func(string, string) error {
				if time.Since(begun) < time.Second {
					return denied()
				}
				return nil
			},
		}
		launch(t, d, client).drain(t)
		if took := time.Since(begun).Round(time.Second); took != probeFirst {
			t.Errorf("took %s, want one probe, %s", took, probeFirst)
		}
	})
}

func TestProbesWaitForTemporaryTroubleToPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		begun := time.Now()
		probes := 0
		client := &fakeRefiner{
			verify: func() error {
				switch probes++; probes {
				case 1:
					return temporary()
				case 2:
					return tooOften(2 * time.Minute)
				}
				return nil
			},
			answer: func(string, string) error {
				if time.Since(begun) < time.Second {
					return denied()
				}
				return nil
			},
		}
		launch(t, d, client).drain(t)
		if took := time.Since(begun).Round(time.Second); took != 135*time.Second {
			t.Errorf("took %s, want 5s + 10s + 2m", took)
		}
	})
}

func TestStopWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		client := &fakeRefiner{answer: func(string, string) error { return denied() }, verify: denied}
		p := launch(t, d, client)
		time.Sleep(time.Minute)
		begun := time.Now()
		if err := p.stop(); err != nil || time.Since(begun) != 0 {
			t.Errorf("Run returned %v after %s, want nil at once", err, time.Since(begun))
		}
		if d.missing() != 1 {
			t.Error("the event has an outcome, want it to be kept")
		}
	})
}

package delivery

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 200 {
			d.add(trackOf(fmt.Sprint("user-", i%20), fmt.Sprint(i)))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return 2 * time.Second }}
		p := launch(t, d, client)
		time.Sleep(3 * time.Second)
		since := time.Now().UTC()
		p.Pause(since)
		synctest.Wait()
		if state := p.State(); state.Status != StatusPaused || !state.Since.Equal(since) || state.InFlight == 0 {
			t.Errorf("state %+v, want paused since %s with calls under way", state, since)
		}
		time.Sleep(24 * time.Hour)
		called := len(client.seen())
		if state := p.State(); state.InFlight != 0 || state.Status != StatusPaused || d.missing() != 200-called {
			t.Errorf("state %+v, %d calls, %d events pending; want the calls under way to have ended", state, called, d.missing())
		}
		for _, call := range client.seen() {
			if call.at.Sub(since) > 2*time.Second {
				t.Fatalf("called %s after the pause began", call.at.Sub(since))
			}
		}
		p.Pause(time.Time{})
		resumed := time.Now()
		synctest.Wait()
		if state := p.State(); state.Status != StatusDelivering || !state.Since.Equal(resumed) {
			t.Errorf("state %+v, want delivering since %s", state, resumed)
		}
		p.drain(t)
		if n := len(client.seen()); n != 200 || client.overlap {
			t.Errorf("%d calls, want each event once and one call of a user at a time", n)
		}
	})
}

func TestStartPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		since := time.Now().Add(-time.Hour)
		client := &fakeRefiner{}
		p := launch(t, d, client, func(o *Options) { o.PausedSince = since })
		time.Sleep(time.Hour)
		if state := p.State(); state.Status != StatusPaused || !state.Since.Equal(since) || len(client.seen()) != 0 {
			t.Errorf("state %+v and %d calls, want paused since %s and none", state, len(client.seen()), since)
		}
		p.Pause(time.Time{})
		p.drain(t)
	})
}

func TestPauseHoldsProbesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		var good atomic.Bool
		key := func() error {
			if good.Load() {
				return nil
			}
			return denied()
		}
		client := &fakeRefiner{answer: func(string, string) error { return key() }, verify: key}
		p := launch(t, d, client)
		time.Sleep(time.Minute)
		p.Pause(time.Now())
		synctest.Wait()
		probes := len(client.probedAt())
		time.Sleep(time.Hour)
		if n := len(client.probedAt()); n != probes {
			t.Errorf("%d probes during the pause", n-probes)
		}
		good.Store(true)
		p.Pause(time.Time{})
		p.drain(t)
		if n := len(client.probedAt()); n != probes+1 {
			t.Errorf("%d probes after the pause, want one", n-probes)
		}
	})
}

func TestStopWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.PausedSince = time.Now() })
		time.Sleep(time.Minute)
		begun := time.Now()
		if err := p.stop(); err != nil || time.Since(begun) != 0 || d.missing() != 1 {
			t.Errorf("Run returned %v after %s with %d events pending, want nil at once and the event kept", err, time.Since(begun), d.missing())
		}
		if state := p.State(); state.Status != StatusStopped {
			t.Errorf("state %+v, want stopped", state)
		}
	})
}

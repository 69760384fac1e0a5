package delivery

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals are the moments at which calls came in, for a user or for all if user is "".
func (f *fakeRefiner) arrivals(user string) countingServer {
	var at countingServer
	calls := f.seen()
	for _, call := range calls {
		if user == "" || call.user == user {
			at = append(at, call.at.Sub(calls[0].at))
		}
	}
	return at
}

func TestKeyLimitIsKeptAndUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 2000 {
			d.add(trackOf(fmt.Sprint("user-", i%200), fmt.Sprint(i)))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Duration(rand.IntN(300)) * time.Millisecond }}
		begun := time.Now()
		observer := newTally()
		p := launch(t, d, client, func(o *Options) { o.KeyPerMinute, o.Observer = 600, observer })
		time.Sleep(time.Minute)
		state := p.State()
		if state.Status != StatusDelivering || state.Reason != "as fast as the limit of 600 calls a minute allows" {
			t.Errorf("state %+v, want delivering at the limit", state)
		}
		p.drain(t)
		if most := client.arrivals("").most(); most > 600 {
			t.Errorf("%d calls within a minute, limit 600", most)
		}
		if share := 2000 / (600 * time.Since(begun).Minutes()); share < 0.98 {
			t.Errorf("%.1f %% of the limit used, want 98 %%", 100*share)
		}
		if waited := observer.waits["key"]; waited < 2*time.Minute {
			t.Errorf("waits for the key's limit add up to %s, want most of the time", waited)
		}
	})
}

func TestUserLimitHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 250 {
			d.add(trackOf("ada", fmt.Sprint(i)))
		}
		for i := range 50 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return 50 * time.Millisecond }}
		observer := newTally()
		begun := time.Now()
		p := launch(t, d, client, func(o *Options) { o.UserPerMinute, o.Observer = 100, observer })
		time.Sleep(time.Second)
		for i := range 50 {
			if len(client.arrivals(fmt.Sprint("user-", i))) == 0 {
				t.Errorf("user-%d waits behind ada", i)
			}
		}
		time.Sleep(20 * time.Second)
		if state := p.State(); state.Status != StatusWaiting || state.UsersWaiting != 1 || state.Until.IsZero() {
			t.Errorf("state %+v, want ada waiting", state)
		}
		p.drain(t)
		if most := client.arrivals("ada").most(); most > 100 {
			t.Errorf("%d calls of ada within a minute, limit 100", most)
		}
		if took := time.Since(begun); took > 125*time.Second {
			t.Errorf("250 events took %s, want about two minutes", took)
		}
		if observer.waits["user"] < 100*time.Second {
			t.Errorf("waits for users' limits add up to %s", observer.waits["user"])
		}
	})
}

func TestIdleUsersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.UserPerMinute = 100 })
		for i := range 300 {
			d.add(trackOf(fmt.Sprint("user-", i%150), "x"))
			time.Sleep(100 * time.Millisecond)
		}
		if users := p.State().Users; users != 150 {
			t.Errorf("%d users known, want 150", users)
		}
		time.Sleep(span + time.Second)
		if users := p.State().Users; users != 0 {
			t.Errorf("%d users known after a quiet minute, want none", users)
		}
		p.drain(t)
	})
}

func TestRetryAfterPausesTheKey(t *testing.T) {
	for _, test := range []struct{ said, want time.Duration }{{17 * time.Second, 17 * time.Second}, {0, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"))
			refused := false
			client := &fakeRefiner{answer: func(string, string) error {
				if refused {
					return nil
				}
				refused = true
				return tooOften(test.said)
			}}
			begun := time.Now()
			p := launch(t, d, client, func(o *Options) { o.UserPerMinute = 100 })
			time.Sleep(time.Second)
			d.add(trackOf("bob", "3"))
			time.Sleep(test.want - 2*time.Second)
			state := p.State()
			if state.Status != StatusRateLimited || !state.Until.Equal(begun.Add(test.want)) {
				t.Errorf("state %+v, want rate limited until %s", state, begun.Add(test.want))
			}
			if n := len(client.seen()); n != 1 {
				t.Errorf("%d calls during the pause, want none after the first", n)
			}
			p.drain(t)
			if calls := client.seen(); len(calls) != 4 || !calls[1].at.Equal(begun.Add(test.want)) {
				t.Errorf("calls %v, want the second after %s", calls, test.want)
			}
			if got := d.outcome(0); got.Attempts != 1 || !d.retry().First.IsZero() {
				t.Errorf("%d attempts, want 1: a 429 is none", got.Attempts)
			}
		})
	}
}

func TestRetryAfterPausesTheUserWhoMadeMostOfItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 60 {
			d.add(trackOf("ada", fmt.Sprint(i)))
		}
		client := &fakeRefiner{answer: func(user, event string) error {
			if event == "55" && time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) < 30*time.Second {
				return tooOften(30 * time.Second)
			}
			return nil
		}}
		begun := time.Now()
		p := launch(t, d, client, func(o *Options) { o.UserPerMinute = 100 })
		time.Sleep(time.Second)
		d.add(trackOf("bob", "x"))
		time.Sleep(time.Second)
		if state := p.State(); state.Status != StatusWaiting || len(client.arrivals("bob")) != 1 {
			t.Errorf("state %+v, want only ada waiting", state)
		}
		if n := len(client.arrivals("ada")); n != 56 {
			t.Errorf("%d calls of ada, want none after the 429", n)
		}
		p.drain(t)
		if took := time.Since(begun).Round(time.Second); took != 30*time.Second {
			t.Errorf("took %s, want the pause of 30s", took)
		}
	})
}

func TestCallsFromBeforeTheStartCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 15 {
			d.add(trackOf("ada", fmt.Sprint(i)))
		}
		var past []PastCall
		for i := range 90 {
			past = append(past, PastCall{User: "ada", At: time.Now().Add(-time.Duration(i%45) * time.Second)})
		}
		client := &fakeRefiner{}
		p := launch(t, d, client, func(o *Options) { o.UserPerMinute, o.Recent = 100, past })
		time.Sleep(time.Second)
		if n := len(client.seen()); n != 10 {
			t.Errorf("%d calls, want 10: 90 of the limit of 100 had been made", n)
		}
		p.drain(t)
	})
}

func TestKeyCallsFromBeforeTheStartCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 100 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		var past []PastCall
		for range 60 {
			past = append(past, PastCall{At: time.Now()})
		}
		client := &fakeRefiner{}
		p := launch(t, d, client, func(o *Options) { o.KeyPerMinute, o.Recent = 60, past })
		time.Sleep(59 * time.Second)
		if n := len(client.seen()); n != 0 {
			t.Errorf("%d calls, want none: the minute's calls had been made", n)
		}
		p.drain(t)
	})
}

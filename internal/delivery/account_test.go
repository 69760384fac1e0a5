package delivery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeRight is a right that can be lost, first without anybody being told.
type fakeRight struct {
	expired atomic.Bool
	lost    chan struct{}
}

func newFakeRight() *fakeRight { return &fakeRight{lost: make(chan struct{})} }

func (r *fakeRight) Valid() bool           { return !r.expired.Load() }
func (r *fakeRight) Lost() <-chan struct{} { return r.lost }

func TestNoCallWithoutTheRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 100 {
			d.add(trackOf(fmt.Sprint("user-", i%10), fmt.Sprint(i)))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Second }}
		right := newFakeRight()
		p := launch(t, d, client, func(o *Options) { o.Right, o.MaxConcurrency = right, 10 })
		time.Sleep(3500 * time.Millisecond)
		right.expired.Store(true)
		before := len(client.seen())
		time.Sleep(time.Minute)
		if n := len(client.seen()); n != before+10 {
			t.Errorf("%d calls after the right had expired, want the 10 that were under way", n-before)
		}
		close(right.lost)
		if err := <-p.ended; !errors.Is(err, ErrLost) {
			t.Errorf("Run: %v, want ErrLost", err)
		}
	})
}

func TestCallsAreBrokenOffWhenTheRightIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("bob", "1"))
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Hour }}
		right := newFakeRight()
		p := launch(t, d, client, func(o *Options) { o.Right, o.Grace = right, 30*time.Minute })
		time.Sleep(time.Second)
		right.expired.Store(true)
		close(right.lost)
		begun := time.Now()
		if err := <-p.ended; !errors.Is(err, ErrLost) || time.Since(begun) > time.Second {
			t.Errorf("Run: %v after %s, want ErrLost at once", err, time.Since(begun))
		}
		if len(d.retries) != 0 || d.finished() != 0 {
			t.Errorf("calls that were broken off count: %v, %v", d.retries, d.outcomes)
		}
	})
}

func TestFailuresWaitForTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 300 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		failing := true
		client := &fakeRefiner{answer: func(user, _ string) error {
			if failing && rand.N(2) == 0 {
				return temporary()
			}
			return nil
		}}
		p := launch(t, d, client, func(o *Options) { o.Open = 20 })
		failures := func() (n int) {
			for _, call := range client.seen() {
				if !call.ok {
					n++
				}
			}
			return n
		}
		time.Sleep(10 * time.Second)
		if n := failures(); n != 20 {
			t.Errorf("%d calls failed before an account was noted, want 20", n)
		}
		a := p.Account()
		if len(a.Failures) == 0 || a.Failures[0].Calls != 20 || a.Open != 20 {
			t.Errorf("account %+v, want 20 failures and 20 open", a)
		}
		p.Noted(a)
		time.Sleep(10 * time.Second)
		if n := failures(); n != 40 {
			t.Errorf("%d calls failed after an account was noted once, want 40", n)
		}
		failing = false
		for d.missing() > 0 {
			p.Noted(p.Account())
			time.Sleep(time.Second)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		if a := p.Account(); a.Open != 0 {
			t.Errorf("account %+v of a worker that has ended, want nothing open", a)
		}
	})
}

// TestLimitIsKeptAcrossAKill kills a worker whose calls fail now and then, again and again, and has another take its place
// after a few seconds, which knows the outcomes and the last account that was noted.
func TestLimitIsKeptAcrossAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit, open = 120, 12
		d := newDisk()
		for i := range 3000 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		client := &fakeRefiner{
			delay:  func(string) time.Duration { return time.Duration(rand.IntN(200)) * time.Millisecond },
			answer: func(string, string) error { return maybe(3, temporary()) },
		}
		var recent []PastCall
		for range 20 {
			right := newFakeRight()
			p := launch(t, d, client, func(o *Options) {
				o.KeyPerMinute, o.Open, o.MaxConcurrency, o.Recent, o.Right = limit, open, 50, recent, right
			})
			var noted Account
			for range 5 + rand.N(15) {
				time.Sleep(time.Second)
				noted = p.Account()
				p.Noted(noted)
			}
			time.Sleep(rand.N(time.Second))
			p.log.kill()
			right.expired.Store(true)
			close(right.lost)
			<-p.ended
			recent = pastCalls(d, noted)
		}
		if most := client.arrivals("").most(); most > limit {
			t.Errorf("%d calls within a minute, limit %d", most, limit)
		}
		if n := len(client.seen()); n < limit {
			t.Errorf("only %d calls", n)
		}
	})
}

// maybe is an error once in n times.
func maybe(n int, err error) error {
	if rand.N(n) == 0 {
		return err
	}
	return nil
}

// pastCalls is what a successor counts.
func pastCalls(d *disk, a Account) []PastCall {
	var all []PastCall
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, outcomes := range d.outcomes {
		all = append(all, PastCall{At: outcomes[0].At})
	}
	for _, f := range a.Failures {
		for range f.Calls {
			all = append(all, PastCall{At: f.At, Lost: true})
		}
	}
	for range a.Open {
		all = append(all, PastCall{At: time.Now(), Lost: true})
	}
	return all
}

func TestCallsThatUsersMayHaveMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 12 {
			d.add(trackOf("ada", fmt.Sprint(i)), trackOf("bob", fmt.Sprint(i)))
		}
		client := &fakeRefiner{}
		p := launch(t, d, client, func(o *Options) {
			o.UserPerMinute, o.RecentOfUser = 10, 3
			o.Recent = []PastCall{{User: "ada", At: time.Now().Add(-10 * time.Second)}}
		})
		time.Sleep(30 * time.Second)
		if ada, bob := len(client.arrivals("ada")), len(client.arrivals("bob")); ada != 6 || bob != 7 {
			t.Errorf("%d calls of ada and %d of bob, want 6 and 7", ada, bob)
		}
		p.drain(t)
	})
}

package delivery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
)

// TestAFloodDelaysNobody lets 500 users send an event a second each, and one user many more at once than the window holds.
func TestAFloodDelaysNobody(t *testing.T) {
	const users, seconds, flood = 500, 20, 50_000
	latency := func(t *testing.T, flooded bool) (p99 time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			client := &fakeRefiner{delay: func(string) time.Duration { return 100 * time.Millisecond }}
			p := launch(t, d, client, func(o *Options) {
				o.KeyPerMinute, o.UserPerMinute = 60*users*2, 100
				o.Log.(*diskLog).pack = 1000
			})
			for second := range seconds {
				if flooded && second == 3 {
					for i := range flood {
						d.add(trackOf("flood", fmt.Sprint(i)))
					}
				}
				for user := range users {
					d.add(trackOf(fmt.Sprint("user-", user), fmt.Sprint("event ", second)))
					time.Sleep(time.Second / users)
				}
				if state := p.State(); state.WindowEvents > defaultWindowEvents+handOverEvents {
					t.Errorf("%d events in memory", state.WindowEvents)
				}
			}
			time.Sleep(time.Minute)
			if state := p.State(); flooded && (state.UsersParked != 1 || state.EventsParked < flood/2 || state.WindowEvents > 1000) {
				t.Errorf("state %+v, want most of the flood parked", state)
			}
			p99 = lateness(t, d, client)
			if err := p.stop(); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		return p99
	}
	without, with := latency(t, false), latency(t, true)
	t.Logf("p99 of the others: %s without the flood, %s with it", without, with)
	if with > 2*without {
		t.Errorf("the others' p99 is %s with the flood, %s without it", with, without)
	}
}

// lateness is how long 99 of 100 events of the users who do not flood took at most. Those of the one who does come in order.
func lateness(t *testing.T, d *disk, client *fakeRefiner) time.Duration {
	t.Helper()
	accepted := make(map[string]time.Time)
	for _, e := range d.entries {
		if !strings.Contains(string(e.Body), "flood") {
			accepted[string(e.Body)] = e.ReceivedAt
		}
	}
	var took []time.Duration
	floods := 0
	for _, call := range client.seen() {
		if call.user == "flood" {
			if call.event != fmt.Sprint(floods) {
				t.Fatalf("the flood's event %s comes where %d should", call.event, floods)
			}
			floods++
			continue
		}
		took = append(took, call.at.Sub(accepted[string(trackOf(call.user, call.event).Body)]))
	}
	if len(took) != len(accepted) {
		t.Errorf("%d of %d events of the others were delivered", len(took), len(accepted))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestParkedUsersAreKnownAfterAKill parks a user whose calls fail, kills the worker, and starts it again.
func TestParkedUsersAreKnownAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		client := &fakeRefiner{answer: func(user, _ string) error {
			if broken && user == "ada" {
				return temporary()
			}
			return nil
		}}
		d := newDisk(trackOf("ada", "0"), trackOf("ada", "1"))
		p := launch(t, d, client)
		p.until(t, func() bool { return p.State().EventsParked == 2 }) // once the next attempt is far away
		d.add(trackOf("ada", "2"), trackOf("bob", "3"))
		time.Sleep(time.Second)
		if state := p.State(); state.UsersParked != 1 || state.EventsParked != 3 || state.WindowEvents != 0 || state.Status != StatusWaiting {
			t.Errorf("state %+v, want three events of a user parked", state)
		}
		p.log.kill()
		_ = p.stop()
		attempts := d.retry().Attempts
		d.add(trackOf("ada", "4"))
		p = launch(t, d, client)
		synctest.Wait()
		if state := p.State(); state.UsersParked != 1 && state.WindowEvents != 4 {
			t.Errorf("state %+v after a restart, want the user known", state)
		}
		p.until(t, func() bool { return d.retry().Attempts > attempts })
		broken = false
		p.drain(t)
		var order []string
		for _, call := range client.seen() {
			if call.ok && call.user == "ada" {
				order = append(order, call.event)
			}
		}
		if fmt.Sprint(order) != "[0 1 2 4]" {
			t.Errorf("delivered in the order %v", order)
		}
		if state := p.State(); state.UsersParked != 0 || state.EventsParked != 0 || state.WindowEvents != 0 {
			t.Errorf("state %+v, want nothing left", state)
		}
		if first := d.outcome(0); first.Attempts <= attempts {
			t.Errorf("%d attempts, want more than the %d before the kill", first.Attempts, attempts)
		}
	})
}

// TestNoRoomToPark delivers to others while a user's events cannot be parked.
func TestNoRoomToPark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		client := &fakeRefiner{answer: func(user, _ string) error {
			if broken && user == "ada" {
				return temporary()
			}
			return nil
		}}
		d := newDisk(trackOf("ada", "0"), trackOf("ada", "1"))
		p := launch(t, d, client)
		p.log.full(fmt.Errorf("no room: %w", journal.ErrFull))
		p.until(t, func() bool { return strings.Contains(p.State().Reason, "parking events: no room") })
		d.add(trackOf("bob", "2"), trackOf("ada", "3"))
		p.until(t, func() bool { return d.outcome(2).Kind == journal.Delivered })
		if events, _ := d.parkedEver(); events != 0 {
			t.Errorf("%d events were parked", events)
		}
		broken = false
		p.log.full(nil)
		p.drain(t)
		if client.overlap {
			t.Error("two calls of a user at once")
		}
	})
}

// TestParkedEventsThatAreGone forgets a user whose parked events the log does not hand out, because their source was
// disconnected.
func TestParkedEventsThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "0"))
		d.parked["ada"], d.places[d.entries[0].Position] = d.entries[:1], "ada"
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.Log.(*diskLog).out["ada"] = 1 })
		time.Sleep(time.Second)
		if state := p.State(); state.UsersParked != 0 || state.Status != StatusIdle || state.Users != 0 {
			t.Errorf("state %+v, want nobody parked", state)
		}
		d.add(trackOf("ada", "1"))
		p.until(t, func() bool { return d.outcome(1).Kind == journal.Delivered })
		if err := p.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestParkedEventKeepsItsAttempts lets an event fail until it is given up, parked between its attempts.
func TestParkedEventKeepsItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "0"))
		p := launch(t, d, &fakeRefiner{answer: func(string, string) error { return temporary() }}, func(o *Options) { o.RetryFor = time.Hour })
		p.drain(t)
		if events, _ := d.parkedEver(); events != 1 {
			t.Fatalf("%d events were parked", events)
		}
		o := d.outcome(0)
		if o.Letter == nil || o.Reason != reasonRetryWindow || len(o.Letter.Attempts) != min(o.Attempts, maxAttemptsKept) || o.Attempts < 10 {
			t.Fatalf("outcome %+v with letter %+v", o, o.Letter)
		}
		for i, a := range o.Letter.Attempts[1:] {
			if wait := a.At.Sub(o.Letter.Attempts[i].At); wait <= 0 || wait > backoffMax || a.Error != "no" {
				t.Errorf("attempt %+v came %s after the one before it", a, wait)
			}
		}
	})
}

// TestStuck checks which events of a lane may be parked. In the lists p is an event that was brought back, u one that never was
// parked.
func TestStuck(t *testing.T) {
	for _, test := range []struct {
		lane   string
		parked int // events behind those
		want   int // that have to stay
	}{
		{"", 0, 0},
		{"u", 0, 0},
		{"uuu", 0, 0},
		{"uuu", 1, 3},
		{"p", 0, 0},
		{"pp", 5, 0},
		{"ppuu", 0, 0},
		{"pu", 1, 2},
		{"upp", 5, 1},
		{"pupp", 0, 2},
		{"uupu", 0, 2},
	} {
		l := &lane{parked: test.parked}
		for _, c := range test.lane {
			l.push(&item{parked: c == 'p'})
		}
		keep := l.stuck()
		if got := len(test.lane) - length(l.cut(keep)); got != test.want || l.held() != got {
			t.Errorf("%s with %d behind: %d have to stay, want %d", test.lane, test.parked, got, test.want)
		}
	}
}

func length(it *item) int {
	n := 0
	for ; it != nil; it = it.next {
		n++
	}
	return n
}

// TestNobodyIsParkedBeforeAllAreKnown starts with an event that waits and is not parked, a later one of the same user
// that is, and so much between them that the window is full before it is known of.
func TestNobodyIsParkedBeforeAllAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "first"))
		for i := range 30 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		d.add(trackOf("ada", "second"))
		for _, e := range d.entries[:31] {
			d.retries[e.Position] = journal.Retry{Attempts: 1, First: time.Now(), Next: time.Now().Add(time.Minute)}
		}
		d.parked["ada"], d.places[d.entries[31].Position] = d.entries[31:], "ada"
		client := &fakeRefiner{}
		p := launch(t, d, client, func(o *Options) { o.WindowEvents = 10 })
		time.Sleep(10 * time.Second)
		if state := p.State(); state.UsersParked > 0 || state.WindowEvents < 10 {
			t.Errorf("state %+v, want the window full and nobody parked", state)
		}
		p.drain(t)
		var order []string
		for _, call := range client.seen() {
			if call.user == "ada" {
				order = append(order, call.event)
			}
		}
		if fmt.Sprint(order) != "[first second]" {
			t.Errorf("delivered in the order %v", order)
		}
	})
}

// TestParkingManyUsersCostsNoTime delivers a backlog of many users with much each: as many of them are called at once as there
// are users, though nearly all their events are parked.
func TestParkingManyUsersCostsNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, each = 200, 100
		d := newDisk()
		for i := range users * each {
			d.add(trackOf(fmt.Sprint("user-", i%users), fmt.Sprint(i/users)))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return 100 * time.Millisecond }}
		begun := time.Now()
		p := launch(t, d, client, func(o *Options) { o.Log.(*diskLog).pack = 1000 })
		p.until(t, func() bool { return d.missing() == 0 })
		took, ideal := time.Since(begun), each*100*time.Millisecond
		if events, _ := d.parkedEver(); took > ideal*3/2 || events < users*each/2 {
			t.Errorf("it took %s to deliver %d events of which %d were parked, want about %s", took, users*each, events, ideal)
		}
		if err := p.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestEventsBetweenParkedOnes begins as a crash can leave it: with events that are not parked behind some that are, and
// before others.
func TestEventsBetweenParkedOnes(t *testing.T) {
	for _, window := range []int{1, 8192} {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			for i := range 12 {
				d.add(trackOf("ada", fmt.Sprint(i)), trackOf("bob", fmt.Sprint(i)))
			}
			for _, i := range []int{1, 2, 5, 9, 11} { // of ada's
				e := d.entries[2*i]
				d.parked["ada"] = append(d.parked["ada"], e)
				d.places[e.Position] = "ada"
			}
			client := &fakeRefiner{}
			p := launch(t, d, client, func(o *Options) { o.WindowEvents = window })
			p.drain(t)
			orders := map[string][]string{}
			for _, call := range client.seen() {
				orders[call.user] = append(orders[call.user], call.event)
			}
			for user, order := range orders {
				if fmt.Sprint(order) != "[0 1 2 3 4 5 6 7 8 9 10 11]" {
					t.Errorf("window of %d: %s's events come in the order %v", window, user, order)
				}
			}
			if state := p.State(); state.UsersParked != 0 || state.EventsParked != 0 || state.WindowEvents != 0 {
				t.Errorf("state %+v, want nothing left", state)
			}
		})
	}
}

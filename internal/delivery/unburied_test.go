package delivery

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

// refusesOf is a Refiner that refuses a user's events but for those that are fine.
func refusesOf(user, fine string) *fakeRefiner {
	return &fakeRefiner{answer: func(u, event string) error {
		if u == user && !strings.Contains(fine, event) {
			return refusedCall(422, refiner.ClassEvent)
		}
		return nil
	}}
}

// TestDeadLettersFull lets an event be refused when there is no room for dead letters: it waits, its user's newer events
// behind it, also over a restart, and nobody else does.
func TestDeadLettersFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "0"), trackOf("ada", "1"), trackOf("bob", "2"))
		d.letterRoom(0)
		client := refusesOf("ada", "1")
		p := launch(t, d, client)
		p.until(t, func() bool { return d.finished() == 1 })
		for life := range 3 {
			d.add(trackOf("bob", "more"))
			p.until(t, func() bool { return d.finished() == 2+life })
			time.Sleep(time.Hour)
			state := p.State()
			if state.LettersWaiting != 1 || state.EventsParked != 2 || state.WindowEvents != 0 || !strings.Contains(state.Reason, "1 events wait because dead letters are full") {
				t.Errorf("state %+v, want an event that waits for room and one behind it, parked", state)
			}
			if n := calls(client, "ada"); n != life+1 {
				t.Errorf("ada's events were called %d times in %d lives, want once in each", n, life+1)
			}
			if life == 1 {
				p.log.kill()
			}
			_ = p.stop()
			p = launch(t, d, client)
			synctest.Wait()
		}
		d.letterRoom(1)
		begun := time.Now()
		p.drain(t)
		if took := time.Since(begun); took > roomEvery+time.Second {
			t.Errorf("it took %s to go on, want no more than about %s", took, roomEvery)
		}
		if got := d.outcome(0); got.Kind != journal.Dead || got.Letter == nil || len(got.Letter.Attempts) == 0 {
			t.Errorf("the refused event's outcome is %+v", got)
		}
		if got := d.outcome(1); got.Kind != journal.Delivered {
			t.Errorf("the outcome of the event behind it is %+v", got)
		}
	})
}

// calls is how many calls of a user came in.
func calls(client *fakeRefiner, user string) int {
	n := 0
	for _, call := range client.seen() {
		if call.user == user {
			n++
		}
	}
	return n
}

// TestDeadLettersFullForEveryone lets Refiner refuse all events of all users when there is no room for dead letters, nor
// for parked events.
func TestDeadLettersFullForEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, each, window = 200, 5, 100
		d := newDisk()
		for i := range users * each {
			d.add(trackOf(fmt.Sprint("user-", i%users), fmt.Sprint(i)))
		}
		d.letterRoom(0)
		client := &fakeRefiner{answer: func(string, string) error { return refusedCall(422, refiner.ClassEvent) }}
		p := launch(t, d, client, func(o *Options) { o.WindowEvents = window })
		p.log.full(journal.ErrFull)
		time.Sleep(time.Hour)
		most := len(client.seen())
		if state := p.State(); most > window+handOverEvents || state.WindowEvents > window+handOverEvents {
			t.Errorf("%d calls and state %+v, want no more than the window holds", most, state)
		}
		p.log.full(nil)
		time.Sleep(time.Hour)
		if state := p.State(); len(client.seen()) != users || state.LettersWaiting != users || state.EventsParked != users*each {
			t.Errorf("%d calls and state %+v, want one for each user", len(client.seen()), state)
		}
		for d.missing() > 0 {
			d.letterRoom(70)
			time.Sleep(time.Minute)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		if n := len(client.seen()); n > 2*users*each+users {
			t.Errorf("%d calls for %d events", n, users*each)
		}
		for i := range users * each {
			if got := d.outcome(i); got.Kind != journal.Dead {
				t.Fatalf("event %d: outcome %+v", i, got)
			}
		}
	})
}

// TestLetterOfABrokenMappingWaits lets the mapping break down over an event when there is no room for its letter.
func TestLetterOfABrokenMappingWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "bomb"), trackOf("bob", "1"))
		d.letterRoom(0)
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.Mapper = bombMapper{o.Mapper} })
		p.until(t, func() bool { return d.finished() == 1 })
		if state := p.State(); state.LettersWaiting != 1 {
			t.Errorf("state %+v, want an event that waits for room", state)
		}
		d.letterRoom(1)
		p.drain(t)
		if got := d.outcome(0); got.Kind != journal.Dead {
			t.Errorf("outcome %+v", got)
		}
	})
}

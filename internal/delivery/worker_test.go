package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

func TestEveryEventGetsItsOutcome(t *testing.T) {
	tests := []struct {
		name   string
		entry  journal.Entry
		kind   journal.Kind
		reason string
	}{
		{"a call", trackOf("ada", "Signed Up"), journal.Delivered, ""},
		{"the path's type counts", journal.Entry{Type: "identify", Body: []byte(`{"type":"track","userId":"ada"}`)}, journal.Delivered, ""},
		{"the body's type counts in a batch", journal.Entry{Body: []byte(`{"type":"identify","userId":"ada"}`)}, journal.Delivered, ""},
		{"another type", journal.Entry{Type: "screen", Body: []byte(`{"userId":"ada"}`)}, journal.Filtered, "unsupported_type"},
		{"nobody", journal.Entry{Type: "track", Body: []byte(`{"event":"Signed Up"}`)}, journal.Rejected, "no_identity"},
		{"no JSON", journal.Entry{Type: "track", Body: []byte(`{"event"`)}, journal.Rejected, "malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(test.entry)
				client := &fakeRefiner{}
				launch(t, d, client).drain(t)
				got := d.outcome(0)
				if got.Kind != test.kind || got.Reason != test.reason || got.Letter != nil || got.At.IsZero() {
					t.Errorf("outcome %+v, want %s %s", got, test.kind, test.reason)
				}
				called := len(client.seen())
				if delivered := test.kind == journal.Delivered; called != 0 != delivered || got.Attempts != called {
					t.Errorf("%d calls, %d attempts", called, got.Attempts)
				}
			})
		})
	}
}

func TestOrderOfEachUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 600 {
			d.add(trackOf(fmt.Sprintf("user-%d", i%13), fmt.Sprint(i)))
		}
		client := &fakeRefiner{delay: func(string) time.Duration {
			return time.Duration(1+rand.IntN(300)) * time.Millisecond
		}}
		launch(t, d, client).drain(t)
		if client.overlap {
			t.Error("two calls of a user at once")
		}
		last := make(map[string]int)
		for _, call := range client.seen() {
			var n int
			if _, err := fmt.Sscan(call.event, &n); err != nil {
				t.Fatal(err)
			}
			if n <= last[call.user] && n >= 13 {
				t.Errorf("%s: event %d after %d", call.user, n, last[call.user])
			}
			last[call.user] = n
		}
		if len(client.seen()) != 600 || client.most < 13 {
			t.Errorf("%d calls, %d at once, want 600 and one of each of the 13 users", len(client.seen()), client.most)
		}
	})
}

func TestMaxConcurrencyBoundsUnrecordedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		for i := range 200 {
			d.add(trackOf(fmt.Sprint("user-", i), "x"))
		}
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Second }}
		p := launch(t, d, client, func(o *Options) { o.MaxConcurrency = 10 })
		synctest.Wait()
		p.log.breakDown(fmt.Errorf("no disk: %w", journal.ErrUnavailable))
		time.Sleep(time.Hour)
		if n := len(client.seen()); n != 10 {
			t.Errorf("%d calls were made though no outcome could be recorded, want 10", n)
		}
		p.log.breakDown(nil)
		p.drain(t)
		if n := len(client.seen()); n != 200 {
			t.Errorf("%d calls, want 200: no outcome may get lost", n)
		}
	})
}

func TestUnavailableJournalIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		p := launch(t, d, &fakeRefiner{delay: func(string) time.Duration { return time.Second }})
		synctest.Wait()
		p.log.breakDown(journal.ErrUnavailable)
		begun := time.Now()
		time.Sleep(10 * time.Second)
		state := p.State()
		if state.Status != StatusUnavailable || !strings.Contains(state.Reason, "storing outcomes: journal is unavailable") {
			t.Errorf("state %+v, want journal unavailable", state)
		}
		if since := state.Since.Sub(begun); since != time.Second {
			t.Errorf("unavailable since %s, want since the first outcome could not be stored", since)
		}
		p.log.breakDown(nil)
		time.Sleep(10 * time.Second)
		if state := p.State(); state.Status != StatusIdle || state.Reason != "" {
			t.Errorf("state %+v afterwards, want idle", state)
		}
		p.drain(t)
	})
}

func TestReadingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.Log.(*diskLog).broken = journal.ErrUnavailable })
		time.Sleep(time.Minute)
		if state := p.State(); state.Status != StatusUnavailable || !strings.Contains(state.Reason, "reading events") {
			t.Errorf("state %+v, want journal unavailable", state)
		}
		p.log.breakDown(nil)
		p.drain(t)
	})
}

func TestLostLogEndsTheWorker(t *testing.T) {
	for _, cause := range []error{journal.ErrClosed, journal.ErrFenced} {
		t.Run(cause.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := launch(t, newDisk(), &fakeRefiner{}, func(o *Options) { o.Log.(*diskLog).broken = cause })
				err := <-p.ended
				if err == nil || !strings.Contains(err.Error(), cause.Error()) {
					t.Errorf("Run returned %v, want %v", err, cause)
				}
			})
		})
	}
	t.Run("while an outcome is being stored", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := launch(t, newDisk(trackOf("ada", "1")), &fakeRefiner{delay: func(string) time.Duration { return time.Second }})
			synctest.Wait()
			p.log.breakDown(journal.ErrFenced)
			err := <-p.ended
			if err == nil || !strings.Contains(err.Error(), "1 outcomes could not be stored") {
				t.Errorf("Run returned %v, want how many outcomes were lost", err)
			}
		})
	})
}

func TestStopWaitsForCallsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"), trackOf("bob", "3"))
		client := &fakeRefiner{delay: func(string) time.Duration { return 4 * time.Second }}
		p := launch(t, d, client)
		time.Sleep(time.Second)
		begun := time.Now()
		p.cancel()
		synctest.Wait()
		if state := p.State(); state.Status != StatusStopping || state.InFlight != 2 {
			t.Errorf("state %+v, want stopping with 2 calls", state)
		}
		if err := <-p.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("stopped after %s, want when the calls had ended, 3s", took)
		}
		if d.missing() != 1 || len(client.seen()) != 2 {
			t.Errorf("%d calls, %d events left, want 2 and 1", len(client.seen()), d.missing())
		}
		if state := p.State(); state.Status != StatusStopped {
			t.Errorf("state %+v, want stopped", state)
		}
	})
}

func TestStopGivesUpCallsAfterTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Hour }}
		p := launch(t, d, client, func(o *Options) { o.Grace = 3 * time.Second })
		time.Sleep(time.Second)
		begun := time.Now()
		if err := p.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("stopped after %s, want after the grace period, 3s", took)
		}
		if got := d.outcome(0); got.Kind != "" || d.retry().Attempts != 0 {
			t.Errorf("outcome %+v, attempts %d, want neither: nothing is known of the call", got, d.retry().Attempts)
		}
	})
}

func TestStopGivesUpOutcomesThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("bob", "2"))
		p := launch(t, d, &fakeRefiner{}, func(o *Options) { o.Log.(*diskLog).slow = time.Second })
		synctest.Wait()
		p.log.breakDown(journal.ErrUnavailable)
		err := p.stop()
		if err == nil || !strings.Contains(err.Error(), "2 outcomes could not be stored") {
			t.Errorf("Run returned %v, want how many outcomes were lost", err)
		}
	})
}

func TestWindowBoundsMemory(t *testing.T) {
	big := strings.Repeat("x", 10_000)
	user := strings.Repeat("ada", journal.MaxParkedUser) // cannot be parked
	tests := []struct {
		name   string
		events int
		bytes  int64
		most   int // events in memory
	}{
		{"by events", 100, 1 << 30, 100 + handOverEvents},
		{"by bytes", 1 << 20, 1 << 20, 1<<20/26_000 + handOverEvents},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				for i := range 1000 {
					d.add(trackOf(user, fmt.Sprint(i, big)))
				}
				client := &fakeRefiner{answer: func(string, string) error { return temporary() }}
				p := launch(t, d, client, func(o *Options) {
					o.WindowEvents, o.WindowBytes = test.events, test.bytes
					o.Log.(*diskLog).pack = 300
				})
				time.Sleep(time.Minute)
				state := p.State()
				if state.WindowEvents > test.most || state.WindowEvents < test.most/3 {
					t.Errorf("%d events in memory, want at most %d", state.WindowEvents, test.most)
				}
				if state.WindowBytes > test.bytes+handOverBytes+30_000 {
					t.Errorf("%d bytes in memory, want at most %d", state.WindowBytes, test.bytes)
				}
				if state.Status != StatusWaiting || state.Users != 1 || state.UsersWaiting != 1 {
					t.Errorf("state %+v, want the one user waiting", state)
				}
				if err := p.stop(); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

// bombMapper breaks down over one event.
type bombMapper struct{ Mapper }

func (m bombMapper) Map(e *event.Event) (mapping.Call, error) {
	if e.EventName().Text() == "bomb" {
		panic("bomb")
	}
	return m.Mapper.Map(e)
}

func TestEventThatBreaksTheMappingIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "bomb"), trackOf("ada", "fine"))
		launch(t, d, &fakeRefiner{}, func(o *Options) { o.Mapper = bombMapper{o.Mapper} }).drain(t)
		if got := d.outcome(0); got.Kind != journal.Dead || got.Reason != "mapping_failed" || string(got.Letter.Event) != `{"userId":"ada","event":"bomb"}` {
			t.Errorf("outcome %+v, want a dead letter", got)
		}
		if got := d.outcome(1); got.Kind != journal.Delivered {
			t.Errorf("outcome %+v of the event behind it, want delivered", got)
		}
	})
}

// tally is an Observer that writes everything down.
type tally struct {
	mu        sync.Mutex
	outcomes  map[string]int
	calls     map[string]int
	latencies []time.Duration
	waits     map[string]time.Duration
	saved     map[string]int
}

func (o *tally) Outcome(kind journal.Kind, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[string(kind)+" "+reason]++
}

func (o *tally) Call(class string, status int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[fmt.Sprint(class, " ", status)]++
}

func (o *tally) Delivered(latency time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.latencies = append(o.latencies, latency)
}

func (o *tally) Waited(limit string, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waits[limit] += wait
}

func (o *tally) Saved(how string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saved[how]++
}

func newTally() *tally {
	return &tally{outcomes: map[string]int{}, calls: map[string]int{}, waits: map[string]time.Duration{}, saved: map[string]int{}}
}

func TestObserverAndStateCountEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("bob", "refuse"), trackOf("cy", "later"), journal.Entry{Type: "alias", Body: []byte(`{"userId":"ada"}`)})
		failed := false
		client := &fakeRefiner{
			delay: func(string) time.Duration { return 20 * time.Millisecond },
			answer: func(_, event string) error {
				switch {
				case event == "refuse":
					return refusedCall(422, refiner.ClassEvent)
				case event == "later" && !failed:
					failed = true
					return temporary()
				}
				return nil
			},
		}
		observer := newTally()
		p := launch(t, d, client, func(o *Options) { o.Observer = observer })
		p.drain(t)
		if diff := cmp.Diff(map[string]int{"delivered ": 2, "dead refused_422": 1, "filtered unsupported_type": 1}, observer.outcomes); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]int{"ok 200": 2, "event 422": 1, "temporary 503": 1}, observer.calls); diff != "" {
			t.Error(diff)
		}
		if len(observer.latencies) != 2 || observer.latencies[0] != 20*time.Millisecond {
			t.Errorf("latencies %v, want two, the first 20ms", observer.latencies)
		}
		want := map[string]uint64{"ok": 2, "event": 1, "temporary": 1, "credentials": 0, "rate_limited": 0, "unexpected": 0, "canceled": 0}
		if diff := cmp.Diff(want, p.State().Calls); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStateWhileDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		p := launch(t, d, &fakeRefiner{delay: func(string) time.Duration { return time.Second }})
		time.Sleep(time.Minute)
		if state := p.State(); state.Status != StatusIdle || !state.OldestPending.IsZero() {
			t.Errorf("state %+v, want idle", state)
		}
		accepted := time.Now().UTC()
		d.add(trackOf("ada", "1"), trackOf("ada", "2"))
		time.Sleep(500 * time.Millisecond)
		state := p.State()
		if state.Status != StatusDelivering || state.InFlight != 1 || state.WindowEvents != 2 || !state.OldestPending.Equal(accepted) || !state.Since.Equal(accepted) {
			t.Errorf("state %+v, want delivering the first of two events since %s", state, accepted)
		}
		time.Sleep(time.Minute)
		state = p.State()
		if state.Status != StatusIdle || state.WindowEvents != 0 || state.WindowBytes != 0 || state.Users != 0 ||
			!state.LastDelivered.Equal(accepted.Add(2*time.Second)) {
			t.Errorf("state %+v, want idle, last delivered two seconds after %s", state, accepted)
		}
		p.drain(t)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := New(Options{KeyPerMinute: -1, WindowBytes: -2})
	for _, want := range []string{"field Name is missing", "Log, Mapper and Client", "KeyPerMinute is -1", "WindowBytes is -2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

func TestWorkerThatHasNotRun(t *testing.T) {
	w, err := New(Options{Name: "x", Log: newDisk().open(), Mapper: documented(t), Client: &fakeRefiner{}})
	if err != nil {
		t.Fatal(err)
	}
	if state := w.State(); state.Status != StatusStopped || state.Name != "x" {
		t.Errorf("state %+v, want stopped", state)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}

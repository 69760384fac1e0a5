package delivery

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

func TestFailedCallsAreRetried(t *testing.T) {
	failures := []error{
		refusedCall(503, refiner.ClassTemporary),
		refusedCall(302, refiner.ClassUnexpected),
		errors.New("connection reset by peer"),
		&refiner.Error{Class: refiner.ClassTemporary, Message: "no answer in time"},
	}
	for _, failure := range failures {
		t.Run(failure.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"), trackOf("bob", "3"))
				calls := 0
				client := &fakeRefiner{answer: func(_, event string) error {
					if event == "1" {
						if calls++; calls < 4 {
							return failure
						}
					}
					return nil
				}}
				begun := time.Now().UTC()
				p := launch(t, d, client)
				synctest.Wait()
				if got := d.outcome(2); got.Kind != journal.Delivered {
					t.Error("bob waits behind ada")
				}
				if got := d.retry(); got.Attempts != 1 || !got.First.Equal(begun) || got.Next.Sub(begun) < time.Second {
					t.Errorf("remembered %+v, want one attempt at %s and the next a second later or more", got, begun)
				}
				p.drain(t)
				if got := d.outcome(0); got.Kind != journal.Delivered || got.Attempts != 4 {
					t.Errorf("outcome %+v, want delivered after 4 attempts", got)
				}
				if got := d.outcome(1); got.Attempts != 1 {
					t.Errorf("outcome %+v, want it not to be tried before the one ahead of it", got)
				}
				if took := time.Since(begun); took < 7*time.Second || took > 15*time.Second {
					t.Errorf("took %s, want the sum of three growing delays", took)
				}
			})
		})
	}
}

func TestRetryAfterOfATemporaryErrorIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		begun := time.Now()
		client := &fakeRefiner{answer: func(string, string) error {
			if time.Since(begun) > 0 {
				return nil
			}
			e := refusedCall(503, refiner.ClassTemporary)
			e.RetryAfter = 40 * time.Second
			return e
		}}
		launch(t, d, client).drain(t)
		if calls := client.seen(); len(calls) != 2 || calls[1].at.Sub(begun) != 40*time.Second {
			t.Errorf("calls %v, want the second after 40s", calls)
		}
	})
}

func TestRetryWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"))
		client := &fakeRefiner{answer: func(_, event string) error {
			if event == "1" {
				return temporary()
			}
			return nil
		}}
		begun := time.Now().UTC()
		launch(t, d, client, func(o *Options) { o.RetryFor = 72 * time.Hour }).drain(t)
		got := d.outcome(0)
		if got.Kind != journal.Dead || got.Reason != "retry_window_passed" {
			t.Fatalf("outcome %+v, want dead", got)
		}
		if took := got.At.Sub(begun); took != 72*time.Hour {
			t.Errorf("given up after %s, want 72h", took)
		}
		if got.Attempts < 72*60/5 || got.Attempts != len(client.seen())-1 {
			t.Errorf("%d attempts, %d calls", got.Attempts, len(client.seen())-1)
		}
		want := fmt.Sprintf("given up after %d attempts in 72h0m0s: refiner: POST /v1/track-event: 503: no", got.Attempts)
		if got.Letter.Message != want || got.Letter.Status != 503 {
			t.Errorf("letter says %d %q, want %q", got.Letter.Status, got.Letter.Message, want)
		}
		attempts := got.Letter.Attempts
		if len(attempts) != maxAttemptsKept || !attempts[len(attempts)-1].At.Equal(got.At) {
			t.Errorf("letter has %d attempts, want the last %d", len(attempts), maxAttemptsKept)
		}
		if d.outcome(1).Kind != journal.Delivered {
			t.Error("the event behind it was not delivered")
		}
	})
}

func TestRetriesGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"))
		client := &fakeRefiner{answer: func(string, string) error { return temporary() }}
		p := launch(t, d, client)
		time.Sleep(3 * time.Minute)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		before := d.retry()
		calls := len(client.seen())
		if calls < 4 || before.Attempts != calls {
			t.Fatalf("%d calls, %d attempts remembered", calls, before.Attempts)
		}
		client.answer = nil
		launch(t, d, client).drain(t)
		if at := client.seen()[calls].at; !at.Equal(before.Next) {
			t.Errorf("called again at %s, want %s", at, before.Next)
		}
		if got := d.outcome(0); got.Attempts != calls+1 {
			t.Errorf("%d attempts, want %d", got.Attempts, calls+1)
		}
	})
}

func TestRetryTimeFromASkewedClockIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		begun := time.Now()
		d.retries[d.entries[0].Position] = journal.Retry{Attempts: 1, First: begun, Next: begun.Add(1000 * time.Hour)}
		launch(t, d, &fakeRefiner{}).drain(t)
		if took := d.outcome(0).At.Sub(begun); took != longestRestored {
			t.Errorf("waited %s, want at most %s", took, longestRestored)
		}
	})
}

func TestDecide(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	first := journal.Retry{Attempts: 1, First: now}
	tests := []struct {
		name   string
		err    error
		tried  journal.Retry
		action action
		kind   journal.Kind
		reason string
		delay  time.Duration
	}{
		{"success", nil, first, actFinish, journal.Delivered, "", 0},
		{"refused event", refusedCall(422, refiner.ClassEvent), first, actFinish, journal.Dead, "refused_422", 0},
		{"unsendable event", refusedCall(0, refiner.ClassEvent), first, actFinish, journal.Dead, "unsendable", 0},
		{"refused key", refusedCall(401, refiner.ClassCredentials), first, actBlock, "", "no (HTTP 401)", 0},
		{"limit", tooOften(7 * time.Second), first, actLimited, "", "", 7 * time.Second},
		{"limit without a time", tooOften(0), first, actLimited, "", "", time.Minute},
		{"first failure", temporary(), first, actRetry, "", "", 1500 * time.Millisecond},
		{"fourth failure", temporary(), journal.Retry{Attempts: 4, First: now.Add(-time.Hour)}, actRetry, "", "", 12 * time.Second},
		{"foreign error", errors.New("?"), first, actRetry, "", "", 1500 * time.Millisecond},
		{"wrapped error", fmt.Errorf("x: %w", refusedCall(400, refiner.ClassEvent)), first, actFinish, journal.Dead, "refused_400", 0},
		{"last chance", temporary(), journal.Retry{Attempts: 50, First: now.Add(time.Second - time.Hour)}, actRetry, "", "", time.Second},
		{"window passed", temporary(), journal.Retry{Attempts: 50, First: now.Add(-time.Hour)}, actFinish, journal.Dead, "retry_window_passed", 0},
		{"limit after the window", tooOften(time.Second), journal.Retry{Attempts: 50, First: now.Add(-9 * time.Hour)}, actLimited, "", "", time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			retryFor := 72 * time.Hour
			if test.tried.Attempts > 10 {
				retryFor = time.Hour
			}
			v := decide(test.err, test.tried, now, retryFor, 0.5)
			if v.action != test.action || v.kind != test.kind || v.reason != test.reason || v.delay != test.delay {
				t.Errorf("%+v, want %+v", v, test)
			}
		})
	}
}

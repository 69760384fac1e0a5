package delivery

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// splitter makes a call of each part of an event's name: "a+b" becomes a and b. An event called stop ends the context
// of the reader as if no process could be started.
type splitter struct {
	Mapper

	entries atomic.Pointer[journal.Entry] // the latest one
}

func (m *splitter) Calls(ctx context.Context, entry *journal.Entry, e *event.Event) ([]mapping.Call, error) {
	m.entries.Store(entry)
	if e.EventName().Text() == "stuck" {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	call, err := m.Map(e)
	if err != nil {
		return nil, err
	}
	var calls []mapping.Call
	for part := range strings.SplitSeq(e.EventName().Text(), "+") {
		one := call
		one.Body = []byte(strings.Replace(string(call.Body), e.EventName().Text(), part, 1))
		calls = append(calls, one)
	}
	return calls, nil
}

func splitting(o *Options) { o.Mapper = &splitter{Mapper: o.Mapper} }

func TestSeveralCallsOfOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeRefiner{delay: func(string) time.Duration { return 10 * time.Millisecond }}
		observer := newTally()
		d := newDisk(trackOf("ada", "0"), trackOf("ada", "1+2+3"), trackOf("bob", "4"), trackOf("ada", "5"))
		p := launch(t, d, client, merging, splitting, func(o *Options) { o.MaxConcurrency, o.Observer, o.SkipUnchanged = 1, observer, time.Hour })
		p.drain(t)
		if diff := cmp.Diff([]string{"0", "4", "1", "2", "3", "5"}, brought(client)); diff != "" {
			t.Errorf("calls -want +got\n%s", diff)
		}
		for n, attempts := range []int{1, 3, 1, 1} {
			if got := d.outcome(n); got.Kind != journal.Delivered || got.Attempts != attempts {
				t.Errorf("outcome %d is %+v", n, got)
			}
		}
		if state := p.State(); state.WindowEvents != 0 || state.WindowBytes != 0 {
			t.Errorf("state %+v", state)
		}
		if n := len(observer.latencies); n != 4 {
			t.Errorf("%d events were observed as delivered", n)
		}
	})
}

// TestSeveralCallsThatFail has the second call of three fail: the first is not made again, the third waits.
func TestSeveralCallsThatFail(t *testing.T) {
	for _, test := range []struct {
		name     string
		err      error
		want     []string
		kind     journal.Kind
		attempts int
	}{
		{"for a while", &refiner.Error{Class: refiner.ClassTemporary, Status: http.StatusBadGateway}, []string{"1", "2", "2", "3", "4"}, journal.Delivered, 4},
		{"for good", &refiner.Error{Class: refiner.ClassEvent, Status: http.StatusUnprocessableEntity}, []string{"1", "2", "4"}, journal.Dead, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := false
				client := &fakeRefiner{answer: func(_, event string) error {
					if event == "2" && !failed {
						failed = true
						return test.err
					}
					return nil
				}}
				d := newDisk(trackOf("ada", "1+2+3"), trackOf("ada", "4"))
				launch(t, d, client, splitting, func(o *Options) { o.WindowEvents = 1 }).drain(t)
				if diff := cmp.Diff(test.want, brought(client)); diff != "" {
					t.Errorf("calls -want +got\n%s", diff)
				}
				got := d.outcome(0)
				if got.Kind != test.kind || got.Attempts != test.attempts {
					t.Errorf("outcome %+v", got)
				}
				if got.Letter != nil && !strings.Contains(string(got.Letter.Call), `"2"`) {
					t.Errorf("the dead letter has the call %s", got.Letter.Call)
				}
			})
		})
	}
}

// TestStopWhileAnEventCannotBeMapped leaves such an event for the next start.
func TestStopWhileAnEventCannotBeMapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"), trackOf("ada", "stuck"))
		p := launch(t, d, &fakeRefiner{}, splitting)
		synctest.Wait()
		if err := p.stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if got := d.outcome(1); got.Kind != "" {
			t.Errorf("outcome %+v of an event that nobody knows anything of", got)
		}
	})
}

func TestTransformerLearnsOfTheEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("ada", "1"))
		m := &splitter{Mapper: documented(t)}
		launch(t, d, &fakeRefiner{}, func(o *Options) { o.Mapper = m }).drain(t)
		if got := m.entries.Load(); got.Source != "web" || got.MessageID != "message-0" || got.ReceivedAt.IsZero() {
			t.Errorf("it got %+v", got)
		}
	})
}

// TestSeveralCallsAreNotMadeAgainWhenTheirUserWaits has a user wait for the limit in the middle of an event, while the
// window fills up and the user's other events are parked.
func TestSeveralCallsAreNotMadeAgainWhenTheirUserWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeRefiner{}
		events := []journal.Entry{trackOf("ada", "a+b+c")}
		want := []string{"a", "b", "c"}
		for i := range 60 {
			events = append(events, trackOf("ada", strconv.Itoa(i)))
			want = append(want, strconv.Itoa(i))
		}
		d := newDisk(events...)
		p := launch(t, d, client, splitting, func(o *Options) { o.UserPerMinute, o.WindowEvents = 1, 16 })
		p.until(t, func() bool { return p.State().EventsParked > 0 })
		p.drain(t)
		if diff := cmp.Diff(want, brought(client)); diff != "" {
			t.Errorf("calls -want +got\n%s", diff)
		}
	})
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
	"tanker/refiner/refinertest"
)

func skipping(o *Options) { o.SkipUnchanged = 24 * time.Hour }

// eventOf is an event of the user ada, with these members.
func eventOf(typ, members string) journal.Entry {
	return journal.Entry{Type: typ, Body: fmt.Appendf(nil, `{"userId":"ada",%s}`, members)}
}

func TestWhatChangesNothingIsSkipped(t *testing.T) {
	plan := eventOf("identify", `"traits":{"plan":"gold","email":"a@x"}`)
	free := eventOf("identify", `"traits":{"plan":"free","email":"a@x"}`)
	group := eventOf("group", `"groupId":"g","traits":{"size":1}`)
	tests := []struct {
		name   string
		events []journal.Entry
		want   string // d: delivered, u: unchanged
	}{
		{"the same again", []journal.Entry{plan, plan, plan}, "duu"},
		{"another one between", []journal.Entry{plan, free, plan}, "ddd"},
		{"a group between", []journal.Entry{plan, group, plan, group}, "dduu"},
		{"another group between", []journal.Entry{group, eventOf("group", `"groupId":"h"`), group}, "ddd"},
		{"a track call between", []journal.Entry{plan, eventOf("track", `"event":"e"`), plan}, "ddu"},
		{"a track call with the same email between", []journal.Entry{plan, eventOf("track", `"event":"e","properties":{"email":"a@x"}`), plan}, "ddu"},
		{"a track call with another email between", []journal.Entry{plan, eventOf("track", `"event":"e","properties":{"email":"b@x"}`), plan}, "ddd"},
		{"a group with another email between", []journal.Entry{plan, eventOf("group", `"groupId":"g","context":{"traits":{"email":"b@x"}}`), plan}, "ddd"},
		{"an email for a call that had none", []journal.Entry{group, plan, group}, "ddd"},
		{"track calls", []journal.Entry{eventOf("track", `"event":"e"`), eventOf("track", `"event":"e"`)}, "dd"},
		{"a call that sets both", []journal.Entry{eventOf("identify", `"traits":{"a":1,"account":{"id":"g"}}`), eventOf("identify", `"traits":{"a":1,"account":{"id":"g"}}`)}, "dd"},
		{"a call that sets both between", []journal.Entry{eventOf("identify", `"traits":{"a":1}`), group, eventOf("identify", `"traits":{"a":1,"account":{"id":"g"}}`), eventOf("identify", `"traits":{"a":1}`), group}, "ddddd"},
		{"written in another order", []journal.Entry{eventOf("identify", `"traits":{"a":1,"b":2}`), eventOf("identify", `"traits":{"b":2,"a":1}`)}, "dd"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(test.events...)
				observer := newTally()
				launch(t, d, &fakeRefiner{}, skipping, func(o *Options) { o.Observer = observer }).drain(t)
				got, skipped := "", 0
				for n := range test.events {
					o := d.outcome(n)
					switch {
					case o.Kind == journal.Delivered && o.Attempts == 1:
						got += "d"
					case o.Kind == journal.Filtered && o.Reason == "unchanged" && o.Attempts == 0:
						got += "u"
						skipped++
					default:
						t.Errorf("outcome of event %d: %+v", n, o)
					}
				}
				if got != test.want || observer.saved["unchanged"] != skipped {
					t.Errorf("got %s, %v saved, want %s", got, observer.saved, test.want)
				}
			})
		})
	}
}

func TestNothingIsSkippedUnlessAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeRefiner{}
		d := newDisk(eventOf("identify", `"traits":{"a":1}`), eventOf("identify", `"traits":{"a":1}`))
		launch(t, d, client).drain(t)
		if n := len(client.seen()); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

func TestACallStandsForSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := eventOf("identify", `"traits":{"a":1}`)
		d := newDisk(same)
		p := launch(t, d, &fakeRefiner{}, skipping)
		for range 3 {
			time.Sleep(10 * time.Hour)
			d.add(same)
		}
		p.drain(t)
		for n, want := range []journal.Kind{journal.Delivered, journal.Filtered, journal.Filtered, journal.Delivered} {
			if o := d.outcome(n); o.Kind != want {
				t.Errorf("outcome %+v of event %d, want %s", o, n, want)
			}
		}
	})
}

func TestAReplayIsNeverSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := eventOf("identify", `"traits":{"a":1}`)
		replay := same
		replay.ReplayOf = journal.At(1, 0)
		d := newDisk(same, replay, same)
		launch(t, d, &fakeRefiner{}, skipping).drain(t)
		for n, want := range []journal.Kind{journal.Delivered, journal.Delivered, journal.Filtered} {
			if o := d.outcome(n); o.Kind != want {
				t.Errorf("outcome %+v of event %d, want %s", o, n, want)
			}
		}
	})
}

// TestACallThatMayHaveArrivedIsNotForgotten: nobody knows whether the call that was given up has changed the plan.
func TestACallThatMayHaveArrivedIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		client := &fakeRefiner{
			delay: func(string) time.Duration { return time.Millisecond },
			answer: func(string, string) error {
				if calls++; calls == 2 {
					return temporary()
				}
				return nil
			},
		}
		gold := eventOf("identify", `"traits":{"plan":"gold"}`)
		d := newDisk(gold)
		p := launch(t, d, client, skipping, func(o *Options) { o.RetryFor = time.Nanosecond })
		p.until(t, func() bool { return d.missing() == 0 })
		d.add(eventOf("identify", `"traits":{"plan":"free"}`), gold)
		p.drain(t)
		for n, want := range []journal.Kind{journal.Delivered, journal.Dead, journal.Delivered} {
			if o := d.outcome(n); o.Kind != want {
				t.Errorf("outcome %+v of event %d, want %s", o, n, want)
			}
		}
	})
}

// note is a Memory on a disk that can break.
type note struct {
	disk   *disk
	broken error

	mu       sync.Mutex
	data     []byte
	outcomes int // stored when it was written
}

func (n *note) Remember(_ context.Context, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.data, n.outcomes = data, n.disk.finished()
	return n.broken
}

func (n *note) Recall(context.Context) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outcomes != n.disk.finished() {
		return nil, n.broken
	}
	return n.data, n.broken
}

func TestWhatIsKnownOutlastsAStopButNoCrash(t *testing.T) {
	first, second := eventOf("identify", `"traits":{"a":0}`), eventOf("identify", `"traits":{"a":1}`)
	tests := []struct {
		name  string
		crash bool
		spoil func(*note)
		third journal.Entry
		want  journal.Kind
	}{
		{"stop", false, func(*note) {}, second, journal.Filtered},
		{"crash", true, func(*note) {}, second, journal.Delivered},
		{"crash, and what was known before it", true, func(*note) {}, first, journal.Delivered},
		{"memory does not work", false, func(n *note) { n.broken = errors.New("disk is sick") }, second, journal.Delivered},
		{"memory is garbled", false, func(n *note) { n.data = n.data[1:] }, second, journal.Delivered},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk(first)
				n := &note{disk: d}
				remembering := func(o *Options) { o.Memory = n }
				launch(t, d, &fakeRefiner{}, skipping, remembering).drain(t)
				p := launch(t, d, &fakeRefiner{}, skipping, remembering)
				d.add(second)
				p.until(t, func() bool { return d.missing() == 0 })
				if test.crash {
					p.log.kill()
					n = &note{disk: d, data: n.data, outcomes: n.outcomes} // as it was
				}
				if err := p.stop(); err != nil {
					t.Fatal(err)
				}
				test.spoil(n)
				d.add(test.third)
				launch(t, d, &fakeRefiner{}, skipping, func(o *Options) { o.Memory = n }).drain(t)
				if o := d.outcome(2); o.Kind != test.want {
					t.Errorf("outcome %+v, want %s", o, test.want)
				}
			})
		})
	}
}

func TestKnownIsBounded(t *testing.T) {
	k := newKnown(time.Hour)
	k.most = 10
	now := time.Unix(1_000_000, 0)
	for i := range 100 {
		e := &effect{user: digestOf([]byte{byte(i)}), call: digestOf([]byte("call")), contact: true}
		k.delivered(e, now)
		if !k.unchanged(e, now) {
			t.Fatal("the latest call is not known")
		}
		k.delivered(e, now)
	}
	if len(k.contacts) != 10 {
		t.Errorf("%d contacts are known, want 10", len(k.contacts))
	}
	again := newKnown(time.Hour)
	if err := again.decode(k.encode()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k.contacts, again.contacts, cmp.AllowUnexported(effects{}, sent{})); diff != "" {
		t.Errorf("known before and after: %s", diff)
	}
	few := newKnown(time.Hour)
	few.most = 3
	if err := few.decode(k.encode()); err != nil || len(few.contacts) != 3 {
		t.Errorf("%d contacts are known, %v, want 3", len(few.contacts), err)
	}
	if most := 1 + mostKnown*contactSize; most > 7<<20 {
		t.Errorf("%d bytes to remember are more than a journal takes", most)
	}
}

// TestSkippingChangesNothing delivers random events, of users whose contacts and accounts nobody else changes, with and
// without skipping to a Refiner that fails now and then.
func TestSkippingChangesNothing(t *testing.T) {
	skipped := 0
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 2))
		events := repeated(random, randomEvents(random, 100))
		want, many := delivered(t, events, nil)
		faults := []refinertest.Fault{
			{Path: "/v1/identify-user", Times: 3, Status: 500, Apply: true},
			{Path: "/v1/identify-user", Times: 2, Drop: true, Apply: true},
		}
		for _, options := range [][]func(*Options){{skipping}, {skipping, merging}} {
			got, few := delivered(t, events, faults, options...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: contacts without and with skipping:\n%s", seed, diff)
			}
			skipped += many - few
		}
	}
	if skipped < 100 {
		t.Errorf("only %d calls were saved: the test says little", skipped)
	}
}

// TestCrashesChangeNothingElse lets a worker that merges and skips be killed and stopped again and again. Calls are
// repeated then, and an event may be tracked twice; but what contacts and accounts look like in the end must be the same.
func TestCrashesChangeNothingElse(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 3))
		events := repeated(random, randomEvents(random, 100))
		want, _ := delivered(t, events, nil)
		var got map[string]contactState
		synctest.Test(t, func(t *testing.T) {
			sandbox := refinertest.New(refinertest.Options{})
			d := newDisk(events...)
			n := &note{disk: d}
			lead := func() *process {
				return launch(t, d, client(t, sandbox, "sandbox-key-0000"), merging, skipping, func(o *Options) {
					o.Memory, o.MaxConcurrency, o.Grace = n, 3, time.Millisecond
				})
			}
			for range 10 {
				p := lead()
				time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
				if random.IntN(2) == 0 {
					p.log.kill()
					n = &note{disk: d, data: n.data, outcomes: n.outcomes} // what the dying worker writes is lost
				}
				_ = p.stop()
			}
			lead().drain(t)
			got = statesOf(sandbox.Contacts())
		})
		for _, all := range []map[string]contactState{want, got} {
			for who, s := range all {
				s.Events = nil
				all[who] = s
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: contacts without and with crashes:\n%s", seed, diff)
		}
	}
}

// repeated lets some of the events come several times, soon or later.
func repeated(random *rand.Rand, events []journal.Entry) []journal.Entry {
	var all []journal.Entry
	for i, e := range events {
		all = append(all, e)
		for random.IntN(2) == 0 {
			all = append(all, events[max(0, i-random.IntN(3))])
		}
	}
	return all
}

package delivery

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
	"tanker/refiner/refinertest"
)

func merging(o *Options) { o.Merge = mapping.Merge }

// brought lists what each call brought.
func brought(f *fakeRefiner) []string {
	var all []string
	for _, call := range f.seen() {
		all = append(all, strings.Join(call.events(), " "))
	}
	return all
}

func TestEventsThatWaitGoAlong(t *testing.T) {
	tests := []struct {
		name   string
		events []journal.Entry
		want   []string
	}{
		{"all of a user", []journal.Entry{identifyOf("ada", "0"), identifyOf("ada", "1"), identifyOf("ada", "2")}, []string{"0 1 2"}},
		{"never across a track call", []journal.Entry{identifyOf("ada", "0"), identifyOf("ada", "1"), trackOf("ada", "2"), identifyOf("ada", "3"), identifyOf("ada", "4")}, []string{"0 1", "2", "3 4"}},
		{"track calls by themselves", []journal.Entry{trackOf("ada", "0"), trackOf("ada", "1")}, []string{"0", "1"}},
		{"across other users", []journal.Entry{identifyOf("ada", "0"), identifyOf("bob", "1"), identifyOf("ada", "2"), trackOf("bob", "3")}, []string{"0 2", "1", "3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &fakeRefiner{delay: func(string) time.Duration { return 10 * time.Millisecond }}
				d := newDisk(test.events...)
				launch(t, d, client, merging, func(o *Options) { o.MaxConcurrency = 1 }).drain(t)
				if diff := cmp.Diff(test.want, brought(client)); diff != "" {
					t.Errorf("calls -want +got\n%s", diff)
				}
			})
		})
	}
}

func TestCarriedEventsHaveOutcomesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		observer := newTally()
		d := newDisk(identifyOf("ada", "0"), identifyOf("ada", "1"), identifyOf("ada", "2"))
		p := launch(t, d, &fakeRefiner{}, merging, func(o *Options) { o.Observer = observer })
		p.drain(t)
		for n, want := range []journal.Outcome{
			{Attempts: 1},
			{CarriedBy: d.entries[0].Position},
			{CarriedBy: d.entries[0].Position},
		} {
			want.Position, want.Kind = d.entries[n].Position, journal.Delivered
			got := d.outcome(n)
			got.At = time.Time{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("outcome of event %d: -want +got\n%s", n, diff)
			}
		}
		if observer.saved["merge"] != 2 || len(observer.latencies) != 3 || observer.outcomes["delivered "] != 3 || observer.calls["ok 200"] != 1 {
			t.Errorf("observed %+v, want three deliveries by one call", observer)
		}
		if state := p.State(); state.WindowEvents != 0 || state.Unrecorded != 0 {
			t.Errorf("state %+v, want nothing left over", state)
		}
	})
}

func TestAFailedCallLeavesEverythingInOrder(t *testing.T) {
	failures := map[string]func() error{
		"temporary": temporary,
		"limited":   func() error { return tooOften(time.Second) },
		"denied":    denied,
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := false
				client := &fakeRefiner{answer: func(string, string) error {
					if !failed {
						failed = true
						return failure()
					}
					return nil
				}}
				d := newDisk(identifyOf("ada", "0"), identifyOf("ada", "1"), trackOf("ada", "2"))
				p := launch(t, d, client, merging)
				p.until(t, func() bool { return len(client.seen()) == 1 })
				d.add(identifyOf("ada", "3"))
				p.drain(t)
				if diff := cmp.Diff([]string{"0 1", "0 1", "2", "3"}, brought(client)); diff != "" {
					t.Errorf("calls -want +got\n%s", diff)
				}
				if o := d.outcome(1); o.Attempts != 0 || o.CarriedBy != d.entries[0].Position {
					t.Errorf("outcome %+v of what was carried, want no attempt of its own", o)
				}
			})
		})
	}
}

func TestARefusedCallCondemnsNoInnocentEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeRefiner{answer: func(_, events string) error {
			if strings.Contains(events, "bad") {
				return refusedCall(422, refiner.ClassEvent)
			}
			return nil
		}}
		d := newDisk(identifyOf("ada", "0"), identifyOf("ada", "bad"), identifyOf("ada", "2"))
		p := launch(t, d, client, merging)
		p.until(t, func() bool { return d.missing() == 0 })
		d.add(identifyOf("ada", "3"), identifyOf("ada", "4"))
		p.drain(t)
		if diff := cmp.Diff([]string{"0 bad 2", "0", "bad", "2", "3 4"}, brought(client)); diff != "" {
			t.Errorf("calls -want +got\n%s", diff)
		}
		for n, want := range []journal.Kind{journal.Delivered, journal.Dead, journal.Delivered} {
			if o := d.outcome(n); o.Kind != want || o.Attempts != 1 || o.CarriedBy != 0 {
				t.Errorf("outcome %+v of event %d, want %s by a call of its own", o, n, want)
			}
		}
		if l := d.outcome(1).Letter; l == nil || strings.Contains(string(l.Call), "event 0") || len(l.Attempts) != 1 {
			t.Errorf("letter %+v, want the event's own call", l)
		}
	})
}

// TestAnEventThatIsGivenUpTakesNoOtherAlong lets the head of a merged call run out of its time.
func TestAnEventThatIsGivenUpTakesNoOtherAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		client := &fakeRefiner{answer: func(string, string) error {
			if time.Since(begun) < 90*time.Second {
				return temporary()
			}
			return nil
		}}
		d := newDisk(identifyOf("ada", "0"), identifyOf("ada", "1"))
		launch(t, d, client, merging, func(o *Options) { o.RetryFor = time.Minute }).drain(t)
		if o := d.outcome(0); o.Kind != journal.Dead || o.Reason != reasonRetryWindow {
			t.Errorf("outcome %+v of the first, want it given up", o)
		}
		if o := d.outcome(1); o.Kind != journal.Delivered || o.CarriedBy != 0 {
			t.Errorf("outcome %+v of the second, want it delivered by itself", o)
		}
	})
}

func TestACallCarriesSoManyEventsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &fakeRefiner{delay: func(string) time.Duration { return time.Second }}
		d := newDisk()
		for i := range 3 * (mostCarried + 1) {
			d.add(identifyOf("ada", fmt.Sprint(i)))
		}
		launch(t, d, client, merging, func(o *Options) { o.MaxConcurrency = 1 }).drain(t)
		for _, call := range client.seen() {
			if n := len(call.events()); n > mostCarried+1 {
				t.Errorf("a call brought %d events, want at most %d", n, mostCarried+1)
			}
		}
		if n := len(client.seen()); n > 4 { // the first may have come before the rest
			t.Errorf("%d calls, want at most 4", n)
		}
	})
}

// TestPlacesAreFreedByTheLastOutcome: while a part of a call's outcomes is not on disk, the call may have to be made
// again, and what is made again must be the end of it.
func TestPlacesAreFreedByTheLastOutcome(t *testing.T) {
	s := &scheduler{}
	head, first, second := &item{}, &item{}, &item{}
	head.entry.Position, head.carried = journal.At(1, 0), []*item{first, second}
	s.finish(head)
	for i, want := range []*item{head, first, second} {
		if s.finished[i] != want || want.frees != (i == 2) || len(want.carried) > 0 {
			t.Errorf("item %d for the recorder is %+v", i, s.finished[i])
		}
	}
}

// login is what a user's device sends when the user signs in.
func login(i int) []journal.Entry {
	entry := func(typ, body string) journal.Entry {
		return journal.Entry{Type: typ, Body: fmt.Appendf(nil, `{"userId":"user-%d",%s}`, i, body)}
	}
	return []journal.Entry{
		entry("identify", fmt.Sprintf(`"traits":{"email":"user-%d@example.com","plan":"gold","seats":%d}`, i, i%7)),
		entry("group", fmt.Sprintf(`"groupId":"group-%d","traits":{"employees":%d}`, i%100, i%100)),
		entry("track", `"event":"Signed In"`),
		entry("track", `"event":"Page Opened"`),
	}
}

// TestALoginStorm takes a quarter of the calls away: identify and group become one.
func TestALoginStorm(t *testing.T) {
	const users = 5000
	storm := func(t *testing.T, options ...func(*Options)) (calls int, contacts []refinertest.StoredContact) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			sandbox := refinertest.New(refinertest.Options{Limits: refinertest.RefinerLimits})
			d := newDisk()
			for i := range users {
				d.add(login(i)...)
			}
			options = append(options, func(o *Options) {
				o.KeyPerMinute, o.UserPerMinute = 4000, 100
				o.Log.(*diskLog).pack = 1000
			})
			launch(t, d, client(t, sandbox, "sandbox-key-0000"), options...).drain(t)
			for _, call := range sandbox.Calls() {
				if call.Status != http.StatusOK && call.Status != http.StatusCreated {
					t.Fatalf("a call was answered %d", call.Status)
				}
			}
			calls, contacts = len(sandbox.Calls()), sandbox.Contacts()
		})
		return calls, contacts
	}
	many, want := storm(t)
	few, got := storm(t, merging)
	t.Logf("%d calls, %d with merging: %.1f %% fewer", many, few, 100-100*float64(few)/float64(many))
	if many != 4*users || 4*few > 3*many {
		t.Errorf("%d calls with merging, %d without, want a quarter fewer", few, many)
	}
	if diff := cmp.Diff(statesOf(want), statesOf(got)); diff != "" {
		t.Errorf("contacts without and with merging:\n%s", diff)
	}
}

// contactState is what merging must not change.
type contactState struct {
	ID, Email, Account        string
	Traits, AccountAttributes map[string]any
	Events                    []string
}

func statesOf(contacts []refinertest.StoredContact) map[string]contactState {
	all := make(map[string]contactState)
	for _, c := range contacts {
		s := contactState{ID: c.ID(), Traits: c.Attributes, Events: c.EventNames()}
		if c.Email != nil {
			s.Email = *c.Email
		}
		if c.Account != nil {
			s.Account, s.AccountAttributes = c.Account.ID(), c.Account.Attributes
		}
		all[s.ID+" "+s.Email] = s
	}
	return all
}

// TestMergingChangesNothing delivers the same random events with and without merging to a Refiner that fails now and
// then, sometimes after it has done what it was asked to.
func TestMergingChangesNothing(t *testing.T) {
	for seed := range uint64(10) {
		events := randomEvents(rand.New(rand.NewPCG(seed, 1)), 200)
		want, many := delivered(t, events, nil)
		got, few := delivered(t, events, []refinertest.Fault{
			{Path: "/v1/identify-user", Times: 3, Status: 500, Apply: true},
			{Path: "/v1/identify-user", Times: 3, Status: 503},
			{Path: "/v1/identify-user", Times: 2, Drop: true, Apply: true},
			{Path: "/v1/identify-user", Times: 2, Status: 429, Headers: map[string]string{"Retry-After": "2"}},
		}, merging)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: contacts without and with merging:\n%s", seed, diff)
		}
		if few >= many {
			t.Errorf("seed %d: %d calls with merging, %d without", seed, few, many)
		}
	}
}

// delivered returns what is stored in the end, and how many calls were answered with success.
func delivered(t *testing.T, events []journal.Entry, faults []refinertest.Fault, options ...func(*Options)) (contacts map[string]contactState, calls int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sandbox := refinertest.New(refinertest.Options{})
		if err := sandbox.SetFaults(faults...); err != nil {
			t.Fatal(err)
		}
		options = append(options, func(o *Options) { o.MaxConcurrency = 3 })
		launch(t, newDisk(events...), client(t, sandbox, "sandbox-key-0000"), options...).drain(t)
		for _, call := range sandbox.Calls() {
			if call.Status < 300 {
				calls++
			}
		}
		contacts = statesOf(sandbox.Contacts())
	})
	return contacts, calls
}

// randomEvents are of a few users, each with an account of its own: what two users do to one account has no order.
func randomEvents(random *rand.Rand, n int) []journal.Entry {
	names := []string{"plan", "seats", "seatCount", "seat_count", "address", "address_city"}
	values := []string{`"a"`, `"b"`, `""`, `1`, `["a"]`, `{"city":"a"}`, `{"city":"b","zip":""}`}
	var events []journal.Entry
	for i := range n {
		user := random.IntN(4)
		typ := []string{"identify", "identify", "group", "track"}[random.IntN(4)]
		traits := fmt.Sprintf("%q:%s", names[random.IntN(len(names))], values[random.IntN(len(values))])
		if random.IntN(3) == 0 {
			traits += fmt.Sprintf(`,"email":"user-%d@example.com"`, user)
		}
		events = append(events, journal.Entry{Type: typ, Body: fmt.Appendf(nil,
			`{"userId":"user-%d","groupId":"group-%d-%d","event":"event %d","traits":{%s}}`, user, user, random.IntN(2), i, traits)})
	}
	return events
}

package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/event"
	"tanker/refiner"
	"tanker/refiner/refinertest"
)

// TestMergingChangesNothing sends the calls of random events one by one and, to another Refiner, merged wherever they
// merge and chance wants it. What is refused as a whole is sent one by one, as delivery does. Everything that Refiner
// stores must be the same in the end, and at every track call in between.
func TestMergingChangesNothing(t *testing.T) {
	m := newMapper(t, Settings{})
	merged := 0
	for range 20 { // times rapid's number of checks: a second
		rapid.Check(t, func(t *rapid.T) { merged += compareMerged(t, m) })
	}
	if merged < 500 && !t.Failed() {
		t.Errorf("only %d calls were merged: the test says little", merged)
	}
}

// compareMerged draws one course of events and returns how many calls were saved.
func compareMerged(t *rapid.T, m *Mapper) (merged int) {
	encoding := rapid.SampledFrom([]refiner.Encoding{refiner.JSON, refiner.Form}).Draw(t, "encoding")
	earlier := callsOf(t, m, rapid.SliceOfN(randomEvent("u", "v", "w"), 0, 4).Draw(t, "earlier"))
	calls := callsOf(t, m, rapid.SliceOfN(randomEvent("u"), 1, 8).Draw(t, "events"))
	plain, saving := newStore(t, encoding), newStore(t, encoding)
	plain.send(t, earlier...)
	saving.send(t, earlier...)
	for len(calls) > 0 {
		whole, n := calls[0], 1
		for ; n < len(calls) && rapid.IntRange(0, 3).Draw(t, "go on") > 0; n++ {
			longer, ok := Merge(whole, calls[n])
			if !ok {
				break
			}
			whole = longer
			merged++
		}
		accepted := plain.send(t, calls[:n]...)
		if saving.send(t, whole) != accepted {
			t.Fatalf("%s is not refused as its %d parts are, which are accepted: %v", whole.Body, n, accepted)
		}
		if !accepted && n > 1 {
			saving.send(t, calls[:n]...)
		}
		if diff := cmp.Diff(plain.state(), saving.state()); diff != "" {
			t.Fatalf("after %s, made of %d: -one by one +merged\n%s", whole.Body, n, diff)
		}
		calls = calls[n:]
	}
	return merged
}

// randomEvent draws an event of one of the users, with names and values that are easily mixed up. Most are plain, or
// hardly any two would merge.
func randomEvent(users ...string) *rapid.Generator[string] {
	name := rapid.SampledFrom([]string{
		"plan", "seats", "plan", "seats", "planName", "plan_name", "PlanName", "address", "addressCity", "address_city", "tags",
		"userId", "user_id", "account", "Account", "account_name", "id", "ID", "email", "Email", "uuid", "a[b]", "a", "größe", "-", "name",
	})
	value := rapid.SampledFrom([]string{
		`"a"`, `"b"`, `""`, `1`, `1.0`, `true`, `false`, `"a"`, `"b"`, `null`, `[]`, `{}`, `["a"]`, `["a","b"]`, `{"0":"a"}`, `{"0":"b","k":1}`,
		`{"city":"a"}`, `{"city":"b"}`, `{"city":"b","zip":1}`, `{"city":""}`, `{"city":null}`, `{"city":{"name":"a"}}`, `{"id":"g","name":"x"}`,
	})
	return rapid.Custom(func(t *rapid.T) string {
		var traits []string
		for range rapid.IntRange(0, 3).Draw(t, "traits") {
			key := name.Draw(t, "name")
			if rapid.IntRange(0, 3).Draw(t, "plain") > 0 {
				key = rapid.SampledFrom([]string{"plan", "seats", "name"}).Draw(t, "plain name")
			}
			traits = append(traits, fmt.Sprintf("%q:%s", key, value.Draw(t, key)))
		}
		email := rapid.SampledFrom([]string{"", "", "", `"email":"e@x"`, `"email":"e@x"`, `"email":"f@x"`, `"email":"E@x"`}).Draw(t, "email")
		user := ""
		if id := rapid.SampledFrom(append(users, users[0], users[0], "")).Draw(t, "user"); id != "" {
			user = fmt.Sprintf(`"userId":%q,`, id)
		}
		group := rapid.SampledFrom([]string{"", `"groupId":"g",`, `"groupId":"g",`, `"groupId":"h",`}).Draw(t, "group")
		kind := rapid.SampledFrom([]string{"identify", "identify", "identify", "group", "group", "track"}).Draw(t, "type")
		return fmt.Sprintf(`{"type":%q,%s%s"event":"E","traits":{%s},"context":{"traits":{%s}}}`,
			kind, user, group, strings.Join(traits, ","), email)
	})
}

func callsOf(t *rapid.T, m *Mapper, events []string) []Call {
	var calls []Call
	for _, message := range events {
		e, err := event.Parse([]byte(message), event.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", message, err)
		}
		if call, err := m.Map(e); err == nil {
			calls = append(calls, call)
		}
	}
	return calls
}

// storing is a Refiner and the way to it.
type storing struct {
	sandbox *refinertest.Sandbox
	client  *refiner.Client
}

func newStore(t *rapid.T, encoding refiner.Encoding) storing {
	sandbox := refinertest.New(refinertest.Options{})
	client, err := refiner.New(refiner.Options{APIKey: "sandbox-key-0000", Encoding: encoding, Transport: sandbox.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return storing{sandbox, client}
}

// send makes calls and reports whether all were accepted; those that were not are condemned.
func (s storing) send(t *rapid.T, calls ...Call) bool {
	all := true
	for _, call := range calls {
		_, err := s.client.Do(context.Background(), refiner.Request{Method: call.Method, Path: call.Path, Body: call.Body, Form: call.Form})
		refused, ok := errors.AsType[*refiner.Error](err)
		if err != nil && (!ok || refused.Class != refiner.ClassEvent) {
			t.Fatal(err)
		}
		all = all && err == nil
	}
	return all
}

// stored is what Refiner keeps of a contact.
type stored struct {
	ID, Email         string
	Traits            map[string]any
	Events            []string
	Account           string
	HasAccount        bool
	AccountAttributes map[string]any
}

func (s storing) state() []stored {
	var all []stored
	for _, c := range s.sandbox.Contacts() {
		kept := stored{ID: c.ID(), Traits: c.Attributes, Events: c.EventNames()}
		if c.Email != nil {
			kept.Email = *c.Email
		}
		if c.Account != nil {
			kept.HasAccount, kept.Account, kept.AccountAttributes = true, c.Account.ID(), c.Account.Attributes
		}
		all = append(all, kept)
	}
	slices.SortFunc(all, func(a, b stored) int { return strings.Compare(a.ID+"\n"+a.Email, b.ID+"\n"+b.Email) })
	return all
}

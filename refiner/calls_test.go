package refiner_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/refiner"
	"tanker/refiner/refinertest"
)

func TestIdentify(t *testing.T) {
	for encoding, employees := range map[refiner.Encoding]any{refiner.JSON: json.Number("12345678901234567890"), refiner.Form: "12345678901234567890"} {
		sandbox := refinertest.New(refinertest.Options{})
		client := newClient(t, refiner.Options{Encoding: encoding, Transport: sandbox.Transport()})
		err := client.Identify(context.Background(), refiner.Contact{
			ID:      "u1",
			Email:   "alex@example.com",
			Traits:  map[string]any{"firstName": "Alex", "address": map[string]any{"city": "Kyoto"}},
			Account: map[string]any{"id": "a1", "name": "Acme", "employees": json.Number("12345678901234567890")},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := sandbox.Contact("u1", "")
		if diff := cmp.Diff(map[string]any{"first_name": "Alex", "address_city": "Kyoto"}, got.Attributes); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]any{"name": "Acme", "employees": employees}, got.Account.Attributes); diff != "" {
			t.Error(diff)
		}
		if *got.Email != "alex@example.com" || got.Account.ID() != "a1" {
			t.Errorf("got %s of %s", *got.Email, got.Account.ID())
		}
	}
}

func TestTrack(t *testing.T) {
	sandbox, client := newSandbox(t, refinertest.Options{})
	if err := client.Track(context.Background(), refiner.Event{Email: "a@x", Name: "Order Completed"}); err != nil {
		t.Fatal(err)
	}
	call := sandbox.Calls()[0]
	if call.Path != "/v1/track-event" || call.Raw != `{"email":"a@x","event":"Order Completed"}` {
		t.Errorf("called %s with %s", call.Path, call.Raw)
	}
}

// A call that cannot work, or that would carry a credential, is not made.
func TestCallsThatAreNotMade(t *testing.T) {
	sandbox, client := newSandbox(t, refinertest.Options{})
	ctx := context.Background()
	trait := func(name string) error {
		return client.Identify(ctx, refiner.Contact{ID: "u", Traits: map[string]any{name: "x"}})
	}
	_, errContact := client.Contact(ctx, refiner.User{})
	for name, err := range map[string]error{
		"identify without a user": client.Identify(ctx, refiner.Contact{Traits: map[string]any{"a": 1}}),
		"trait api_key":           trait("api_key"),
		"trait id":                trait("id"),
		"trait email":             trait("email"),
		"trait uuid":              trait("uuid"),
		"trait account":           trait("account"),
		"trait that is no JSON":   client.Identify(ctx, refiner.Contact{ID: "u", Traits: map[string]any{"n": math.NaN()}}),
		"track without a user":    client.Track(ctx, refiner.Event{Name: "e"}),
		"track without a name":    client.Track(ctx, refiner.Event{ID: "u"}),
		"contact of nobody":       errContact,
		"delete nobody":           client.DeleteContact(ctx, refiner.User{}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "refiner: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if calls := sandbox.Calls(); len(calls) > 0 {
		t.Errorf("called %v", calls)
	}
}

func TestVerify(t *testing.T) {
	sandbox, client := newSandbox(t, refinertest.Options{ProjectName: "Production"})
	got, err := client.Verify(context.Background())
	if err != nil || got.Name != "Production" || got.UUID == "" || got.Message != "Authentication successful" {
		t.Errorf("got %+v, %v", got, err)
	}
	sandbox.SetKeys("another-key-0123456789")
	if _, err := client.Verify(context.Background()); refiner.ClassOf(err) != refiner.ClassCredentials {
		t.Errorf("with an unknown key: %v", err)
	}
}

func TestVerifyAtAWrongEndpoint(t *testing.T) {
	for _, body := range []string{`[]`, `{"project_uuid":`, `<html>`} {
		_, err := answering(t, 200, body).Verify(context.Background())
		if refiner.ClassOf(err) != refiner.ClassUnexpected {
			t.Errorf("%s: got %v", body, err)
		}
	}
}

func TestAccount(t *testing.T) {
	_, client := newSandbox(t, refinertest.Options{})
	got, err := client.Account(context.Background())
	if err != nil || !strings.Contains(string(got), `"plan"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestContact(t *testing.T) {
	_, client := newSandbox(t, refinertest.Options{})
	ctx := context.Background()
	long := strings.Repeat("x", 200<<10)
	err := client.Identify(ctx, refiner.Contact{ID: "u+1", Email: "a+b@x", Traits: map[string]any{"plan": "pro", "long": long},
		Account: map[string]any{"id": "a1", "domain": "acme.test"}})
	if err != nil {
		t.Fatal(err)
	}
	byID, err := client.Contact(ctx, refiner.User{ID: "u+1"})
	if err != nil {
		t.Fatal(err)
	}
	if byID.RemoteID != "u+1" || byID.Email != "a+b@x" || string(byID.Attributes["plan"]) != `"pro"` ||
		len(byID.Attributes["long"]) != len(long)+2 || byID.Account.Domain != "acme.test" || byID.FirstSeenAt == "" {
		t.Errorf("got %.300v", byID)
	}
	for name, user := range map[string]refiner.User{"email": {Email: "a+b@x"}, "uuid": {UUID: byID.UUID}} {
		if got, err := client.Contact(ctx, user); err != nil || got.UUID != byID.UUID {
			t.Errorf("by %s: %v, %v", name, got.UUID, err)
		}
	}
	if err := client.DeleteContact(ctx, refiner.User{UUID: byID.UUID}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Contact(ctx, refiner.User{ID: "u+1"}); refiner.ClassOf(err) != refiner.ClassEvent {
		t.Errorf("after it was deleted: %v", err)
	}
}

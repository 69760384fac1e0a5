package mapping

import (
	"errors"
	"testing"

	"tanker/event"
)

func parse(t testing.TB, s string) *event.Event {
	t.Helper()
	e, err := event.Parse([]byte(s), event.Limits{})
	if err != nil {
		t.Fatalf("Parse(%s): %v", s, err)
	}
	return e
}

func newMapper(t testing.TB, s Settings) *Mapper {
	t.Helper()
	m, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mapped is the call's path and body, or what the event was refused with.
func mapped(t testing.TB, m *Mapper, message string) string {
	t.Helper()
	call, err := m.Map(parse(t, message))
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Outcome + ": " + refusal.Reason
	}
	if err != nil {
		t.Fatalf("Map(%s): %v, no *Refusal", message, err)
	}
	return call.Method + " " + call.Path + " " + string(call.Body)
}

const (
	identifyUser = "POST /v1/identify-user "
	trackEvent   = "POST /v1/track-event "
)

// TestRows has a case for each row of the tables in RudderStack's description of the destination.
func TestRows(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"identify: userId → id (required if email is absent)",
			`{"type":"identify","userId":"u1"}`, identifyUser + `{"id":"u1"}`},
		{"identify: properties.email → email (required if userId is absent)",
			`{"type":"identify","properties":{"email":"p@x.io"}}`, identifyUser + `{"email":"p@x.io"}`},
		{"identify: traits → traits",
			`{"type":"identify","userId":"u1","traits":{"plan":"gold","n":1}}`, identifyUser + `{"id":"u1","plan":"gold","n":1}`},
		{"identify: context.traits → traits",
			`{"type":"identify","userId":"u1","context":{"traits":{"plan":"gold"}}}`, identifyUser + `{"id":"u1","plan":"gold"}`},
		{"track: userId → id",
			`{"type":"track","userId":"u1","event":"E"}`, trackEvent + `{"id":"u1","event":"E"}`},
		{"track: event name → event",
			`{"type":"track","userId":"u1","event":"Order Completed","properties":{"price":5}}`, trackEvent + `{"id":"u1","event":"Order Completed"}`},
		{"group: userId (required) → id",
			`{"type":"group","userId":"u1","groupId":"g"}`, identifyUser + `{"id":"u1","account":{"id":"g"}}`},
		{"group: userId (required) is absent",
			`{"type":"group","groupId":"g","traits":{"email":"a@x.io"},"context":{"traits":{"email":"c@x.io"}}}`, "rejected: no_user_id"},
		{"group: traits.email → account.email",
			`{"type":"group","userId":"u1","groupId":"g","traits":{"email":"a@x.io"}}`, identifyUser + `{"id":"u1","account":{"id":"g","email":"a@x.io"}}`},
		{"group: context.traits.email → email",
			`{"type":"group","userId":"u1","groupId":"g","context":{"traits":{"email":"c@x.io"}}}`, identifyUser + `{"id":"u1","email":"c@x.io","account":{"id":"g"}}`},
		{"group: groupId → account.id",
			`{"type":"group","userId":"u1","groupId":"group@123"}`, identifyUser + `{"id":"u1","account":{"id":"group@123"}}`},
		{"group: traits → account",
			`{"type":"group","userId":"u1","groupId":"g","traits":{"name":"N","employees":1000}}`, identifyUser + `{"id":"u1","account":{"id":"g","name":"N","employees":1000}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mapped(t, newMapper(t, Settings{}), test.in); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

package mapping

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"tanker/event"
)

func parse(tb testing.TB, s string) *event.Event {
	tb.Helper()
	e, err := event.Parse([]byte(s), event.Limits{})
	if err != nil {
		tb.Fatalf("Parse(%s): %v", s, err)
	}
	return e
}

func newMapper(tb testing.TB, s Settings) *Mapper {
	tb.Helper()
	m, err := New(s)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// mapped is the call's path and body, or what the event was refused with.
func mapped(tb testing.TB, m *Mapper, message string) string {
	tb.Helper()
	call, err := m.Map(parse(tb, message))
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Outcome + ": " + refusal.Reason
	}
	if err != nil {
		tb.Fatalf("Map(%s): %v, no *Refusal", message, err)
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

func TestDocumentedDetails(t *testing.T) {
	tests := []struct{ name, in, want string }{
		// Who it is.
		{"traits.userId is the id, and stays a trait", `{"type":"identify","traits":{"userId":"t","a":1}}`, identifyUser + `{"id":"t","userId":"t","a":1}`},
		{"traits.id is the id", `{"type":"identify","traits":{"id":"t","a":1}}`, identifyUser + `{"id":"t","a":1}`},
		{"context.traits.userId is the id", `{"type":"track","event":"E","context":{"traits":{"userId":77}}}`, trackEvent + `{"id":77,"event":"E"}`},
		{"context.traits.id is the id", `{"type":"page","context":{"traits":{"id":"c"}}}`, trackEvent + `{"id":"c","event":"pageView"}`},
		{"traits.email before context.traits.email", `{"type":"identify","traits":{"email":"t@x"},"context":{"traits":{"email":"c@x"}}}`, identifyUser + `{"email":"t@x"}`},
		{"context.traits.email before properties.email", `{"type":"track","event":"E","context":{"traits":{"email":"c@x"}},"properties":{"email":"p@x"}}`, trackEvent + `{"email":"c@x","event":"E"}`},
		{"a numeric id as it came", `{"type":"identify","userId":12345678901234567890}`, identifyUser + `{"id":12345678901234567890}`},
		{"an id that is zero is none", `{"type":"identify","userId":0}`, "rejected: no_identity"},
		{"an id that is an object is none", `{"type":"identify","userId":{"a":1},"traits":{"email":"e@x"}}`, identifyUser + `{"email":"e@x"}`},
		{"an email that is a number is none", `{"type":"identify","userId":"u","traits":{"email":5}}`, identifyUser + `{"id":"u"}`},
		{"anonymousId is no identity", `{"type":"identify","anonymousId":"a","traits":{"a":1}}`, "rejected: no_identity"},
		{"an externalId is no email", `{"type":"identify","context":{"externalId":[{"id":"x"}]}}`, "rejected: no_identity"},
		{"a track call without anybody", `{"type":"track","event":"E","anonymousId":"a"}`, "rejected: no_identity"},
		{"a page call without anybody", `{"type":"page","anonymousId":"a"}`, "rejected: no_identity"},

		// An identify's traits.
		{"context.traits wins name by name, at the place of the first",
			`{"type":"identify","userId":"u","traits":{"a":"t","o":{"x":1,"y":2},"b":"t"},"context":{"traits":{"c":"c","o":{"x":3},"a":"c"}}}`,
			identifyUser + `{"id":"u","a":"c","o":{"x":3},"b":"t","c":"c"}`},
		{"names are the same however they are written",
			`{"type":"identify","userId":"u","traits":{"caf\u00e9":1},"context":{"traits":{"café":2}}}`, identifyUser + `{"id":"u","caf\u00e9":2}`},
		{"nulls are dropped, but not inside", `{"type":"identify","userId":"u","traits":{"a":null,"b":{"c":null},"d":[null]}}`, identifyUser + `{"id":"u","b":{"c":null},"d":[null]}`},
		{"a null that wins takes the trait away", `{"type":"identify","userId":"u","traits":{"a":1},"context":{"traits":{"a":null}}}`, identifyUser + `{"id":"u"}`},
		{"empty values stay: they clear a trait", `{"type":"identify","userId":"u","traits":{"a":"","b":false,"c":0,"d":{},"e":[]}}`, identifyUser + `{"id":"u","a":"","b":false,"c":0,"d":{},"e":[]}`},
		{"values byte for byte", `{"type":"identify","userId":"\u0075","traits":{"a": 1.0 ,"b":1E3,"c":12345678901234567890,"d":"\u00fc\/","e":{ "x" : [1, 2] }}}`,
			identifyUser + `{"id":"\u0075","a":1.0,"b":1E3,"c":12345678901234567890,"d":"\u00fc\/","e":{ "x" : [1, 2] }}`},
		{"of a trait given twice the last counts", `{"type":"identify","userId":"u","traits":{"a":1,"b":2,"a":3}}`, identifyUser + `{"id":"u","a":3,"b":2}`},
		{"an account trait links the account", `{"type":"identify","userId":"u","traits":{"account":{"id":"g","name":"N"}}}`, identifyUser + `{"id":"u","account":{"id":"g","name":"N"}}`},
		{"traits that are no object are none", `{"type":"identify","userId":"u","traits":["x"],"context":{"traits":"hi"}}`, identifyUser + `{"id":"u"}`},
		{"properties are no traits", `{"type":"identify","userId":"u","properties":{"a":1}}`, identifyUser + `{"id":"u"}`},

		// What must not get through.
		{"traits.id does not override userId", `{"type":"identify","userId":"u","traits":{"id":"other"}}`, identifyUser + `{"id":"u"}`},
		{"context.traits.email does not override traits.email", `{"type":"identify","userId":"u","traits":{"email":"t@x"},"context":{"traits":{"email":"c@x"}}}`, identifyUser + `{"id":"u","email":"t@x"}`},
		{"an unusable email is not sent as a trait", `{"type":"identify","userId":"u","traits":{"email":{"x":1},"id":["i"]}}`, identifyUser + `{"id":"u"}`},
		{"api_key", `{"type":"identify","userId":"u","traits":{"api_key":"K","a":1},"context":{"traits":{"api_key":"K"}}}`, identifyUser + `{"id":"u","a":1}`},
		{"api_key in escapes", `{"type":"identify","userId":"u","traits":{"api\u005fkey":"K"}}`, identifyUser + `{"id":"u"}`},
		{"api_key in other spellings", `{"type":"identify","userId":"u","traits":{"API_KEY":1,"apiKey":2,"Api-Key":3,"api.key":4,"api key":5," api_key":6,"api_key[]":7,"api_key\u0000x":8}}`, identifyUser + `{"id":"u"}`},
		{"names that only resemble it stay", `{"type":"identify","userId":"u","traits":{"api_keys":1,"my_api_key":2,"api":3,"key":4}}`, identifyUser + `{"id":"u","api_keys":1,"my_api_key":2,"api":3,"key":4}`},
		{"id and email as forms are read", `{"type":"identify","userId":"u","traits":{"id[]":1," id":2,"email[x]":3,"id\u0000":4,"id][x":5}}`, identifyUser + `{"id":"u"}`},
		{"a flat name that reaches into the account", `{"type":"identify","userId":"u","traits":{"account[id]":"g","account]":1,"accounts":2}}`, identifyUser + `{"id":"u","accounts":2}`},
		{"a track call's traits and properties stay here", `{"type":"track","userId":"u","event":"E","traits":{"api_key":"K","a":1},"properties":{"event":"F","id":"x","api_key":"K"}}`, trackEvent + `{"id":"u","event":"E"}`},

		// A track call's name.
		{"an event name byte for byte", `{"type":"track","userId":"u","event":" caf\u00e9 \"x\" "}`, trackEvent + `{"id":"u","event":" caf\u00e9 \"x\" "}`},
		{"no event name", `{"type":"track","userId":"u"}`, "rejected: no_event_name"},
		{"an empty event name", `{"type":"track","userId":"u","event":""}`, "rejected: no_event_name"},
		{"an event name that is no string", `{"type":"track","userId":"u","event":42}`, "rejected: no_event_name"},

		// A page call's name.
		{"a page without a name", `{"type":"page","userId":"u"}`, trackEvent + `{"id":"u","event":"pageView"}`},
		{"a page with a category", `{"type":"page","userId":"u","category":"Cart"}`, trackEvent + `{"id":"u","event":"Viewed Cart Page"}`},
		{"a page with a name", `{"type":"page","userId":"u","name":"Home"}`, trackEvent + `{"id":"u","event":"Viewed Home Page"}`},
		{"a page with both, the category first", `{"type":"page","userId":"u","name":"Home","category":"Docs"}`, trackEvent + `{"id":"u","event":"Viewed Docs Home Page"}`},
		{"a page name in escapes", `{"type":"page","userId":"u","name":"\"caf\u00e9\""}`, trackEvent + `{"id":"u","event":"Viewed \"caf\u00e9\" Page"}`},
		{"a numeric page name", `{"type":"page","userId":"u","name":404}`, trackEvent + `{"id":"u","event":"Viewed 404 Page"}`},
		{"page names that are none", `{"type":"page","userId":"u","name":{"a":1},"category":""}`, trackEvent + `{"id":"u","event":"pageView"}`},
		{"a page's event and properties do not name it", `{"type":"page","userId":"u","event":"E","properties":{"name":"N","category":"C"}}`, trackEvent + `{"id":"u","event":"pageView"}`},

		// A group call.
		{"traits.id and traits.userId are not the user", `{"type":"group","groupId":"g","traits":{"id":"a","userId":"b"}}`, "rejected: no_user_id"},
		{"context.traits.id is", `{"type":"group","groupId":"g","context":{"traits":{"id":"c"}}}`, identifyUser + `{"id":"c","account":{"id":"g"}}`},
		{"without traits the account has its id only", `{"type":"group","userId":"u","groupId":"g","context":{"traits":{"plan":"gold"}}}`, identifyUser + `{"id":"u","account":{"id":"g"}}`},
		{"traits.groupId stands in for groupId, and stays a trait", `{"type":"group","userId":"u","groupId":"","traits":{"groupId":"tg"}}`, identifyUser + `{"id":"u","account":{"id":"tg","groupId":"tg"}}`},
		{"traits.id does not override groupId", `{"type":"group","userId":"u","groupId":"g","traits":{"id":"a","n":1}}`, identifyUser + `{"id":"u","account":{"id":"g","n":1}}`},
		{"without a groupId traits.id is the account's", `{"type":"group","userId":"u","traits":{"n":1,"id":"a"}}`, identifyUser + `{"id":"u","account":{"n":1,"id":"a"}}`},
		{"a group without anything has no account", `{"type":"group","userId":"u","traits":{"a":null}}`, identifyUser + `{"id":"u"}`},
		{"nulls are dropped from the account", `{"type":"group","userId":"u","groupId":"g","traits":{"a":null,"b":{"c":null}}}`, identifyUser + `{"id":"u","account":{"id":"g","b":{"c":null}}}`},
		{"names that forms read as the account's id", `{"type":"group","userId":"u","groupId":"g","traits":{"id[]":1,"id][x":2," id":3,"ids":4}}`, identifyUser + `{"id":"u","account":{"id":"g","ids":4}}`},
		{"traits.email is the account's, context.traits.email the user's", `{"type":"group","userId":"u","groupId":"g","traits":{"email":"a@x"},"context":{"traits":{"email":"c@x"}}}`, identifyUser + `{"id":"u","email":"c@x","account":{"id":"g","email":"a@x"}}`},
		{"a numeric groupId", `{"type":"group","userId":"u","groupId":123}`, identifyUser + `{"id":"u","account":{"id":123}}`},

		// Which types.
		{"types in any case", `{"type":"IDENTIFY","userId":"u"}`, identifyUser + `{"id":"u"}`},
		{"screen", `{"type":"screen","userId":"u"}`, "filtered: unsupported_type"},
		{"alias", `{"type":"alias","userId":"u"}`, "filtered: unsupported_type"},
		{"record", `{"type":"record","userId":"u"}`, "filtered: unsupported_type"},
		{"no type", `{"userId":"u"}`, "filtered: unsupported_type"},
		{"a type that is no string", `{"type":["track"],"userId":"u"}`, "filtered: unsupported_type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mapped(t, newMapper(t, Settings{}), test.in); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestManyTraits(t *testing.T) {
	traits, more, want := "", "", ""
	for i := range 3 * fewTraits {
		name := strconv.Itoa(i)
		traits += `,"t` + name + `":1`
		more += `,"\u0074` + name + `":2`
		want += `,"t` + name + `":2`
	}
	got := mapped(t, newMapper(t, Settings{}), `{"type":"identify","userId":"u","traits":{`+traits[1:]+`},"context":{"traits":{`+more[1:]+`,"z":3}}}`)
	if want := identifyUser + `{"id":"u"` + want + `,"z":3}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCallSaysWhoItIsAbout(t *testing.T) {
	tests := []struct {
		profile              Profile
		in, user, email, key string
	}{
		{Documented, `{"type":"identify","userId":"\u0075","traits":{"email":"e@x"}}`, "u", "e@x", "u"},
		{Documented, `{"type":"track","event":"E","userId":7}`, "7", "", "7"},
		{Documented, `{"type":"page","properties":{"email":"e@x"}}`, "", "e@x", "e@x"},
		{Documented, `{"type":"group","userId":"u","traits":{"email":"a@x"}}`, "u", "", "u"},
		{Upstream, `{"type":"identify","userId":"u","traits":{"id":"t","email":"e@x"}}`, "u", "e@x", "u"},
		{Upstream, `{"type":"track","event":"E","userId":"u","traits":{"email":false}}`, "u", "", "u"},
		{Upstream, `{"type":"group","userId":"u","traits":{"email":"a@x"}}`, "u", "", "u"},
		{Upstream, `{"type":"group","groupId":"g","traits":{"email":"a@x"}}`, "", "", ""},
	}
	for _, test := range tests {
		call, err := newMapper(t, Settings{Profile: test.profile}).Map(parse(t, test.in))
		if err != nil {
			t.Fatal(err)
		}
		if call.UserID != test.user || call.Email != test.email || call.UserKey() != test.key {
			t.Errorf("%s of %s: user %q, email %q, key %q; want %q, %q, %q",
				test.profile, test.in, call.UserID, call.Email, call.UserKey(), test.user, test.email, test.key)
		}
	}
}

func TestRefusalsAreSentences(t *testing.T) {
	for _, in := range []string{`{"type":"identify"}`, `{"type":"track","userId":"u"}`, `{"type":"group"}`, `{}`, `{"type":"` + strings.Repeat("x", 10_000) + `"}`} {
		_, err := newMapper(t, Settings{}).Map(parse(t, in))
		var refusal *Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("Map(%.50s): %v", in, err)
		}
		if m := refusal.Message; !strings.HasSuffix(m, ".") || strings.ToUpper(m[:1]) != m[:1] || len(m) > 300 {
			t.Errorf("message of %s is no sentence: %q", refusal.Reason, m)
		}
		if _, ok := errors.AsType[*UpstreamError](err); ok {
			t.Errorf("%v claims to be rudder-transformer's", err)
		}
	}
}

func TestUnknownProfile(t *testing.T) {
	if _, err := New(Settings{Profile: "Documented"}); err == nil || !strings.Contains(err.Error(), `"documented" or "upstream"`) {
		t.Errorf("error is %v", err)
	}
}

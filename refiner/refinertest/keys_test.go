package refinertest_test

import (
	"encoding/base64"
	"testing"

	"tanker/refiner/refinertest"
)

const (
	noKey      = `{"error":"No API key found in headers"}`
	oddKey     = `{"error":"API key does not look valid"}`
	unknownKey = `{"message":"API key not valid or does not exist"}`
	welcome    = `{"message":"Authentication successful","project_name":"Sandbox","project_uuid":"5a1dba00-0000-4000-8000-000000000001"}`
)

func TestRefusalsOfKeys(t *testing.T) {
	tests := []struct {
		name   string
		keys   []string
		auth   string
		status int
		body   string
	}{
		{"no key", nil, "", 401, noKey},
		{"no key after Bearer", nil, "Bearer", 401, noKey},
		{"other scheme", nil, "Digest " + key, 401, noKey},
		{"too short to be one", nil, "Bearer 0123456789abcde", 401, noKey},
		{"just long enough", nil, "Bearer 0123456789abcdef", 200, welcome},
		{"blank inside", nil, "Bearer 01234567 89abcdef", 401, oddKey},
		{"characters that no key has", nil, "Bearer 0123456789abcdef!", 401, oddKey},
		{"all that a key may have", nil, "Bearer aZ09-._~+/aZ09==", 200, welcome},
		{"unknown", []string{"the-only-good-key"}, "Bearer " + key, 404, unknownKey},
		{"known", []string{"another-good-key-1", key}, "Bearer " + key, 200, welcome},
		{"known though short", []string{"short"}, "Bearer short", 200, welcome},
		{"case of the scheme", nil, "bEARER " + key, 200, welcome},
		{"Basic, empty password", []string{key}, "Basic " + basic(key+":"), 200, welcome},
		{"Basic, unknown", []string{key}, "Basic " + basic(key+"x:"), 404, unknownKey},
		{"Basic that is no base64", nil, "Basic !!!", 401, noKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{APIKeys: tt.keys})
			r := request{method: "GET", path: "/v1/", header: map[string]string{"Authorization": tt.auth}}
			call(t, s, r).is(t, tt.status, tt.body)
		})
	}
}

func basic(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestKeyAsAParameter(t *testing.T) {
	const good, bad = "the-only-good-key", "some-other-key-01"
	ok := `{"message":"ok"}`
	bearer := func(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }
	tests := []struct {
		name string
		r    request
		want string
	}{
		{"in the query", request{path: "/v1/track-event?api_key=" + good, body: `{"id":"u","event":"e"}`, header: bearer("")}, ok},
		{"in a JSON body", request{path: "/v1/track-event", body: `{"id":"u","event":"e","api_key":"` + good + `"}`, header: bearer("")}, ok},
		{"in a form", request{path: "/v1/track-event", body: "id=u&event=e&api_key=" + good, header: bearer("")}, ok},
		{"a body's counts more than the header", request{path: "/v1/track-event", body: `{"id":"u","event":"e","api_key":"` + bad + `"}`, header: bearer(good)}, unknownKey},
		{"a form's counts more than the header", request{path: "/v1/track-event", body: "id=u&event=e&api_key=" + good, header: bearer(bad)}, ok},
		{"a body's counts more than the query", request{path: "/v1/track-event?api_key=" + good, body: `{"id":"u","event":"e","api_key":"` + bad + `"}`, header: bearer(good)}, unknownKey},
		{"a word of an end user", request{path: "/v1/track-event", body: `{"id":"u","event":"e","api_key":"x"}`, header: bearer(good)}, noKey},
		{"an empty one does not count", request{path: "/v1/track-event", body: `{"id":"u","event":"e","api_key":""}`, header: bearer(good)}, ok},
		{"null does not count", request{path: "/v1/track-event", body: `{"id":"u","event":"e","api_key":null}`, header: bearer(good)}, ok},
		{"an account's is a trait", request{path: "/v1/track-event", body: `{"id":"u","event":"e","account":{"api_key":"` + bad + `"}}`, header: bearer(good)}, ok},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{APIKeys: []string{good}})
			tt.r.method = "POST"
			if got := call(t, s, tt.r); got.body != tt.want {
				t.Errorf("got %d %s, want %s", got.status, got.body, tt.want)
			}
		})
	}
}

// A key that is a parameter is not stored as a trait.
func TestKeyIsNoTrait(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u","plan":"pro","api_key":"`+key+`"}`)
	contact, _ := s.Contact("u", "")
	same(t, map[string]any{"plan": "pro"}, contact.Attributes)
}

func TestKeysBreakAndMend(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	get(t, s, "/v1/").is(t, 200, welcome)
	s.SetKeys("the-only-good-key")
	get(t, s, "/v1/").is(t, 404, unknownKey)
	s.SetKeys()
	get(t, s, "/v1/").is(t, 404, unknownKey)
	s.SetKeys(key)
	get(t, s, "/v1/").is(t, 200, welcome)

	put(t, s, "/_sandbox/keys", `{"keys":["the-only-good-key"]}`).is(t, 200, `{"any":false,"count":1}`)
	get(t, s, "/v1/").is(t, 404, unknownKey)
	put(t, s, "/_sandbox/keys", `{"keys":[]}`).is(t, 200, `{"any":false,"count":0}`)
	get(t, s, "/v1/").is(t, 404, unknownKey)
	put(t, s, "/_sandbox/keys", `{"any":true}`).is(t, 200, `{"any":true,"count":0}`)
	get(t, s, "/v1/").is(t, 200, welcome)
	for _, body := range []string{`{}`, `{"any":false}`, `["x"]`, `{"key":"x"}`} {
		if got := put(t, s, "/_sandbox/keys", body); got.status != 400 || decode[map[string]string](t, got)["error"] == "" {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
	s.SetKeys("x")
	s.AcceptAnyKey()
	get(t, s, "/v1/").is(t, 200, welcome)
	get(t, s, "/_sandbox/keys").is(t, 200, `{"any":true,"count":0}`)
}

// A refused call has no effect and counts for no limit.
func TestRefusedKeyHasNoEffect(t *testing.T) {
	s := refinertest.New(refinertest.Options{APIKeys: []string{"the-only-good-key"}, Limits: refinertest.Limits{KeyPerMinute: 1}})
	for range 3 {
		post(t, s, "/v1/identify-user", `{"id":"u"}`).is(t, 404, unknownKey)
	}
	if contacts := s.Contacts(); len(contacts) > 0 {
		t.Errorf("stored %v", contacts)
	}
}

package refinertest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"tanker/refiner/refinertest"
)

// FuzzCalls makes calls with any body. Whatever comes in is answered with JSON and one of the known
// statuses, is recorded, leaves the contacts consistent and never shows the key.
func FuzzCalls(f *testing.F) {
	const jsonType, formType = "application/json", "application/x-www-form-urlencoded"
	f.Add("/v1/identify-user", jsonType, `{"id":"u1","email":"a@x","address":{"city":1},"account":{"id":2,"tags":[]}}`)
	f.Add("/v1/identify-user", formType, `id=u1&account[id]=2&account[tags][]=a&api_key=hush-0123456789-hush`)
	f.Add("/v1/identify-user", jsonType, `{"id":"u1","api\u005fkey":"hush-0123456789-hush"}`)
	f.Add("/v1/identify-user", "", `{"id":"hush-0123456789-hush"}`)
	f.Add("/v1/track-event", jsonType, `{"email":"a@x","event":"e"}`)
	f.Add("/v1/track", formType, `email=%zz&event=e`)
	f.Add("/v1/sync-segment", formType, `id=u0&segment_uuid=s`)
	f.Add("/v1/nowhere", jsonType, strings.Repeat(`{"a":`, 200)+`1`+strings.Repeat(`}`, 200))
	f.Fuzz(func(t *testing.T, path, contentType, body string) {
		if !strings.HasPrefix(path, "/v1/") || strings.ContainsAny(path+contentType, "?#% \r\n\x00") {
			t.Skip()
		}
		s := refinertest.New(refinertest.Options{Limits: refinertest.RefinerLimits})
		accept(t, s, "/v1/identify-user", `{"id":"u0"}`)
		for range 2 {
			checkReply(t, fuzzed(t, s, path, contentType, body))
		}
		checkRecord(t, s, 3)
		checkContacts(t, s)
	})
}

func fuzzed(t *testing.T, s *refinertest.Sandbox, path, contentType, body string) reply {
	r, err := http.NewRequest(http.MethodPost, "http://refiner.test"+path, nil)
	if err != nil {
		t.Skip()
	}
	return call(t, s, request{http.MethodPost, r.URL.RequestURI(), body,
		map[string]string{"Content-Type": contentType, "Authorization": "Bearer hush-0123456789-hush"}})
}

func checkReply(t *testing.T, r reply) {
	t.Helper()
	switch r.status {
	case 200, 201, 400, 401, 404, 405, 422:
	default:
		t.Errorf("status %d", r.status)
	}
	if !json.Valid([]byte(r.body)) {
		t.Errorf("answer %s", r.body)
	}
}

func checkRecord(t *testing.T, s *refinertest.Sandbox, want int) {
	t.Helper()
	calls, r := lines(t, s, 0)
	same(t, want, len(calls))
	if strings.Contains(r.body, "hush-0123456789-hush") {
		t.Errorf("the key shows in %s", r.body)
	}
	for _, c := range calls {
		if !json.Valid(c.Body) || !utf8.ValidString(c.Raw) {
			t.Errorf("recorded %q and %q", c.Body, c.Raw)
		}
	}
}

func checkContacts(t *testing.T, s *refinertest.Sandbox) {
	t.Helper()
	ids, emails := map[string]bool{}, map[string]bool{}
	for _, c := range s.Contacts() {
		if id := c.ID(); id != "" && ids[id] {
			t.Errorf("two contacts have the id %s", id)
		}
		ids[c.ID()] = true
		if c.Email != nil {
			if email := strings.ToLower(*c.Email); emails[email] {
				t.Errorf("two contacts have the email %s", email)
			} else {
				emails[email] = true
			}
		}
		for name, value := range c.Attributes {
			if value == nil || value == "" {
				t.Errorf("attribute %q is %v", name, value)
			}
		}
	}
}

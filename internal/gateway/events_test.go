package gateway_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

var singleEndpoints = []string{"identify", "track", "page", "screen", "group", "alias", "merge"}

// TestAnswers has a case for each documented answer to the body of a request.
func TestAnswers(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	const (
		ok           = "ok"
		invalidJSON  = "invalid json"
		notAnEvent   = "event is not a valid rudder event"
		emptyBatch   = "empty batch payload"
		unidentified = "request neither has anonymousId nor userId"
	)
	for _, tc := range []struct {
		name, path, body string
		status           int
		text             string
		stored           []string
	}{
		{"an event", "/v1/track", `{"userId":"u1","event":"Signed Up"}`, 200, ok, []string{`{"userId":"u1","event":"Signed Up"}`}},
		{"white space around it", "/v1/track", "\n {\"userId\":\"u1\"}\r\n\t", 200, ok, []string{`{"userId":"u1"}`}},
		{"values are not touched", "/v1/identify", `{"userId":12345678901234567890, "traits":{"b":1.0,"a":"<\u00e9>"}}`, 200, ok,
			[]string{`{"userId":12345678901234567890, "traits":{"b":1.0,"a":"<\u00e9>"}}`}},
		{"anonymousId alone", "/v1/page", `{"anonymousId":"a1"}`, 200, ok, []string{`{"anonymousId":"a1"}`}},
		{"userId is a number", "/v1/page", `{"userId":0}`, 200, ok, []string{`{"userId":0}`}},
		{"userId is false", "/v1/page", `{"userId":false}`, 200, ok, []string{`{"userId":false}`}},
		{"userId is an object", "/v1/page", `{"userId":{}}`, 200, ok, []string{`{"userId":{}}`}},
		{"no body", "/v1/track", ``, 400, invalidJSON, nil},
		{"only white space", "/v1/track", " \n", 400, invalidJSON, nil},
		{"half an event", "/v1/track", `{"userId":"u1"`, 400, invalidJSON, nil},
		{"two events", "/v1/track", `{"userId":"u1"}{"userId":"u2"}`, 400, invalidJSON, nil},
		{"single quotes", "/v1/track", `{'userId':'u1'}`, 400, invalidJSON, nil},
		{"a comma too many", "/v1/track", `{"userId":"u1",}`, 400, invalidJSON, nil},
		{"NaN", "/v1/track", `{"userId":"u1","n":NaN}`, 400, invalidJSON, nil},
		{"a form", "/v1/track", `userId=u1&event=x`, 400, invalidJSON, nil},
		{"invalid UTF-8", "/v1/track", "{\"userId\":\"u1\",\"name\":\"\xff\xfe\"}", 400, invalidJSON, nil},
		{"half a UTF-8 sequence", "/v1/track", "{\"userId\":\"\xe2\x82\"}", 400, invalidJSON, nil},
		{"10,000 nested arrays", "/v1/track", `{"userId":"u1","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, 400, invalidJSON, nil},
		{"10,000 open arrays", "/v1/track", strings.Repeat("[", 10_000), 400, invalidJSON, nil},
		{"10,000 nested objects", "/v1/track", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), 400, invalidJSON, nil},
		{"too many keys", "/v1/track", `{"userId":"u1"` + strings.Repeat(`,"k":1`, 10_001) + `}`, 400, invalidJSON, nil},
		{"an array", "/v1/track", `[{"userId":"u1"}]`, 400, notAnEvent, nil},
		{"a bare text", "/v1/track", `"u1"`, 400, unidentified, nil},
		{"a bare number", "/v1/track", `1`, 400, unidentified, nil},
		{"null", "/v1/track", `null`, 400, unidentified, nil},
		{"no ids", "/v1/track", `{"event":"Signed Up"}`, 400, unidentified, nil},
		{"ids are null", "/v1/track", `{"userId":null,"anonymousId":null}`, 400, unidentified, nil},
		{"ids are blank", "/v1/track", `{"userId":"  ","anonymousId":""}`, 400, unidentified, nil},
		{"ids cannot be seen", "/v1/track", `{"userId":"\u200b\ufeff","anonymousId":"\u00a0\t"}`, 400, unidentified, nil},
		{"a user in traits only", "/v1/identify", `{"traits":{"userId":"u1"}}`, 400, unidentified, nil},
		{"a record needs a user if the path has a type", "/v1/track", `{"type":"record"}`, 400, unidentified, nil},
		{"keys are case-sensitive", "/v1/track", `{"USERID":"u1","userid":"u2"}`, 400, unidentified, nil},
		{"of two userIds the last counts", "/v1/track", `{"userId":"u1","userId":""}`, 400, unidentified, nil},

		{"a batch", "/v1/batch", `{"batch":[{"userId":"u1"}, {"anonymousId":"a1"}],"sentAt":"2026-01-02T03:04:05Z"}`, 200, ok,
			[]string{`{"userId":"u1"}`, `{"anonymousId":"a1"}`}},
		{"a batch without types", "/v1/batch", `{"batch":[{"userId":"u1","type":5}]}`, 200, ok, []string{`{"userId":"u1","type":5}`}},
		{"a batch that is one object", "/v1/batch", `{"batch":{"userId":"u1"}}`, 200, ok, []string{`{"userId":"u1"}`}},
		{"a record in a batch needs no user", "/v1/batch", `{"batch":[{"type":"record"},{"type":"extract"}]}`, 200, ok, []string{`{"type":"record"}`, `{"type":"extract"}`}},
		{"a batch that is not JSON", "/v1/batch", `{"batch":[{"userId":"u1"}]`, 400, invalidJSON, nil},
		{"an empty batch body", "/v1/batch", ``, 400, invalidJSON, nil},
		{"invalid UTF-8 beside the batch", "/v1/batch", "{\"batch\":[{\"userId\":\"u1\"}],\"x\":\"\xff\"}", 400, invalidJSON, nil},
		{"a deep event in a batch", "/v1/batch", `{"batch":[{"userId":"u1","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]}`, 400, invalidJSON, nil},
		{"no batch", "/v1/batch", `{"userId":"u1"}`, 400, emptyBatch, nil},
		{"batch is null", "/v1/batch", `{"batch":null}`, 400, emptyBatch, nil},
		{"batch is empty", "/v1/batch", `{"batch":[]}`, 400, emptyBatch, nil},
		{"the body is an array", "/v1/batch", `[{"userId":"u1"}]`, 400, emptyBatch, nil},
		{"the body is null", "/v1/batch", `null`, 400, emptyBatch, nil},
		{"batch is a text", "/v1/batch", `{"batch":"x"}`, 400, notAnEvent, nil},
		{"an event is a text", "/v1/batch", `{"batch":[{"userId":"u1"},"u2"]}`, 400, notAnEvent, nil},
		{"an event is null", "/v1/batch", `{"batch":[null,{"userId":"u1"}]}`, 400, notAnEvent, nil},
		{"no event goes before no user", "/v1/batch", `{"batch":[{"event":"x"},7]}`, 400, notAnEvent, nil},
		{"one event without ids refuses all", "/v1/batch", `{"batch":[{"userId":"u1"},{"event":"x"},{"userId":"u2"}]}`, 400, unidentified, nil},

		{"an import", "/v1/import", `{"batch":[{"userId":"u1"},{"userId":"u2"}]}`, 200, ok, []string{`{"userId":"u1"}`, `{"userId":"u2"}`}},
		{"an empty import", "/v1/import", `{"batch":[]}`, 200, ok, nil},
		{"an import without a batch", "/v1/import", `{}`, 200, ok, nil},
		{"an import takes the users there are", "/v1/import", `{"batch":[{"userId":"u1"},{"event":"x"},{"userId":"u2"}]}`, 400, unidentified,
			[]string{`{"userId":"u1"}`, `{"userId":"u2"}`}},
		{"an import without any user", "/v1/import", `{"batch":[{"event":"x"}]}`, 400, unidentified, nil},
		{"an import that is not JSON", "/v1/import", `{"batch":[`, 400, invalidJSON, nil},
		{"an import of what is no event", "/v1/import", `{"batch":[{"userId":"u1"},7]}`, 400, notAnEvent, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.post(tc.path, tc.body).want(t, tc.status, tc.text)
			var stored []string
			for _, e := range s.log.take() {
				stored = append(stored, string(e.Body))
			}
			if diff := cmp.Diff(tc.stored, stored); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSuccessIsTwoBytes(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	got := s.post("/v1/track", `{"userId":"u1"}`)
	got.want(t, 200, "ok")
	if length := got.header.Get("Content-Length"); length != "2" {
		t.Errorf("Content-Length is %q", length)
	}
}

func TestTypeIsThePathsType(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, kind := range singleEndpoints {
		s.post("/v1/"+kind, `{"userId":"u1","type":"record"}`).want(t, 200, "ok")
	}
	s.post("/v1/batch", `{"batch":[{"userId":"u1","type":"page"}]}`).want(t, 200, "ok")
	s.post("/v1/import", `{"batch":[{"userId":"u1","type":"page"}]}`).want(t, 200, "ok")
	var got []string
	for _, e := range s.log.take() {
		got = append(got, e.Type)
	}
	if diff := cmp.Diff(append(slices.Clip(singleEndpoints), "", ""), got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestMessageID(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, tc := range []struct{ name, member, want string }{
		{"as it is", `"messageId":"m-1"`, "m-1"},
		{"with spaces inside", `"messageId":"m 1"`, "m 1"},
		{"trimmed", `"messageId":"  m-1 "`, "m-1"},
		{"without what cannot be seen", `"messageId":"\u200bm\u00ad-\t1\ufeff"`, "m-1"},
		{"escaped", `"messageId":"m\u002d1"`, "m-1"},
		{"as long as can be", `"messageId":"` + strings.Repeat("m", 1024) + `"`, strings.Repeat("m", 1024)},
		{"longer than that", `"messageId":"` + strings.Repeat("m", 1025) + `"`, ""},
		{"missing", `"x":1`, ""},
		{"empty", `"messageId":""`, ""},
		{"blank", `"messageId":" \u3000 "`, ""},
		{"a number", `"messageId":5`, ""},
		{"null", `"messageId":null`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.post("/v1/track", `{"userId":"u1",`+tc.member+`}`).want(t, 200, "ok")
			got := s.log.take()[0].MessageID
			if tc.want != "" && got != tc.want || tc.want == "" && !uuid4.MatchString(got) {
				t.Errorf("message id is %q, want %q (empty: a new UUID)", got, tc.want)
			}
		})
	}
	s.post("/v1/batch", `{"batch":[{"userId":"u1"},{"userId":"u1"}]}`)
	if two := s.log.take(); two[0].MessageID == two[1].MessageID {
		t.Error("two events got the same new id")
	}
}

func TestEntry(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	before := time.Now().Truncate(time.Millisecond)
	s.post("/v1/batch", `{"batch":[{"userId":"u1","messageId":"m1"},{"userId":"u2","messageId":"m2"}]}`, "X-Forwarded-For", "203.0.113.9, 10.0.0.1").want(t, 200, "ok")
	after := time.Now()
	got := s.log.take()
	at := got[0].ReceivedAt
	if at.Before(before) || at.After(after) || at.Location() != time.UTC || at.Nanosecond()%1e6 != 0 {
		t.Errorf("received at %v, want UTC milliseconds between %v and %v", at, before, after)
	}
	want := []journal.Entry{
		{Source: "web", MessageID: "m1", ReceivedAt: at, RequestIP: "203.0.113.9", Body: []byte(`{"userId":"u1","messageId":"m1"}`)},
		{Source: "web", MessageID: "m2", ReceivedAt: at, RequestIP: "203.0.113.9", Body: []byte(`{"userId":"u2","messageId":"m2"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if s.log.calls != 1 {
		t.Errorf("one request made %d appends", s.log.calls)
	}
}

func TestContentTypeDoesNotMatter(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, kind := range []string{"text/plain", "application/json;charset=UTF-8", "application/x-www-form-urlencoded", "", "nonsense;;"} {
		s.post("/v1/track", `{"userId":"u1"}`, "Content-Type", kind).want(t, 200, "ok")
	}
}

func TestPathsAndMethods(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	paths := map[string]string{"/": "GET", "/health": "GET", "/ready": "GET", "/version": "GET", "/robots.txt": "GET", "/v1/batch": "POST", "/v1/import": "POST"}
	for _, kind := range singleEndpoints {
		paths["/v1/"+kind] = "POST"
	}
	for path, method := range paths {
		for _, other := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"} {
			if other == method {
				continue
			}
			got := s.do(other, path, nil)
			if got.status != http.StatusMethodNotAllowed || got.body != "" || got.header.Get("Allow") != method {
				t.Errorf("%s %s: got %d %q, Allow %q", other, path, got.status, got.body, got.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"/v1", "/v1/", "/v1/track/", "/v1/nothing", "/V1/track", "/track", "//", "/v2/batch", "/internal/v1/batch", "/%00"} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			s.do(method, path, nil).want(t, http.StatusNotFound, "404 page not found")
		}
	}
}

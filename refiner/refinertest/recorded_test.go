package refinertest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/refiner/refinertest"
)

// lines reads the calls as anyone outside does.
func lines(t testing.TB, s *refinertest.Sandbox, after int) ([]refinertest.Call, reply) {
	t.Helper()
	r := get(t, s, fmt.Sprintf("/_sandbox/calls?after=%d", after))
	var calls []refinertest.Call
	for scanner := bufio.NewScanner(strings.NewReader(r.body)); scanner.Scan(); {
		var c refinertest.Call
		if err := json.Unmarshal(scanner.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", scanner.Text(), err)
		}
		calls = append(calls, c)
	}
	return calls, r
}

func TestRecordOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{})
		body := "{\"id\":\"u1\", \"n\":12345678901234567890,\n\"f\":1.0,\"b\":\"<é\\u00e9>\",\"z\":{\"y\":1,\"x\":[]}}"
		call(t, s, request{"POST", "/v1/identify-user?a=b", body, map[string]string{"X-Trace": "7", "Cookie": "secret=1"}})
		got, r := lines(t, s, 0)
		same(t, "application/x-ndjson", r.header.Get("Content-Type"))
		want := []refinertest.Call{{
			Seq:     1,
			At:      time.Now().UTC(),
			Method:  "POST",
			Path:    "/v1/identify-user",
			Query:   "a=b",
			Headers: map[string]string{"Content-Type": "application/json", "X-Trace": "7"},
			Body:    json.RawMessage(`{"id":"u1","n":12345678901234567890,"f":1.0,"b":"<é\u00e9>","z":{"y":1,"x":[]}}`),
			Raw:     body,
			Status:  201,
		}}
		same(t, want, got)
		same(t, want, s.Calls())
		if !strings.HasPrefix(r.body, `{"seq":1,"at":"2000-01-01T00:00:00Z","method":"POST","path":"/v1/identify-user","query":"a=b","headers":{`) {
			t.Errorf("line is %s", r.body)
		}
	})
}

func TestRecordedBodies(t *testing.T) {
	tests := []struct{ name, contentType, raw, want string }{
		{"form", "", `id=u1&account[name]=A+%26+B&account[tags][0]=a&account[tags][1]=b&l[]=1&l[]=2&n=1.0`,
			`{"account":{"name":"A & B","tags":["a","b"]},"id":"u1","l":["1","2"],"n":"1.0"}`},
		{"form, a later field counts", "", `a=1&a=2&b[c]=1&b=2&c=1&c[d]=2`, `{"a":"2","b":"2","c":{"d":"2"}}`},
		{"form, brackets that are none", "", `a[b=1&[c]=2&d]=3&e[f]g=4&h[[i]]=5`, `{"[c]":"2","a[b":"1","d]":"3","e[f]g":"4","h[[i]]":"5"}`},
		{"form, fields that are no list", "", `a[1]=x&a[2]=y&b[0]=x&b[k]=y`, `{"a":{"1":"x","2":"y"},"b":{"0":"x","k":"y"}}`},
		{"form, escapes that are none", "", `a=%zz&b%=1&&c`, `{"a":"%zz","b%":"1","c":""}`},
		{"form, deeper than anyone needs", "", `a` + strings.Repeat("[b]", 65) + `=1`, `{"a` + strings.Repeat("[b]", 65) + `":"1"}`},
		{"no body", "", ``, `null`},
		{"broken JSON", "application/json", `{"id":`, `null`},
		{"another language", "text/plain", `hello`, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{})
			r := request{method: "POST", path: "/v1/track", body: tt.raw}
			if tt.contentType != "" {
				r.header = map[string]string{"Content-Type": tt.contentType}
			}
			call(t, s, r)
			got, _ := lines(t, s, 0)
			same(t, tt.want, string(got[0].Body))
			same(t, tt.raw, got[0].Raw)
		})
	}
}

func TestRecordHoldsNoCredential(t *testing.T) {
	const secret = "hush-0123456789-hush"
	tests := []struct {
		name string
		r    request
		raw  string
	}{
		{"Bearer", request{body: `{"id":"u"}`, header: map[string]string{"Authorization": "Bearer " + secret}}, `{"id":"u"}`},
		{"Basic", request{body: `{"id":"u"}`, header: map[string]string{"Authorization": "Basic " + basic(secret+":")}}, `{"id":"u"}`},
		{"JSON", request{body: `{"id":"u","api_key":"` + secret + `"}`}, `{"api_key":"••••••","id":"u"}`},
		{"JSON in disguise", request{body: `{"id":"u","api\u005fkey":"\u0068ush-0123456789-hush"}`}, `{"api_key":"••••••","id":"u"}`},
		{"form", request{body: `id=u&api_key=` + secret}, `id=u&api_key=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2`},
		{"form in disguise", request{body: `id=u&%61pi_key=%68ush-0123456789-hush`}, `id=u&%61pi_key=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2`},
		{"form, twice", request{body: `api_key=` + secret + `x&id=u&api_key[a]=` + secret}, `api_key=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2&id=u&api_key[a]=%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2`},
		{"query", request{path: "/v1/track?api_key=" + secret, body: `{"id":"u"}`}, `{"id":"u"}`},
		{"broken JSON", request{body: `{"id":"u","api_key" : "` + secret + `"`}, `{"id":"u","api_key" : "••••••"`},
		{"elsewhere, too", request{path: "/v1/" + secret + "?x=" + secret, body: `{"note":"` + secret + `"}`,
			header: map[string]string{"Authorization": "Bearer " + secret, "X-Copy": secret, "Proxy-Authorization": "Bearer hush"}}, `{"note":"••••••"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{})
			tt.r.method = "POST"
			if tt.r.path == "" {
				tt.r.path = "/v1/track"
			}
			call(t, s, tt.r)
			calls, r := lines(t, s, 0)
			if strings.Contains(r.body, "hush") || strings.Contains(r.body, basic("hush")[:4]) {
				t.Errorf("the key shows in %s", r.body)
			}
			same(t, tt.raw, calls[0].Raw)
		})
	}
}

func TestCallsAfter(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	for i := range 5 {
		track(t, s, fmt.Sprint("u", i))
	}
	seqs := func(after int) string {
		calls, _ := lines(t, s, after)
		var seqs []int64
		for _, c := range calls {
			seqs = append(seqs, c.Seq)
		}
		return fmt.Sprint(seqs)
	}
	for after, want := range map[int]string{0: "[1 2 3 4 5]", 3: "[4 5]", 5: "[]", 99: "[]"} {
		same(t, want, seqs(after))
	}
	if got := get(t, s, "/_sandbox/calls"); strings.Count(got.body, "\n") != 5 {
		t.Errorf("without after: %s", got.body)
	}
	same(t, 204, call(t, s, request{method: "DELETE", path: "/_sandbox/calls"}).status)
	same(t, "[]", seqs(0))
	track(t, s, "u9")
	same(t, "[6]", seqs(0))
	same(t, "[6]", seqs(5))
	_, r := lines(t, s, 0)
	same(t, "0", r.header.Get(refinertest.DroppedHeader)) // deleted, not dropped
	for _, after := range []string{"x", "-1"} {
		same(t, 400, get(t, s, "/_sandbox/calls?after="+after).status)
	}
}

func TestCallsAreBounded(t *testing.T) {
	for name, o := range map[string]refinertest.Options{"number": {MaxCalls: 3}, "bytes": {MaxCallBytes: 50_000}} {
		t.Run(name, func(t *testing.T) {
			s := refinertest.New(o)
			for i := range 10 {
				body := fmt.Sprintf(`{"id":"u%d","event":"%s"}`, i, strings.Repeat("e", 10_000))
				call(t, s, request{"POST", "/v1/track", body, map[string]string{"X": strings.Repeat("x", 4_000)}})
			}
			calls, r := lines(t, s, 0)
			if len(calls) != 3 || calls[0].Seq != 8 {
				t.Errorf("%d calls are kept", len(calls))
			}
			same(t, "7", r.header.Get(refinertest.DroppedHeader))
			_, r = lines(t, s, 5)
			same(t, "2", r.header.Get(refinertest.DroppedHeader))
			_, r = lines(t, s, 8)
			same(t, "0", r.header.Get(refinertest.DroppedHeader))
		})
	}
}

func TestCallsAreCountedThoughNotKept(t *testing.T) {
	s := refinertest.New(refinertest.Options{MaxCalls: -1})
	track(t, s, "u")
	track(t, s, "")
	same(t, 0, len(s.Calls()))
	same(t, refinertest.Stats{Calls: 2, Status: map[int]int64{200: 1, 422: 1}}, s.Stats())
	get(t, s, "/_sandbox/stats").is(t, 200, `{"calls":2,"status":{"200":1,"422":1}}`)
}

func TestCountOnly(t *testing.T) {
	s := refinertest.New(refinertest.Options{CountOnly: true, APIKeys: []string{key}, Limits: refinertest.Limits{KeyPerMinute: 2, UserPerMinute: 1}})
	track(t, s, "u").is(t, 200, ok)
	post(t, s, "/v1/identify-user", `not even JSON`).is(t, 200, ok)
	track(t, s, "u").is(t, 429, tooOften)
	call(t, s, request{method: "GET", path: "/v1/", header: map[string]string{"Authorization": "Bearer " + key + "x"}}).is(t, 404, unknownKey)
	same(t, 0, len(s.Contacts()))
	same(t, map[int]int64{200: 2, 404: 1, 429: 1}, s.Stats().Status)
}

func TestWaitCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{})
		done := make(chan error)
		go func() { done <- s.WaitCalls(t.Context(), 2) }()
		track(t, s, "u")
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("one call is not two")
		default:
		}
		track(t, s, "u")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWaitCallsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{})
		ctx, cancel := timeout(t)
		defer cancel()
		if err := s.WaitCalls(ctx, 1); err == nil {
			t.Error("there was no call")
		}
	})
}

func TestContactsAreShown(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	get(t, s, "/_sandbox/contacts").is(t, 200, `{"items":[]}`)
	accept(t, s, "/v1/identify-user", `{"id":"u1","n":1.0}`)
	track(t, s, "u1")
	type list struct{ Items []refinertest.StoredContact }
	r := get(t, s, "/_sandbox/contacts")
	if !strings.Contains(r.body, `"attributes":{"n":1.0}`) || !strings.Contains(r.body, `"events":[{"event":"e","at":"`) {
		t.Errorf("got %s", r.body)
	}
	got := decode[list](t, r).Items[0]
	same(t, []string{"e"}, got.EventNames())
	same(t, "u1", got.ID())
	same(t, int64(1), got.EventCount)
}

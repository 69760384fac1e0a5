package refinertest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/refiner/refinertest"
)

// faulty returns a sandbox with the faults of a JSON list.
func faulty(t testing.TB, list string) *refinertest.Sandbox {
	t.Helper()
	s := refinertest.New(refinertest.Options{})
	if got := put(t, s, "/_sandbox/faults", list); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	return s
}

const ok = `{"message":"ok"}`

func track(t testing.TB, s *refinertest.Sandbox, user string) reply {
	t.Helper()
	return post(t, s, "/v1/track", `{"id":"`+user+`","event":"e"}`)
}

func TestFaultConditions(t *testing.T) {
	t.Run("path", func(t *testing.T) {
		s := faulty(t, `[{"path":"/v1/track-event","status":503}]`)
		track(t, s, "u").is(t, 200, ok)
		post(t, s, "/v1/track-event", `{"id":"u","event":"e"}`).is(t, 503, `{"message":"Service Unavailable"}`)
	})
	t.Run("user", func(t *testing.T) {
		s := faulty(t, `[{"user":"u1","status":503}]`)
		track(t, s, "u2").is(t, 200, ok)
		for _, body := range []string{`{"id":"u1"}`, `{"id":"x","email":"u1"}`, `uuid=u1`} {
			if got := post(t, s, "/v1/track", body); got.status != 503 {
				t.Errorf("%s: got %d", body, got.status)
			}
		}
	})
	t.Run("times", func(t *testing.T) {
		s := faulty(t, `[{"times":2,"status":503}]`)
		same(t, []int{503, 503, 200}, []int{track(t, s, "u").status, track(t, s, "u").status, track(t, s, "u").status})
	})
	t.Run("for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := faulty(t, `[{"for":"10s","status":503}]`)
			time.Sleep(10*time.Second - 1)
			same(t, 503, track(t, s, "u").status)
			time.Sleep(1)
			same(t, 200, track(t, s, "u").status)
		})
	})
	t.Run("all must be met, the first that is met happens", func(t *testing.T) {
		s := faulty(t, `[{"path":"/v1/track","user":"u1","times":1,"status":500},{"user":"u1","status":501},{"times":1,"status":502}]`)
		var got []int
		for _, r := range []request{
			{path: "/v1/track-event?id=u1"}, {path: "/v1/track?id=u2"}, {path: "/v1/track?id=u1"},
			{path: "/v1/track?id=u1"}, {path: "/v1/track?id=u2&event=e"},
		} {
			r.method = "POST"
			got = append(got, call(t, s, r).status)
		}
		same(t, []int{501, 502, 500, 501, 200}, got)
	})
	t.Run("none", func(t *testing.T) {
		s := faulty(t, `[{"status":503}]`)
		put(t, s, "/_sandbox/faults", `[]`).is(t, 200, `[]`)
		track(t, s, "u").is(t, 200, ok)
	})
}

func TestFaultEffects(t *testing.T) {
	tests := []struct {
		name, fault string
		status      int
		body        string
		header      string // Retry-After
		stored      int
	}{
		{"status", `{"status":422}`, 422, `{"message":"Unprocessable Entity"}`, "", 0},
		{"text", `{"status":502,"body":"<html>bad gateway</html>"}`, 502, `<html>bad gateway</html>`, "", 0},
		{"JSON", `{"status":404,"body":{"message":"API key not valid or does not exist"}}`, 404, unknownKey, "", 0},
		{"a body alone", `{"body":"hello"}`, 200, `hello`, "", 0},
		{"headers", `{"status":429,"headers":{"Retry-After":"7"}}`, 429, `{"message":"Too Many Requests"}`, "7", 0},
		{"headers alone", `{"headers":{"Retry-After":"7"}}`, 200, ok, "7", 1},
		{"done, but it does not look so", `{"status":500,"apply":true}`, 500, `{"message":"Internal Server Error"}`, "", 1},
		{"no redirect", `{"status":302,"headers":{"Location":"/x","Retry-After":"1"}}`, 302, `{"message":"Found"}`, "1", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := faulty(t, `[`+tt.fault+`]`)
			got := track(t, s, "u")
			got.is(t, tt.status, tt.body)
			same(t, tt.header, got.header.Get("Retry-After"))
			same(t, tt.stored, len(s.Contacts()))
			if c := s.Calls()[0]; !c.Fault || c.Status != tt.status {
				t.Errorf("recorded as %+v", c)
			}
		})
	}
}

// A fault comes before the key and the limits.
func TestFaultComesFirst(t *testing.T) {
	s := refinertest.New(refinertest.Options{APIKeys: []string{"x"}, Limits: refinertest.Limits{KeyPerMinute: 1}})
	if err := s.SetFaults(refinertest.Fault{Status: 503}); err != nil {
		t.Fatal(err)
	}
	same(t, 503, track(t, s, "u").status)
}

func TestFaultDrop(t *testing.T) {
	for fault, stored := range map[string]int{`[{"drop":true}]`: 0, `[{"drop":true,"apply":true}]`: 1} {
		s := faulty(t, fault)
		if got, err := try(t, s, request{method: "POST", path: "/v1/track", body: `{"id":"u","event":"e"}`}); err == nil {
			t.Errorf("%s: got %d", fault, got.status)
		}
		same(t, stored, len(s.Contacts()))
		if c := s.Calls()[0]; c.Status != 0 || !c.Fault {
			t.Errorf("recorded as %+v", c)
		}
	}
}

func TestFaultDropOverTCP(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	if err := server.SetFaults(refinertest.Fault{Drop: true}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(server.URL + "/v1/")
	if err == nil {
		resp.Body.Close()
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := faulty(t, `[{"delay":"2s","times":1},{"delay":"1s","status":503}]`)
		begin := time.Now()
		track(t, s, "u").is(t, 200, ok)
		same(t, 2*time.Second, time.Since(begin))
		track(t, s, "u").is(t, 503, `{"message":"Service Unavailable"}`)
		same(t, 3*time.Second, time.Since(begin))
		same(t, begin.Add(2*time.Second).UTC(), s.Calls()[1].At) // when it came in
	})
}

// A caller that gives up during a delay has not called, unless the fault lets the call have its effect.
func TestFaultDelayThatIsTooLong(t *testing.T) {
	for fault, stored := range map[string]int{`[{"delay":"1h"}]`: 0, `[{"delay":"1h","apply":true}]`: 1} {
		synctest.Test(t, func(t *testing.T) {
			s := faulty(t, fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, "POST", "/v1/track?id=u&event=e&api_key="+key, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Transport().RoundTrip(r); err == nil {
				t.Error("there is an answer")
			}
			same(t, stored, len(s.Contacts()))
			same(t, 0, s.Calls()[0].Status)
		})
	}
}

func TestFaultsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const list = `[{"path":"/v1/track","user":"u","times":3,"for":"1m0s","status":500,"headers":{"A":"b"},"body":"x","delay":"1s","drop":true,"apply":true},{"times":1,"status":503}]`
		s := faulty(t, list)
		get(t, s, "/_sandbox/faults").is(t, 200, list)
		track(t, s, "other")
		time.Sleep(10 * time.Second)
		_, _ = try(t, s, request{method: "POST", path: "/v1/track?id=u"})
		want := strings.NewReplacer(`"times":3`, `"times":2`, "1m0s", "49s", `,{"times":1,"status":503}`, "").Replace(list)
		get(t, s, "/_sandbox/faults").is(t, 200, want)
	})
}

func TestFaultsThatCannotBeSet(t *testing.T) {
	s := faulty(t, `[{"status":503}]`)
	for list, want := range map[string]string{
		`[{"status":99}]`:              "fault 1: status 99 is not between 200 and 599",
		`[{"drop":true},{"path":"/"}]`: "fault 2: one of status",
		`[{"times":-1,"drop":true}]`:   "fault 1: times, for and delay must not be negative",
		`[{"delay":"soon"}]`:           `delay: \"soon\" is not a duration such as \"10s\"`,
		`[{"for":"1","drop":true}]`:    `for: \"1\" is not a duration`,
		`[{"code":503}]`:               "a fault has path, user, times, for, status, headers, body, delay, drop, apply",
		`{"status":503}`:               "cannot unmarshal object",
		``:                             "EOF",
	} {
		got := put(t, s, "/_sandbox/faults", list)
		if got.status != 400 || !strings.Contains(got.body, want) {
			t.Errorf("%s: got %d %s", list, got.status, got.body)
		}
	}
	same(t, 503, track(t, s, "u").status) // what was set stays
}

func TestFaultInGo(t *testing.T) {
	f := refinertest.Fault{Path: "/v1/track", For: time.Minute, Body: `say "no"`, Headers: map[string]string{"A": "b"}}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back refinertest.Fault
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	same(t, f, back)
}

package refinertest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tanker/refiner/refinertest"
)

const key = "sandbox-key-0123456789"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is a call; one with a body that starts with { is JSON, any other a form.
type request struct {
	method, path, body string
	header             map[string]string
}

type reply struct {
	status int
	header http.Header
	body   string
}

// call makes a call with the key, unless it has an Authorization of its own.
func call(t testing.TB, s *refinertest.Sandbox, r request) reply {
	t.Helper()
	got, err := try(t, s, r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return got
}

func try(t testing.TB, s *refinertest.Sandbox, r request) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, "http://refiner.test"+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(r.body, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	resp, err := s.Transport().RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}, nil
}

func get(t testing.TB, s *refinertest.Sandbox, path string) reply {
	t.Helper()
	return call(t, s, request{method: "GET", path: path})
}

func post(t testing.TB, s *refinertest.Sandbox, path, body string) reply {
	t.Helper()
	return call(t, s, request{method: "POST", path: path, body: body})
}

// accept is post, for calls that are to succeed.
func accept(t testing.TB, s *refinertest.Sandbox, path, body string) {
	t.Helper()
	if got := post(t, s, path, body); got.status/100 != 2 {
		t.Fatalf("%s %s: got %d %s", path, body, got.status, got.body)
	}
}

func put(t testing.TB, s *refinertest.Sandbox, path, body string) reply {
	t.Helper()
	return call(t, s, request{method: "PUT", path: path, body: body})
}

func (r reply) is(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("got %d %s, want %d %s", r.status, r.body, status, body)
	}
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, r reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return v
}

func same(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

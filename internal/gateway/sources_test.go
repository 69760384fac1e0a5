package gateway_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

func encode(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthentication(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	const (
		noKey    = "failed to read writekey from header"
		unknown  = "invalid write key"
		disabled = "source is disabled"
	)
	for _, tc := range []struct {
		name, header string
		status       int
		text         string
	}{
		{"the key as user name", "Basic " + encode(webKey+":"), 200, "ok"},
		{"any password", "Basic " + encode(webKey+":secret:with:colons"), 200, "ok"},
		{"the scheme in lower case", "basic " + encode(webKey+":"), 200, "ok"},
		{"no header", "", 401, noKey},
		{"no user", "Basic " + encode(":"), 401, noKey},
		{"a password alone", "Basic " + encode(":"+webKey), 401, noKey},
		{"no colon", "Basic " + encode(webKey), 401, noKey},
		{"no base64", "Basic " + webKey + ":", 401, noKey},
		{"another scheme", "Bearer " + webKey, 401, noKey},
		{"the scheme alone", "Basic", 401, noKey},
		{"an unknown key", "Basic " + encode("nobody:"), 401, unknown},
		{"a key's beginning", "Basic " + encode(webKey[:10]+":"), 401, unknown},
		{"a key in capitals", "Basic " + encode(strings.ToUpper(webKey)+":"), 401, unknown},
		{"a key with a space", "Basic " + encode(webKey+" :"), 401, unknown},
		{"the name of the source", "Basic " + encode("web:"), 401, unknown},
		{"a very long key", "Basic " + encode(strings.Repeat("k", 100_000)+":"), 401, unknown},
		{"a disabled source", "Basic " + encode(disabledKey+":"), 404, disabled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, path := range []string{"/v1/track", "/v1/batch", "/v1/import"} {
				body := `{"userId":"u1","batch":[{"userId":"u1"}]}`
				s.do(http.MethodPost, path, strings.NewReader(body), "Authorization", tc.header).want(t, tc.status, tc.text)
			}
			if n := len(s.log.take()); (n > 0) != (tc.status == 200) {
				t.Errorf("%d events stored", n)
			}
		})
	}
}

// readSpy notices whether a body was read.
type readSpy struct{ read bool }

func (b *readSpy) Read([]byte) (int, error) { b.read = true; return 0, io.EOF }

func TestAuthenticationGoesBeforeTheBody(t *testing.T) {
	g := gateway.New(gateway.Options{Journal: &memoryLog{}})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"", basic("nobody"), basic(disabledKey)} {
		body := &readSpy{}
		got := serve(g, http.MethodPost, "/v1/track", body, "Authorization", header)
		if got.status != 401 && got.status != 404 {
			t.Errorf("got %d", got.status)
		}
		if body.read {
			t.Errorf("the body was read before %q", got.body)
		}
	}
}

// SDKs take 401 and 404 as final, so neither may be said before the sources are known.
func TestWhileConfigurationIsLoading(t *testing.T) {
	g := gateway.New(gateway.Options{Journal: &memoryLog{}})
	for _, path := range []string{"/v1/track", "/v1/batch", "/v1/import", "/v1/nothing", "/nothing"} {
		for _, header := range []string{"", basic(webKey), basic("nobody"), basic(disabledKey)} {
			serve(g, http.MethodPost, path, strings.NewReader(`{"userId":"u1"}`), "Authorization", header).want(t, 503, "service unavailable")
		}
	}
	serve(g, http.MethodGet, "/ready", nil).want(t, 503, "not ready: configuration is still loading")
	if got := serve(g, http.MethodGet, "/health", nil); got.status != 200 || !strings.Contains(got.body, `"acceptingEvents":"FALSE"`) {
		t.Errorf("health: %d %s", got.status, got.body)
	}
	if err := g.SetSources(nil); err != nil {
		t.Fatal(err)
	}
	serve(g, http.MethodPost, "/v1/track", strings.NewReader(`{}`), "Authorization", basic(webKey)).want(t, 401, "invalid write key")
}

func TestSetSourcesReplacesAll(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok")
	if err := s.SetSources([]gateway.Source{{Name: "web", WriteKey: "another", Enabled: true}, {Name: "ios", WriteKey: webKey, Enabled: false}}); err != nil {
		t.Fatal(err)
	}
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 404, "source is disabled")
	s.post("/v1/track", `{"userId":"u1"}`, "Authorization", basic("another")).want(t, 200, "ok")
	s.post("/v1/track", `{"userId":"u1"}`, "Authorization", basic(disabledKey)).want(t, 401, "invalid write key")
}

func TestSetSourcesWhileRequestsRun(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	var posts sync.WaitGroup
	for range 4 {
		posts.Go(func() {
			for range 50 {
				s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok")
			}
		})
	}
	for range 200 {
		if err := s.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
	}
	posts.Wait()
}

func TestSetSourcesRefusesWhatIsAmbiguous(t *testing.T) {
	const key, other = "key-that-must-stay-secret", "other-key"
	for name, list := range map[string][]gateway.Source{
		"a key twice":     {{Name: "a", WriteKey: key}, {Name: "b", WriteKey: key}},
		"a name twice":    {{Name: "a", WriteKey: key}, {Name: "a", WriteKey: other}},
		"no key":          {{Name: "a"}},
		"no name":         {{WriteKey: key}},
		"an unusual name": {{Name: "a.b", WriteKey: key}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, gateway.Options{}, gateway.ServerOptions{})
			err := s.SetSources(list)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), key) {
				t.Errorf("the error shows the key: %v", err)
			}
			s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok") // the old sources stay
		})
	}
}

func TestWriteKeysStayOutOfLogs(t *testing.T) {
	var lines logLines
	broken := &memoryLog{fail: func(context.Context, []journal.Entry) error { return errors.New("no luck") }}
	for _, log := range []*memoryLog{{}, broken} {
		s := start(t, gateway.Options{Journal: log, Logger: lines.logger(slog.LevelDebug)}, gateway.ServerOptions{})
		s.post("/v1/track", `{"userId":"u1"}`)
		s.post("/v1/track", `{`)
		s.post("/v1/track", `{}`, "Authorization", basic("unknown-but-secret"))
		s.post("/v1/track", `{}`, "Authorization", basic(disabledKey))
	}
	for _, key := range []string{webKey, disabledKey, "unknown-but-secret"} {
		if text := lines.String(); strings.Contains(text, key) || strings.Contains(text, encode(key+":")) {
			t.Errorf("the log shows the key %s:\n%s", key, text)
		}
	}
	if n := strings.Count(lines.String(), "\n"); n < 8 {
		t.Errorf("only %d lines were logged", n)
	}
}

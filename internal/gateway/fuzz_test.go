package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tanker/internal/gateway"
)

// FuzzGateway sends anything at all. The gateway must not crash, must answer with a documented status, and
// must store exactly what it says it stored.
func FuzzGateway(f *testing.F) {
	auth := basic(webKey)
	for _, body := range []string{
		`{"userId":"u1","event":"x"}`, `{"batch":[{"userId":"u1"},{"anonymousId":"a1","messageId":"m"}]}`, `{"batch":{"userId":"u1"}}`,
		`{"batch":[{}]}`, `{"batch":[]}`, `[]`, `null`, ``, `{`, "\xff", `{"userId":"\ud800"}`, strings.Repeat("[", 100),
	} {
		for _, path := range []string{"/v1/identify", "/v1/batch", "/v1/import"} {
			f.Add("POST", path, auth, "", "203.0.113.9, 10.0.0.1", "https://shop.example", []byte(body))
			f.Add("POST", path, auth, "gzip", "", "", []byte(zipped(f, body)))
		}
	}
	f.Add("POST", "/v1/batch", auth, "gzip", "", "", []byte(bomb(f, 1)))
	f.Add("POST", "/v1/batch", auth, "gzip", "", "", []byte(zipped(f, `{"userId":"u1"}`)[:15]))
	f.Add("POST", "/v1/track", basic(disabledKey), "", "", "", []byte(`{}`))
	f.Add("POST", "/v1/track", "Basic Og==", "", "", "", []byte(`{}`))
	f.Add("OPTIONS", "/v1/track", "", "", "", "null", []byte{})
	f.Add("GET", "/health", "", "", "", "", []byte{})
	f.Add("GET", "/", "", "", "", "", []byte{})
	f.Add("HEAD", "/version", "", "", "", "", []byte{})

	const limit = 100_000
	log := &memoryLog{}
	g := gateway.New(gateway.Options{Journal: log, MaxBody: limit})
	if err := g.SetSources(testSources); err != nil {
		f.Fatal(err)
	}
	memory := g.FreeMemory()
	f.Fuzz(func(t *testing.T, method, path, auth, encoding, forwarded, origin string, body []byte) {
		r := &http.Request{
			Method: method, URL: &url.URL{Path: path}, RemoteAddr: "198.51.100.7:4711", Header: http.Header{},
			Body: struct {
				*bytes.Reader
				closer
			}{bytes.NewReader(body), closer{}}, ContentLength: int64(len(body)),
		}
		if len(forwarded)%2 == 1 {
			r.ContentLength = -1 // chunked
		}
		for name, value := range map[string]string{"Authorization": auth, "Content-Encoding": encoding, "X-Forwarded-For": forwarded, "Origin": origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 204, 400, 401, 404, 405, 413, 500}, w.Code) {
			t.Errorf("status %d", w.Code)
		}
		if w.Code == 500 && encoding != "gzip" {
			t.Errorf("500 %q", w.Body)
		}
		checkStored(t, log, w.Code, path, body, encoding)
		if g.FreeMemory() != memory || g.InFlight() != 0 {
			t.Errorf("%d of %d bytes free, %d requests in flight", g.FreeMemory(), memory, g.InFlight())
		}
	})
}

type closer struct{}

func (closer) Close() error { return nil }

// checkStored checks that events were stored only with the answer 200, and whole.
func checkStored(t *testing.T, log *memoryLog, status int, path string, body []byte, encoding string) {
	stored := log.take()
	event := strings.HasPrefix(path, "/v1/")
	if len(stored) > 0 && status != 200 && path != "/v1/import" {
		t.Errorf("%d events stored with status %d", len(stored), status)
	}
	if len(stored) == 0 && status == 200 && event && path != "/v1/import" {
		t.Error("success, but nothing was stored")
	}
	if len(stored) > 0 && encoding != "gzip" && !json.Valid(body) {
		t.Errorf("stored from invalid JSON: %q", body)
	}
	for _, e := range stored {
		if !json.Valid(e.Body) || e.Body[0] != '{' {
			t.Errorf("stored %q", e.Body)
		}
		if encoding != "gzip" && !bytes.Contains(body, e.Body) {
			t.Errorf("stored %q from %q", e.Body, body)
		}
		if e.MessageID == "" || e.Source != "web" || e.RequestIP == "" || len(e.RequestIP) > 64 || e.ReceivedAt.IsZero() {
			t.Errorf("stored %+v", e)
		}
	}
}

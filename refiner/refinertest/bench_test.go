package refinertest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"tanker/refiner/refinertest"
)

// BenchmarkIdentify is the cost of one call in the sandbox itself, without any network.
func BenchmarkIdentify(b *testing.B) {
	modes := map[string]refinertest.Options{
		"recorded":     {},
		"not_recorded": {MaxCalls: -1},
		"with_limits":  {MaxCalls: -1, Limits: refinertest.Limits{KeyPerMinute: 1 << 30, UserPerMinute: 1 << 30}},
		"count_only":   {CountOnly: true},
	}
	for name, options := range modes {
		b.Run(name, func(b *testing.B) { identifyMany(b, refinertest.New(options)) })
	}
}

func identifyMany(b *testing.B, s *refinertest.Sandbox) {
	const users = 1000
	header := http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
	bodies := make([][]byte, users)
	for i := range bodies {
		bodies[i] = fmt.Appendf(nil, `{"id":"user-%d","email":"user-%d@example.com","name":"Alex Keener","plan":"pro",`+
			`"employees":1000,"address":{"city":"Kyoto","country":"JP"},"tags":["a","b"]}`, i, i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		body := bodies[i%users]
		i++
		r, _ := http.NewRequest(http.MethodPost, "/v1/identify-user", bytes.NewReader(body))
		r.Header = header
		w := &discard{header: http.Header{}}
		s.ServeHTTP(w, r)
		if w.status >= 300 {
			b.Fatal(w.status)
		}
	}
}

type discard struct {
	header http.Header
	status int
}

func (w *discard) Header() http.Header         { return w.header }
func (w *discard) WriteHeader(status int)      { w.status = status }
func (w *discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }

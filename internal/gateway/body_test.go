package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

// eventOf is an event of exactly n bytes.
func eventOf(n int) string {
	const head, tail = `{"userId":"u1","x":"`, `"}`
	return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

func batchOf(event string) string { return `{"batch":[` + event + `]}` }

func TestBodySizes(t *testing.T) {
	const limit = 100_000
	testBodySizes(t, limit, 64, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, limit-1, limit, limit+1, 2*limit)
}

func TestBodySizesOfDefaultLimit(t *testing.T) {
	const limit = 4_096_000
	testBodySizes(t, limit, limit, limit+1, 5<<20)
}

func testBodySizes(t *testing.T, limit int, sizes ...int) {
	options := gateway.Options{MaxBody: limit}
	if limit == 4_096_000 {
		options.MaxBody = 0
	}
	s := start(t, options, gateway.ServerOptions{})
	chunked := func(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
	auth := []string{"Authorization", basic(webKey)}
	gz := append(auth, "Content-Encoding", "gzip")
	for _, size := range sizes {
		event, inner := eventOf(size), eventOf(size-len(batchOf("")))
		batch := batchOf(inner)
		for _, tc := range []struct {
			name, event string
			send        func() answer
		}{
			{"plain", event, func() answer { return s.post("/v1/track", event) }},
			{"batch", inner, func() answer { return s.post("/v1/batch", batch) }},
			{"chunked", event, func() answer { return s.do("POST", "/v1/track", chunked(event), auth...) }},
			{"gzip", event, func() answer { return s.do("POST", "/v1/track", strings.NewReader(zipped(t, event)), gz...) }},
			{"chunked gzip", inner, func() answer { return s.do("POST", "/v1/batch", chunked(zipped(t, batch)), gz...) }},
		} {
			t.Run(fmt.Sprint(tc.name, " ", size), func(t *testing.T) {
				got := tc.send()
				stored := s.log.take()
				if size > limit {
					got.want(t, 413, "request size exceeds max limit")
					if len(stored) != 0 {
						t.Error("it was stored")
					}
					return
				}
				got.want(t, 200, "ok")
				if len(stored) != 1 || string(stored[0].Body) != tc.event {
					t.Error("what was stored is not what was sent")
				}
			})
		}
	}
}

// A body that is too large is refused as such whatever else is wrong with it, since it is not read to its end.
func TestTooLargeGoesBeforeOtherMistakes(t *testing.T) {
	s := start(t, gateway.Options{MaxBody: 1000}, gateway.ServerOptions{})
	for _, body := range []string{strings.Repeat("[", 1001), `{"x":"` + strings.Repeat("x", 2000) + `"}`, strings.Repeat(" ", 1001)} {
		s.post("/v1/track", body).want(t, 413, "request size exceeds max limit")
		s.post("/v1/import", zipped(t, body), "Content-Encoding", "gzip").want(t, 413, "request size exceeds max limit")
	}
	s.post("/v1/track", eventOf(1000)).want(t, 200, "ok")
}

func TestTooManyEvents(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	batch := func(n int) string { return `{"batch":[` + strings.Repeat(`{"userId":1},`, n-1) + `{"userId":1}]}` }
	s.post("/v1/batch", batch(20_000)).want(t, 200, "ok")
	if n := len(s.log.take()); n != 20_000 {
		t.Errorf("%d events stored", n)
	}
	s.post("/v1/batch", batch(20_001)).want(t, 413, "request size exceeds max limit")
}

func TestLargestEvent(t *testing.T) {
	s := start(t, gateway.Options{MaxBody: 10 << 20}, gateway.ServerOptions{})
	s.post("/v1/track", eventOf(6<<20)).want(t, 200, "ok")
	s.post("/v1/track", eventOf(6<<20+1)).want(t, 413, "request size exceeds max limit")
	s.post("/v1/batch", batchOf(eventOf(6<<20+1))).want(t, 413, "request size exceeds max limit")
	if n := len(s.log.take()); n != 1 {
		t.Errorf("%d events stored", n)
	}
}

func TestContentEncoding(t *testing.T) {
	const event = `{"userId":"u1"}`
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	whole := zipped(t, event)
	flipped := []byte(whole)
	flipped[len(flipped)-5] ^= 1 // in the checksum
	for _, tc := range []struct {
		name, encoding, body string
		status               int
		text                 string
	}{
		{"gzip", "gzip", whole, 200, "ok"},
		{"two gzip members", "gzip", zipped(t, `{"userId":`) + zipped(t, `"u1"}`), 200, "ok"},
		{"none", "", event, 200, "ok"},
		{"another name for gzip is not undone", "GZIP", whole, 400, "invalid json"},
		{"x-gzip is not undone", "x-gzip", whole, 400, "invalid json"},
		{"a list is not undone", "gzip, gzip", whole, 400, "invalid json"},
		{"deflate is not undone", "deflate", whole, 400, "invalid json"},
		{"a wrong name for plain JSON does no harm", "br", event, 200, "ok"},
		{"gzip of nothing", "gzip", zipped(t, ""), 400, "invalid json"},
		{"gzip without a byte", "gzip", "", 400, "invalid json"},
		{"plain JSON called gzip", "gzip", event, 500, "failed to read body from request"},
		{"gzip cut in its header", "gzip", whole[:5], 500, "failed to read body from request"},
		{"gzip cut in its data", "gzip", whole[:len(whole)-10], 500, "failed to read body from request"},
		{"gzip cut in its checksum", "gzip", whole[:len(whole)-1], 500, "failed to read body from request"},
		{"gzip with a wrong checksum", "gzip", string(flipped), 500, "failed to read body from request"},
		{"gzip and garbage", "gzip", whole + "garbage at the end", 500, "failed to read body from request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.post("/v1/track", tc.body, "Content-Encoding", tc.encoding).want(t, tc.status, tc.text)
			if n := len(s.log.take()); (n == 1) != (tc.status == 200) {
				t.Errorf("%d events stored", n)
			}
		})
	}
	// A reader that met damaged data works again for the next request.
	s.post("/v1/track", whole, "Content-Encoding", "gzip").want(t, 200, "ok")
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.Reader
	read int
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.read += n
	return n, err
}

func TestGzipBombIsCutAtTheLimit(t *testing.T) {
	packed := bomb(t, 256)
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for range 3 {
		s.post("/v1/batch", packed, "Content-Encoding", "gzip").want(t, 413, "request size exceeds max limit")
	}
	// With Expect the rest is not drained, so what was read is what was inflated.
	body := &countedBody{Reader: strings.NewReader(packed)}
	got := serve(s, "POST", "/v1/batch", body, "Authorization", basic(webKey), "Content-Encoding", "gzip", "Expect", "100-continue")
	got.want(t, 413, "request size exceeds max limit")
	const ahead = 16 << 10 // read into the buffers of decompression
	if most := 4*(len(packed)/256) + ahead; body.read > most {
		t.Errorf("%d compressed bytes were read, want at most %d", body.read, most)
	}
	if n := len(s.log.take()); n != 0 {
		t.Errorf("%d events stored", n)
	}
}

// Members that inflate to nothing are bounded by their compressed size.
func TestGzipOfManyEmptyMembers(t *testing.T) {
	s := start(t, gateway.Options{MaxBody: 10_000}, gateway.ServerOptions{})
	packed := strings.Repeat(zipped(t, ""), 100_000)
	s.post("/v1/track", packed, "Content-Encoding", "gzip").want(t, 413, "request size exceeds max limit")
}

// Who is over the limit by little may finish sending, and then reads why it was refused.
func TestSomewhatTooLargeIsReadToItsEnd(t *testing.T) {
	g := gateway.New(gateway.Options{Journal: &memoryLog{}})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	const size = 5 << 20
	body := &countedBody{Reader: io.LimitReader(zeros{}, size)}
	serve(g, "POST", "/v1/track", body, "Authorization", basic(webKey)).want(t, 413, "request size exceeds max limit")
	if body.read != size {
		t.Errorf("%d bytes of %d were read", body.read, size)
	}
}

func TestDrainIsBounded(t *testing.T) {
	g := gateway.New(gateway.Options{Journal: &memoryLog{}})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	endless := &countedBody{Reader: io.LimitReader(zeros{}, 1<<30)}
	serve(g, "POST", "/v1/track", endless, "Authorization", basic(webKey)).want(t, 413, "request size exceeds max limit")
	if most := 4_096_001 + 8<<20 + 32<<10; endless.read > most {
		t.Errorf("%d bytes were read, want at most %d", endless.read, most)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Bodies share memory from request to request. What is stored must be what was sent nevertheless.
func TestRequestsDoNotMix(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	const senders, requests = 8, 40
	var all sync.WaitGroup
	sent := make([]map[string]string, senders)
	for i := range senders {
		sent[i] = map[string]string{}
		for n := range requests {
			id := fmt.Sprintf("m-%d-%d", i, n)
			sent[i][id] = fmt.Sprintf(`{"userId":"u%d","messageId":%q,"x":%q}`, i, id, strings.Repeat(string(rune('a'+i)), 1+n*n*17))
		}
		all.Go(func() {
			for id, body := range sent[i] {
				switch id[len(id)-1] % 3 {
				case 0:
					s.post("/v1/track", body).want(t, 200, "ok")
				case 1:
					s.post("/v1/batch", `{"batch":[`+body+`]}`).want(t, 200, "ok")
				case 2:
					s.post("/v1/track", zipped(t, body), "Content-Encoding", "gzip").want(t, 200, "ok")
				}
				s.post("/v1/track", body[:len(body)-1]).want(t, 400, "invalid json")
			}
		})
	}
	all.Wait()
	stored := s.log.take()
	if len(stored) != senders*requests {
		t.Fatalf("%d events stored, want %d", len(stored), senders*requests)
	}
	for _, e := range stored {
		var sender, n int
		if _, err := fmt.Sscanf(e.MessageID, "m-%d-%d", &sender, &n); err != nil || sent[sender][e.MessageID] != string(e.Body) {
			t.Fatalf("event %q is stored as %.100s", e.MessageID, e.Body)
		}
	}
}

// After an error the journal may still hold what it was given, so that memory is not used again.
func TestMemoryIsNotReusedAfterAnError(t *testing.T) {
	type kept struct {
		body []byte
		copy []byte
	}
	var mu sync.Mutex
	var held []kept
	log := &memoryLog{fail: func(_ context.Context, entries []journal.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range entries {
			held = append(held, kept{e.Body, bytes.Clone(e.Body)})
		}
		return errors.New("no luck")
	}}
	s := start(t, gateway.Options{Journal: log}, gateway.ServerOptions{})
	for i := range 100 {
		s.post("/v1/batch", fmt.Sprintf(`{"batch":[{"userId":"u%d"},{"userId":"v%d"}]}`, i, i)).want(t, 503, "service unavailable")
		s.post("/v1/track", fmt.Sprintf(`{"event":"xxxxxxxxxxxxxxxxxxxxxxxxx %d"}`, i))
	}
	for _, k := range held {
		if !bytes.Equal(k.body, k.copy) {
			t.Fatalf("%s became %s", k.copy, k.body)
		}
	}
	if len(held) != 200 {
		t.Errorf("%d events", len(held))
	}
}

func TestBrokenRead(t *testing.T) {
	g := gateway.New(gateway.Options{Journal: &memoryLog{}})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
		body := io.MultiReader(strings.NewReader(`{"userId":`), failing{err})
		serve(g, http.MethodPost, "/v1/track", body, "Authorization", basic(webKey)).want(t, 500, "failed to read body from request")
		body = io.MultiReader(strings.NewReader(zipped(t, eventOf(9000))[:20]), failing{err})
		serve(g, http.MethodPost, "/v1/track", body, "Authorization", basic(webKey), "Content-Encoding", "gzip").want(t, 500, "failed to read body from request")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

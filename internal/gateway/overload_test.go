package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/internal/gateway"
	"tanker/internal/journal"
)

func TestJournalErrors(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		status int
		text   string
		reason string
	}{
		{"full", fmt.Errorf("append: %w", journal.ErrFull), 503, "service unavailable", "journal_full"},
		{"unavailable", fmt.Errorf("append: %w", journal.ErrUnavailable), 503, "service unavailable", "unavailable"},
		{"closed", journal.ErrClosed, 503, "service unavailable", "unavailable"},
		{"anything else", errors.New("no such thing"), 503, "service unavailable", "unavailable"},
		{"too slow", fmt.Errorf("append: %w", context.DeadlineExceeded), 504, "gateway timeout", "append_timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var counts countingMetrics
			log := &memoryLog{fail: func(context.Context, []journal.Entry) error { return tc.err }}
			s := start(t, gateway.Options{Journal: log, Metrics: &counts}, gateway.ServerOptions{})
			s.post("/v1/track", `{"userId":"u1"}`).want(t, tc.status, tc.text)
			s.post("/v1/batch", `{"batch":[{"userId":"u1"}]}`).want(t, tc.status, tc.text)
			s.post("/v1/import", `{"batch":[{"userId":"u1"},{}]}`).want(t, tc.status, tc.text)
			want := []string{fmt.Sprintf("web %s %d", tc.reason, tc.status)}
			if diff := cmp.Diff(append(want, want[0], want[0]), counts.take()); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{fail: func(ctx context.Context, _ []journal.Entry) error { <-ctx.Done(); return ctx.Err() }}
		g := gateway.New(gateway.Options{Journal: log})
		if err := g.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		serve(g, "POST", "/v1/track", strings.NewReader(`{"userId":"u1"}`), "Authorization", basic(webKey)).want(t, 504, "gateway timeout")
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// The answer waits for the journal.
func TestNoSuccessBeforeAppendReturns(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	log := &memoryLog{fail: func(context.Context, []journal.Entry) error { close(entered); <-leave; return nil }}
	s := start(t, gateway.Options{Journal: log}, gateway.ServerOptions{})
	answered := make(chan answer, 1)
	go func() { answered <- s.post("/v1/track", `{"userId":"u1"}`) }()
	<-entered
	select {
	case got := <-answered:
		t.Errorf("answered %d before the event was stored", got.status)
	default:
	}
	close(leave)
	(<-answered).want(t, 200, "ok")
}

func TestCallerGone(t *testing.T) {
	var counts countingMetrics
	entered := make(chan struct{})
	log := &memoryLog{fail: func(ctx context.Context, _ []journal.Entry) error { close(entered); <-ctx.Done(); return ctx.Err() }}
	s := start(t, gateway.Options{Journal: log, Metrics: &counts}, gateway.ServerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/track", strings.NewReader(`{"userId":"u1"}`))
	r.Header.Set("Authorization", basic(webKey))
	go func() { <-entered; cancel() }()
	if _, err := s.client.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	eventually(t, "the request has ended", func() bool { return s.InFlight() == 0 })
	if diff := cmp.Diff([]string{"web caller_gone 503"}, counts.take()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestTooManyRequestsInFlight(t *testing.T) {
	leave := make(chan struct{})
	log := &memoryLog{fail: func(context.Context, []journal.Entry) error { <-leave; return nil }}
	s := start(t, gateway.Options{Journal: log, MaxInFlight: 2}, gateway.ServerOptions{})
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() { s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok") })
	}
	eventually(t, "two requests wait", func() bool { return s.InFlight() == 2 })
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 503, "Service Unavailable")
	got := s.do("OPTIONS", "/v1/track", nil, "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	if got.status != 204 {
		t.Errorf("a preflight was answered with %d", got.status)
	}
	close(leave)
	waiting.Wait()
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok")
}

// Bodies that wait for the journal fill the memory; the next one waits a second and is refused.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const maxMemory = 24 << 20
		leave := make(chan struct{})
		log := &memoryLog{fail: func(context.Context, []journal.Entry) error { <-leave; return nil }}
		g := gateway.New(gateway.Options{Journal: log, MaxBody: 1 << 20, MaxMemory: maxMemory, AppendTimeout: time.Hour})
		if err := g.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
		body := []byte(eventOf(1 << 20))
		post := func() answer {
			return serve(g, "POST", "/v1/track", bytes.NewReader(body), "Authorization", basic(webKey))
		}
		var statuses [600]atomic.Int64
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() { statuses[post().status].Add(1) })
			time.Sleep(2 * time.Second)
		}
		refused := int(statuses[503].Load())
		held := 40 - refused
		if held < 9 || held > 12 {
			t.Errorf("%d bodies of 1 MiB are held in the half of 24 MiB", held)
		}
		began := time.Now()
		post().want(t, 503, "service unavailable")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("a request waited %v for memory", took)
		}
		close(leave)
		all.Wait()
		if ok := int(statuses[200].Load()); ok != held {
			t.Errorf("%d succeeded, want %d", ok, held)
		}
		post().want(t, 200, "ok")
		if free := g.FreeMemory(); free != maxMemory {
			t.Errorf("%d bytes are free at the end", free)
		}
	})
}

func TestParsingWaitsForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gateway.New(gateway.Options{Journal: &memoryLog{}})
		if err := g.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
		post := func(path string) answer {
			return serve(g, "POST", path, strings.NewReader(`{"userId":"u1","batch":[{"userId":"u1"}]}`), "Authorization", basic(webKey))
		}
		release := g.HoldParsing()
		for _, path := range []string{"/v1/track", "/v1/batch", "/v1/import"} {
			began := time.Now()
			post(path).want(t, 503, "service unavailable")
			if took := time.Since(began); took != time.Second {
				t.Errorf("%s waited %v", path, took)
			}
		}
		time.AfterFunc(time.Second/2, release)
		post("/v1/track").want(t, 200, "ok")
	})
}

// What a request holds while the journal stores its events: the body and the entries, no more.
func TestMemoryHeldWhileStoring(t *testing.T) {
	var g *gateway.Gateway
	var free int
	log := &memoryLog{fail: func(context.Context, []journal.Entry) error { free = g.FreeMemory(); return nil }}
	g = gateway.New(gateway.Options{Journal: log})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	all := g.FreeMemory()
	many := batchOf(strings.Repeat(`{"userId":1},`, 9_999) + `{"userId":1}`)
	const entry = 150 // bytes, at least
	for _, tc := range []struct {
		name, path, body, encoding string
		least, most                int
	}{
		{"an event", "/v1/track", eventOf(1000), "", 1000, 4 << 10},
		{"an event in gzip", "/v1/track", zipped(t, eventOf(1000)), "gzip", 1000, 4 << 10},
		{"a large event", "/v1/track", eventOf(60_000), "", 60_000, 64 << 10},
		{"many events", "/v1/batch", many, "", 10_000 * entry, 256<<10 + 10_000*2*entry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			serve(g, "POST", tc.path, strings.NewReader(tc.body), "Authorization", basic(webKey), "Content-Encoding", tc.encoding).want(t, 200, "ok")
			if held := all - free; held < tc.least || held > tc.most {
				t.Errorf("%d bytes are held, want %d to %d", held, tc.least, tc.most)
			}
		})
	}
}

// The largest request finds room in the smallest memory, whatever MaxMemory says.
func TestLargestRequestFindsRoom(t *testing.T) {
	s := start(t, gateway.Options{MaxBody: 1 << 20, MaxMemory: 1, Limits: event.Limits{MaxEvents: 1 << 20}}, gateway.ServerOptions{})
	s.post("/v1/track", eventOf(1<<20)).want(t, 200, "ok")
	s.post("/v1/import", batchOf(strings.Repeat(`{},`, (1<<20-20)/3)+`{}`)).want(t, 400, "request neither has anonymousId nor userId")
	s.post("/v1/batch", zipped(t, batchOf(eventOf(1<<20-len(batchOf(""))))), "Content-Encoding", "gzip").want(t, 200, "ok")
	s.post("/v1/batch", `{"batch":[`+strings.Repeat(`{"userId":1},`, 19_999)+`{"userId":1}]}`).want(t, 200, "ok")
}

func TestPanicIsSurvived(t *testing.T) {
	var lines logLines
	log := &memoryLog{fail: func(_ context.Context, entries []journal.Entry) error {
		if string(entries[0].Body) == `{"userId":"bad"}` {
			panic("out of order")
		}
		return nil
	}}
	s := start(t, gateway.Options{Journal: log, Logger: lines.logger(slog.LevelError)}, gateway.ServerOptions{})
	s.post("/v1/track", `{"userId":"bad"}`).want(t, 500, "internal server error")
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok")
	if text := lines.String(); !strings.Contains(text, "out of order") || !strings.Contains(text, "overload_test.go") {
		t.Errorf("the log does not tell what happened: %s", text)
	}
}

func TestAbortedHandlerStaysAborted(t *testing.T) {
	log := &memoryLog{fail: func(context.Context, []journal.Entry) error { panic(http.ErrAbortHandler) }}
	g := gateway.New(gateway.Options{Journal: log})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler {
			t.Errorf("recovered %v", cause)
		}
	}()
	r := httptest.NewRequest("POST", "/v1/track", strings.NewReader(`{"userId":"u1"}`))
	r.SetBasicAuth(webKey, "")
	g.ServeHTTP(httptest.NewRecorder(), r)
	t.Error("no panic")
}

// countingMetrics keeps what is counted, a line for each call.
type countingMetrics struct {
	mu    sync.Mutex
	lines []string
}

func (m *countingMetrics) Accepted(source string, events, bytes int) {
	m.addf("%s %d events %d bytes", source, events, bytes)
}

func (m *countingMetrics) Suppressed(source string, events int) {
	m.addf("%s %d suppressed", source, events)
}

func (m *countingMetrics) Refused(source, reason string, status int) {
	m.addf("%s %s %d", source, reason, status)
}

func (m *countingMetrics) addf(format string, values ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, fmt.Sprintf(format, values...))
}

func (m *countingMetrics) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lines
}

func TestMetrics(t *testing.T) {
	var counts countingMetrics
	s := start(t, gateway.Options{Metrics: &counts, MaxBody: 1000}, gateway.ServerOptions{})
	s.post("/v1/track", `{"userId":"u1"}`)
	s.post("/v1/batch", zipped(t, `{"batch":[{"userId":"u1"},{"userId":"u2"}]}`), "Content-Encoding", "gzip")
	s.post("/v1/import", `{"batch":[{"userId":"u1"},{}]}`)
	s.post("/v1/import", `{"batch":[]}`)
	s.post("/v1/track", `{`)
	s.post("/v1/track", `[]`)
	s.post("/v1/track", `{}`)
	s.post("/v1/batch", `{}`)
	s.post("/v1/track", eventOf(1001))
	s.post("/v1/track", `x`, "Content-Encoding", "gzip")
	s.post("/v1/track", `{}`, "Authorization", "")
	s.post("/v1/track", `{}`, "Authorization", basic("nobody"))
	s.post("/v1/track", `{}`, "Authorization", basic(disabledKey))
	s.do("GET", "/health", nil)
	s.do("GET", "/v1/track", nil)
	want := []string{
		"web 1 events 15 bytes", "web 2 events 43 bytes", "web 1 events 30 bytes", "web no_identity 400",
		"web invalid_json 400", "web not_an_event 400", "web no_identity 400", "web empty_batch 400", "web too_large 413", "web unreadable_body 500",
		" no_write_key 401", " unknown_write_key 401", "old-app source_disabled 404",
	}
	if diff := cmp.Diff(want, counts.take()); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestLogLines(t *testing.T) {
	var lines logLines
	s := start(t, gateway.Options{Logger: lines.logger(slog.LevelDebug)}, gateway.ServerOptions{})
	s.post("/v1/batch", `{"batch":[{"userId":"u1"},{"userId":"u2"}]}`, "X-Forwarded-For", "203.0.113.9")
	s.post("/v1/track", `{"userId":"secret-user"`)
	text := lines.String()
	for _, part := range []string{
		`level=DEBUG msg="request accepted" source=web path=/v1/batch events=2 bytes=43 status=200 took=`, `ip=203.0.113.9`,
		`level=DEBUG msg="request refused" source=web path=/v1/track events=0 bytes=23 status=400 took=`, `reason=invalid_json error="invalid JSON: `,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the log lacks %s:\n%s", part, text)
		}
	}
	if strings.Contains(text, "secret-user") {
		t.Errorf("the log shows what was sent:\n%s", text)
	}
}

// An operator who does not log at debug hears of it when events are turned away, but not of each one.
func TestWarningsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines logLines
		log := &memoryLog{fail: func(context.Context, []journal.Entry) error { return journal.ErrFull }}
		g := gateway.New(gateway.Options{Journal: log, Logger: lines.logger(slog.LevelInfo)})
		if err := g.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
		for range 25 {
			for range 10 {
				serve(g, "POST", "/v1/track", strings.NewReader(`{"userId":"u1"}`), "Authorization", basic(webKey))
				serve(g, "POST", "/v1/track", strings.NewReader(`{`), "Authorization", basic(webKey))
			}
			time.Sleep(time.Second)
		}
		text := lines.String()
		if n := strings.Count(text, "level=WARN"); n != 3 || strings.Count(text, "journal is full") != n || strings.Count(text, "\n") != n {
			t.Errorf("want 3 warnings in 25 s:\n%s", text)
		}
	})
}

func TestServiceEndpoints(t *testing.T) {
	var health, ready atomic.Pointer[error]
	options := gateway.Options{
		Health:  func() error { return *health.Load() },
		Ready:   func() error { return *ready.Load() },
		Version: gateway.Version{Version: "1.2.0", Commit: "abc", BuildDate: "2026-01-02T03:04:05Z", BuiltBy: "make"},
	}
	set := func(p *atomic.Pointer[error], err error) { p.Store(&err) }
	set(&health, nil)
	set(&ready, nil)
	before := time.Now().Truncate(time.Second)
	s := start(t, options, gateway.ServerOptions{})

	for _, path := range []string{"/health", "/"} {
		got := s.do("GET", path, nil)
		const head, tail = `{"appType":"EMBEDDED","server":"UP","db":"UP","acceptingEvents":"TRUE","routingEvents":"TRUE","mode":"NORMAL","backendConfigMode":"JSON","lastSync":"`, `","lastRegulationSync":""}`
		at, ok := strings.CutPrefix(got.body, head)
		at, ok2 := strings.CutSuffix(at, tail)
		if got.status != 200 || !ok || !ok2 || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
		if sync, err := time.Parse(time.RFC3339, at); err != nil || sync.Before(before) {
			t.Errorf("%s: lastSync is %q", path, at)
		}
	}
	got := s.do("GET", "/version", nil)
	const version = `{"Version":"1.2.0","Commit":"abc","BuildDate":"2026-01-02T03:04:05Z","BuiltBy":"make","Features":["gzip-req-payload"]}`
	if got.status != 200 || got.body != version {
		t.Errorf("version: got %d %s", got.status, got.body)
	}
	if got := s.do("GET", "/robots.txt", nil); got.status != 200 || got.body != "User-agent: * \nDisallow: / \n" {
		t.Errorf("robots.txt: got %d %q", got.status, got.body)
	}
	s.do("GET", "/ready", nil).want(t, 200, "ok")

	set(&health, errors.New("secret path is gone"))
	set(&ready, errors.New("the journal's disk is full"))
	s.do("GET", "/health", nil).want503(t, "Cannot connect to db\n")
	s.do("GET", "/ready", nil).want(t, 503, "not ready: the journal's disk is full")
}

func (a answer) want503(t *testing.T, text string) {
	t.Helper()
	if a.status != 503 || a.body != text {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Write keys of the sources that every test gateway has.
const (
	webKey      = "2fQGJ9sTlMBWfOSnD1HIkFE0P8Z"
	disabledKey = "2fQGXmIgOTQDTrgtMc1YpKPa1qR"
)

var testSources = []gateway.Source{
	{Name: "web", WriteKey: webKey, Enabled: true},
	{Name: "old-app", WriteKey: disabledKey, Enabled: false},
}

// memoryLog keeps what is appended to it, as copies.
type memoryLog struct {
	mu      sync.Mutex
	entries []journal.Entry
	calls   int

	fail func(ctx context.Context, entries []journal.Entry) error // called first; nil never fails
}

func (l *memoryLog) Append(ctx context.Context, entries []journal.Entry) error {
	if l.fail != nil {
		if err := l.fail(ctx, entries); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	for _, e := range entries {
		e.Body = bytes.Clone(e.Body)
		l.entries = append(l.entries, e)
	}
	return nil
}

// take returns what was appended since the last take.
func (l *memoryLog) take() []journal.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.entries
	l.entries = nil
	return taken
}

// service is a gateway behind a real server.
type service struct {
	*gateway.Gateway
	t      *testing.T
	url    string
	client *http.Client
	log    *memoryLog
}

// start runs a gateway with the test sources. At the end of the test every byte of memory must be free again.
func start(t *testing.T, options gateway.Options, server gateway.ServerOptions) *service {
	t.Helper()
	s := &service{t: t, log: &memoryLog{}}
	if options.Journal == nil {
		options.Journal = s.log
	}
	s.Gateway = gateway.New(options)
	memory := s.FreeMemory()
	if err := s.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(nil)
	ts.Config = s.Server(server)
	ts.Start()
	s.url, s.client = ts.URL, ts.Client()
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		ts.Close() // waits for all requests
		if free := s.FreeMemory(); free != memory || s.InFlight() != 0 {
			t.Errorf("after the last request %d bytes are free of %d and %d requests in flight", free, memory, s.InFlight())
		}
	})
	return s
}

// answer is a whole response.
type answer struct {
	status int
	body   string
	header http.Header
}

// do sends a request. Headers are given as name, value, name, value.
func (s *service) do(method, path string, body io.Reader, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, string(text), response.Header}
}

// post sends a body as the source web.
func (s *service) post(path, body string, header ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, strings.NewReader(body), append([]string{"Authorization", basic(webKey)}, header...)...)
}

// basic is the Authorization header of an SDK with the write key.
func basic(key string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(key, "")
	return r.Header.Get("Authorization")
}

// want checks the status and the text of an answer, and what all answers of its kind have in common.
func (a answer) want(t *testing.T, status int, text string) {
	t.Helper()
	if status != http.StatusOK {
		text += "\n"
		if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("X-Content-Type-Options is %q", got)
		}
	}
	if a.status != status || a.body != text {
		t.Errorf("got %d %q, want %d %q", a.status, a.body, status, text)
	}
	if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type is %q", got)
	}
	if got := a.header.Get("Retry-After"); (got != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After is %q with status %d", got, status)
	}
	if got := a.header.Get("Www-Authenticate"); got != "" {
		t.Errorf("WWW-Authenticate is %q", got)
	}
}

func zipped(t testing.TB, data string) string {
	t.Helper()
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// bomb is the gzip form of a batch whose only event holds a string of that many MiB. It is made of many gzip
// members, which together are one stream.
func bomb(t testing.TB, mebibytes int) string {
	t.Helper()
	return zipped(t, `{"batch":[{"userId":"u1","x":"`) +
		strings.Repeat(zipped(t, strings.Repeat("0", 1<<20)), mebibytes) + zipped(t, `"}]}`)
}

// logLines collects log records as text lines.
type logLines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logLines) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// serve calls a handler without a server between.
func serve(h http.Handler, method, path string, body io.Reader, header ...string) answer {
	r := httptest.NewRequest(method, path, body)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Body.String(), w.Header()}
}

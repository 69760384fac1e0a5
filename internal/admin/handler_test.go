package admin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

const token = "0123456789abcdef"

// fake is a backend with one dead letter. It remembers what was done to it.
type fake struct {
	done      []string
	filter    dead.Filter
	operation dead.Operation
	traced    history.TraceOptions
	err       error
}

var letter = journal.DeadLetter{
	Destination: "production", Position: journal.At(17, 3), MessageID: "m1", Reason: "refused",
	Event: []byte(`{"a":"<b>"}`), At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

func (f *fake) Status(context.Context) (admin.Status, error) {
	return admin.Status{Version: "1.2.3", Destinations: []admin.DestinationStatus{{Name: "production", Accepted: 9}}}, f.err
}

func (f *fake) DeadLetters(_ context.Context, filter dead.Filter) (journal.DeadPage, error) {
	f.filter = filter
	return journal.DeadPage{Letters: []journal.DeadLetter{letter}, Next: 4}, f.err
}

func (f *fake) DeadLetter(_ context.Context, destination string, at journal.Position) (journal.DeadLetter, error) {
	return letter, f.find("show", destination, at)
}

func (f *fake) PreviewDead(_ context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error) {
	return history.Mapped{Method: "POST", Path: "/v1/track-event", Body: []byte(`{"a":"<&>"}`)}, f.find("preview "+string(corrected), destination, at)
}

func (f *fake) ReplayDead(_ context.Context, destination string, at journal.Position, corrected []byte) error {
	return f.find(strings.TrimSpace("replay "+string(corrected)), destination, at)
}

func (f *fake) DiscardDead(_ context.Context, destination string, at journal.Position) error {
	return f.find("discard", destination, at)
}

func (f *fake) Trace(_ context.Context, o history.TraceOptions, emit func(history.Traced) error) (history.TraceEnd, error) {
	f.traced = o
	if err := emit(history.Traced{Position: journal.At(1, 2), Event: []byte(`{"a":"<b>"}`)}); err != nil {
		return history.TraceEnd{}, err
	}
	return history.TraceEnd{Events: 1, Searched: 9}, f.err
}

func (f *fake) Pause(_ context.Context, destination string) error {
	return f.find("pause", destination, letter.Position)
}

func (f *fake) Resume(_ context.Context, destination string) error {
	return f.find("resume", destination, letter.Position)
}
func (f *fake) Replays() admin.Replays { return replays{f} }

func (f *fake) Erasures() admin.Erasures { return erasures{f} }

func (f *fake) find(what, destination string, at journal.Position) error {
	if destination != letter.Destination || at != letter.Position {
		return fmt.Errorf("letter: %w", journal.ErrNotFound)
	}
	f.done = append(f.done, what)
	return f.err
}

// start serves an admin API with a backend that is ready.
func start(t *testing.T) (*admin.Handler, *fake, *httptest.Server) {
	t.Helper()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") })
	h := admin.NewHandler(admin.Options{Access: admin.NewAccess(config.NewSecret(token)), Local: true, Metrics: metrics})
	backend := &fake{}
	h.SetBackend(backend)
	h.SetReady(func() error { return nil })
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return h, backend, server
}

func TestAccess(t *testing.T) {
	_, backend, server := start(t)
	bearer := "Bearer " + token
	for _, test := range []struct {
		method, path, authorization, host string
		want                              int
	}{
		{"GET", "/metrics", "", "", 200},
		{"GET", "/health", "", "", 200},
		{"GET", "/ready", "", "", 200},
		{"GET", "/api/v1/status", bearer, "", 200},
		{"GET", "/api/v1/status", "", "", 401},
		{"GET", "/api/v1/status", "Bearer ", "", 401},
		{"GET", "/api/v1/status", "Bearer 0123456789abcdeF", "", 401},
		{"GET", "/api/v1/status", "Basic " + token, "", 401},
		{"GET", "/api/v1/status?token=" + token, "", "", 401},
		{"GET", "/api/v1/dead", "", "", 401},
		{"GET", "/api/v1/dead/production/17.3", "", "", 401},
		{"GET", "/api/v1/dead/groups", "", "", 401},
		{"GET", "/api/v1/dead/groups?since=x", bearer, "", 400},
		{"POST", "/api/v1/dead/replay", "", "", 401},
		{"POST", "/api/v1/dead/replay?dry_run=1", bearer, "", 400},
		{"POST", "/api/v1/dead/discard", "", "", 401},
		{"POST", "/api/v1/dead/discard?until=x", bearer, "", 400},
		{"GET", "/api/v1/dead/discard", bearer, "", 404},
		{"POST", "/api/v1/dead/production/17.3/replay", "", "", 401},
		{"POST", "/api/v1/dead/production/17.3/replay?dry_run=perhaps", bearer, "", 400},
		{"DELETE", "/api/v1/dead/production/17.3", "", "", 401},
		{"GET", "/api/v1/trace?user=u", "", "", 401},
		{"POST", "/api/v1/destinations/production/pause", "", "", 401},
		{"POST", "/api/v1/destinations/production/resume", "", "", 401},
		{"GET", "/debug/pprof/", "", "", 401},
		{"GET", "/debug/pprof/cmdline", "", "", 401},
		{"GET", "/debug/pprof/cmdline", bearer, "", 200},
		{"GET", "/nothing", "", "", 401},
		{"GET", "/nothing", bearer, "", 404},
		{"POST", "/metrics", "", "", 401}, // not the open route: that one is for reading
		{"GET", "/api/v1/status", bearer, "localhost:1", 200},
		{"GET", "/api/v1/status", bearer, "[::1]:1", 200},
		{"GET", "/api/v1/status", bearer, "evil.example", 421},
		{"GET", "/metrics", "", "evil.example:8081", 421},
		{"GET", "/metrics", "", "127.0.0.1.evil.example", 421},
	} {
		req, _ := http.NewRequest(test.method, server.URL+test.path, nil)
		req.Header.Set("Authorization", test.authorization)
		req.Host = test.host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Errorf("%s %s (%q, host %q) = %d, want %d", test.method, test.path, test.authorization, test.host, resp.StatusCode, test.want)
		}
		if strings.Contains(string(body), token) {
			t.Errorf("%s %s shows the token", test.method, test.path)
		}
	}
	if len(backend.done) > 0 {
		t.Errorf("changes without a token: %v", backend.done)
	}
}

func TestReadiness(t *testing.T) {
	h, _, server := start(t)
	h.SetReady(func() error { return errors.New("the disk is full") })
	resp, err := http.Get(server.URL + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 503 || string(body) != `{"error":"the disk is full"}`+"\n" {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	status, err := client(server).Status(t.Context())
	if err != nil || status.Ready || status.NotReady != "the disk is full" {
		t.Errorf("status = %+v, %v", status, err)
	}
}

func client(server *httptest.Server) *admin.Client {
	return admin.NewClient(server.URL, config.NewSecret(token))
}

func TestClient(t *testing.T) {
	_, backend, server := start(t)
	c := client(server)

	status, err := c.Status(t.Context())
	if err != nil || status.Version != "1.2.3" || !status.Ready || status.Destinations[0].Accepted != 9 {
		t.Errorf("Status = %+v, %v", status, err)
	}

	filter := dead.Filter{Group: "0123456789ab", DeadFilter: journal.DeadFilter{
		Destination: "production", Reason: "a b", User: "ü&=", After: 3, Limit: 7,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Until: time.Date(2027, 1, 2, 3, 4, 5, 6, time.UTC),
	}}
	page, err := c.DeadLetters(t.Context(), filter)
	if err != nil || page.Next != 4 {
		t.Errorf("DeadLetters = %+v, %v", page, err)
	}
	if diff := cmp.Diff(filter, backend.filter); diff != "" {
		t.Errorf("the filter that arrived (-sent +got):\n%s", diff)
	}
	if _, err := c.DeadLetters(t.Context(), dead.Filter{}); err != nil || backend.filter != (dead.Filter{}) {
		t.Errorf("no filter arrived as %+v, %v", backend.filter, err)
	}

	got, err := c.DeadLetter(t.Context(), "production", journal.At(17, 3))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(letter, got); diff != "" {
		t.Errorf("letter (-want +got):\n%s", diff)
	}
	if err := c.ReplayDead(t.Context(), "production", journal.At(17, 3), nil); err != nil {
		t.Error(err)
	}
	large := bytes.Repeat([]byte("x"), 2<<20)
	mapped, err := c.PreviewDead(t.Context(), "production", journal.At(17, 3), large)
	if err != nil || mapped.Path != "/v1/track-event" || string(mapped.Body) != `{"a":"<&>"}` {
		t.Errorf("PreviewDead = %+v, %v", mapped, err)
	}
	if got := backend.done[len(backend.done)-1]; got != "preview "+string(large) {
		t.Errorf("of %d bytes %d arrived", len(large), len(got)-len("preview "))
	}
	backend.done = backend.done[:len(backend.done)-1]
	if err := c.ReplayDead(t.Context(), "production", journal.At(17, 3), []byte("{}")); err != nil {
		t.Error(err)
	}
	if err := c.DiscardDead(t.Context(), "production", journal.At(17, 3)); err != nil {
		t.Error(err)
	}
	sent := history.TraceOptions{Destination: "production", Limit: 3, Selection: history.Selection{User: "ü&=", Since: filter.Since, Until: filter.Until}}
	traced := 0
	end, err := c.Trace(t.Context(), sent, func(e history.Traced) error {
		traced++
		if e.Position != journal.At(1, 2) || string(e.Event) != `{"a":"<b>"}` {
			t.Errorf("traced %+v", e)
		}
		return nil
	})
	if err != nil || traced != 1 || end.Searched != 9 {
		t.Errorf("Trace = %+v, %v, %d events", end, err, traced)
	}
	if diff := cmp.Diff(sent, backend.traced); diff != "" {
		t.Errorf("the trace that arrived (-sent +got):\n%s", diff)
	}
	if err := errors.Join(c.Pause(t.Context(), "production"), c.Resume(t.Context(), "production")); err != nil {
		t.Error(err)
	}
	if want := []string{"show", "replay", "replay {}", "discard", "pause", "resume"}; !cmp.Equal(want, backend.done) {
		t.Errorf("done %v, want %v", backend.done, want)
	}
}

func TestClientIsRefused(t *testing.T) {
	h, backend, server := start(t)
	c := client(server)
	for name, test := range map[string]struct {
		ask  func() error
		want admin.RefusedError
	}{
		"wrong token": {
			func() error {
				_, err := admin.NewClient(server.URL, config.NewSecret("wrong")).Status(t.Context())
				return err
			},
			admin.RefusedError{Status: 401, Message: "the token is missing or wrong"},
		},
		"no such letter": {
			func() error { return c.ReplayDead(t.Context(), "production", journal.At(1, 0), nil) },
			admin.RefusedError{Status: 404, Message: "letter: not found"},
		},
		"no such destination": {
			func() error { return c.Pause(t.Context(), "../production") },
			admin.RefusedError{Status: 404, Message: "letter: not found", Hint: "tanker status shows the destinations"},
		},
		"hostile destination": {
			func() error { return c.DiscardDead(t.Context(), "../../production", journal.At(17, 3)) },
			admin.RefusedError{Status: 404, Message: "letter: not found"},
		},
		"too many": {
			func() error {
				_, err := c.DeadLetters(t.Context(), dead.Filter{DeadFilter: journal.DeadFilter{Limit: 5000}})
				return err
			},
			admin.RefusedError{Status: 400, Message: `limit="5000" is no number from 1 to 1000`},
		},
		"not an event": {
			func() error {
				backend.err = fmt.Errorf("%w: it would be rejected", history.ErrEvent)
				defer func() { backend.err = nil }()
				return c.ReplayDead(t.Context(), "production", journal.At(17, 3), nil)
			},
			admin.RefusedError{Status: 422, Message: "this event cannot be sent: it would be rejected"},
		},
		"in the middle of a long answer": {
			func() error {
				backend.err = journal.ErrCorrupt
				defer func() { backend.err = nil }()
				_, err := c.Trace(t.Context(), history.TraceOptions{Selection: history.Selection{Message: "m"}}, func(history.Traced) error { return nil })
				return err
			},
			admin.RefusedError{Status: 200, Message: "journal data is damaged"},
		},
		"full": {
			func() error {
				backend.err = journal.ErrFull
				defer func() { backend.err = nil }()
				return c.ReplayDead(t.Context(), "production", journal.At(17, 3), nil)
			},
			admin.RefusedError{Status: 503, Message: "journal is full"},
		},
		"starting": {
			func() error {
				h.SetBackend(nil)
				defer h.SetBackend(backend)
				_, err := c.Status(t.Context())
				return err
			},
			admin.RefusedError{Status: 503, Message: "the server is starting or stopping"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := errors.AsType[*admin.RefusedError](test.ask())
			if !ok || got.Status != test.want.Status || got.Message != test.want.Message ||
				test.want.Hint != "" && got.Hint != test.want.Hint {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestClientAtAnotherServer(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	_, err := client(other).Status(t.Context())
	refused, ok := errors.AsType[*admin.RefusedError](err)
	if !ok || refused.Hint != "is this the address of a Tanker's admin API?" {
		t.Errorf("got %v", err)
	}
}

func TestBadParameters(t *testing.T) {
	_, _, server := start(t)
	for _, path := range []string{
		"/api/v1/dead?since=yesterday", "/api/v1/dead?until=1", "/api/v1/dead?after=-1", "/api/v1/dead?limit=x",
		"/api/v1/trace", "/api/v1/trace?user=a&message=b", "/api/v1/trace?user=a&limit=-1", "/api/v1/trace?user=a&since=x",
		"/api/v1/dead/production/17", "/api/v1/dead/production/x.y",
	} {
		req, _ := http.NewRequest("GET", server.URL+path, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("%s = %d, want 400", path, resp.StatusCode)
		}
	}
}

// TestConsoleGoesByNoOtherName has a page of another site reach the console by a name of its own.
func TestConsoleGoesByNoOtherName(t *testing.T) {
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })
	h := admin.NewHandler(admin.Options{
		Access: admin.NewAccess(config.NewSecret(token)), Local: true, Console: pages, Metrics: http.NotFoundHandler(),
	})
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "localhost:8081": 200, "[::1]:8081": 200,
		"evil.example:8081": 421, "127.0.0.1.evil.example": 421, "": 421,
	} {
		for _, path := range []string{"/", "/login", "/assets/console.css", "/overview/stream"} {
			req := httptest.NewRequest(http.MethodGet, path, nil)
			req.Host = host
			recorder := httptest.NewRecorder()
			if h.ServeHTTP(recorder, req); recorder.Code != want {
				t.Errorf("%s%s: %d, want %d", host, path, recorder.Code, want)
			}
		}
	}
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081/api/v1/nothing", nil)
	recorder := httptest.NewRecorder()
	if h.ServeHTTP(recorder, req); recorder.Code != http.StatusUnauthorized {
		t.Errorf("beside the console the API asks for a token: %d", recorder.Code)
	}
}

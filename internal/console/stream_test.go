package console

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/admin"
)

// events reads the names of a stream's events, over a real connection.
func (b *bench) events(t *testing.T, path string) (next func() string) {
	t.Helper()
	web := httptest.NewServer(b)
	client := web.Client()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
	req.Header.Set("Accept", "text/event-stream")
	req.AddCookie(&http.Cookie{Name: cookieName(req), Value: b.cookie.Value})
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); web.Close() })
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				return name
			}
		}
		return ""
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.status.Destinations = []admin.DestinationStatus{{Name: "production"}}
	next := b.events(t, "/overview/stream")
	if got := next(); got != "verdict" {
		t.Errorf("first %q", got)
	}
	b.sessions.end(b.sessions.only())
	got := next()
	for ; got != "over" && got != ""; got = next() { // what is on its way already
	}
	if got != "over" {
		t.Error("the page does not hear of it")
	}
}

func TestStreamEndsWhenTheServerStops(t *testing.T) {
	b := newBench(t).logIn(t)
	next := b.events(t, "/overview/stream")
	b.Close()
	for next() != "" { // until it ends
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s, one := newStreams(), &session{}
	for i := range maxSessionStreams {
		if !s.open(one) {
			t.Fatalf("stream %d is refused", i)
		}
	}
	if s.open(one) {
		t.Error("one session has too many")
	}
	for s.open(&session{}) { // each of somebody else
	}
	if s.all != maxStreams {
		t.Errorf("%d streams", s.all)
	}
	s.close(one)
	if !s.open(one) {
		t.Error("the place of one that has ended is not free")
	}
}

// TestEventsOfAStream: browsers drop an event without data, and take each line of it by itself.
func TestEventsOfAStream(t *testing.T) {
	for data, want := range map[string]string{
		"":             "event: name\ndata:\n\n",
		"one":          "event: name\ndata: one\n\n",
		"one\r\n\ntwo": "event: name\ndata: one\ndata: \ndata: two\n\n",
	} {
		w := httptest.NewRecorder()
		s := &Stream{visit: &visit{w: w}, control: http.NewResponseController(w), stop: func() {}}
		if err := s.Send("name", []byte(data)); err != nil || w.Body.String() != want {
			t.Errorf("%q becomes %q, %v", data, w.Body, err)
		}
	}
}

// TestStreamsSayThatTheyAreAlive waits on a stream on which nothing happens.
func TestStreamsSayThatTheyAreAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t).logIn(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8081/overview/stream", nil)
		req.AddCookie(b.cookie)
		w, ended := httptest.NewRecorder(), make(chan struct{})
		go func() { b.ServeHTTP(w, req); close(ended) }()
		time.Sleep(5*heartbeat + time.Second)
		stop()
		<-ended
		if alive := strings.Count(w.Body.String(), ": alive\n\n"); alive != 5 {
			t.Errorf("it said %d times that it is alive, want 5: %s", alive, w.Body)
		}
	})
}

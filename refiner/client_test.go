package refiner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tanker/refiner"
	"tanker/refiner/refinertest"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		o    refiner.Options
		want string
	}{
		{"no key", refiner.Options{}, "no API key"},
		{"line break in the key", refiner.Options{APIKey: "secret-secret-secret\n"}, "control character"},
		{"no scheme", refiner.Options{APIKey: key, Endpoint: "api.refiner.io"}, `"api.refiner.io" must start with https://`},
		{"other scheme", refiner.Options{APIKey: key, Endpoint: "ftp://api.refiner.io"}, "must start with https://"},
		{"no host", refiner.Options{APIKey: key, Endpoint: "https:///v1"}, "and a host"},
		{"query", refiner.Options{APIKey: key, Endpoint: "https://api.refiner.io?a=b"}, "must end with its path"},
		{"fragment", refiner.Options{APIKey: key, Endpoint: "https://api.refiner.io#a"}, "must end with its path"},
		{"password", refiner.Options{APIKey: key, Endpoint: "https://u:secret-pass@api.refiner.io"}, "must not hold a user name"},
		{"no URL", refiner.Options{APIKey: key, Endpoint: "https://u:secret-pass@api refiner"}, "not a URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := refiner.New(tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"":                           "https://api.refiner.io/v1/track",
		"https://api.refiner.io":     "https://api.refiner.io/v1/track",
		"https://api.refiner.io/":    "https://api.refiner.io/v1/track",
		"https://api.refiner.io/v1":  "https://api.refiner.io/v1/track",
		"https://api.refiner.io/v1/": "https://api.refiner.io/v1/track",
		"http://proxy:8090/refiner/": "http://proxy:8090/refiner/v1/track",
	} {
		var got string
		client := newClient(t, refiner.Options{Endpoint: endpoint, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got = r.URL.String()
			return nil, errors.New("enough seen")
		})})
		_, _ = client.Do(context.Background(), refiner.Request{Method: "POST", Path: "/v1/track"})
		if got != want {
			t.Errorf("endpoint %q calls %s, want %s", endpoint, got, want)
		}
	}
}

func TestDoSendsTheBodyUntouched(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	client := newClient(t, refiner.Options{Endpoint: server.URL, UserAgent: "someone/1"})
	body := `{ "id":"u1", "n":12345678901234567890, "f":1.0, "e":1e3, "z":"\u00e9<", "a":null }`
	if _, err := client.Do(context.Background(), refiner.Request{Method: "POST", Path: "/v1/identify-user", Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
	call := server.Calls()[0]
	if call.Raw != body {
		t.Errorf("sent %s", call.Raw)
	}
	want := map[string]string{"Accept": "application/json", "Content-Type": "application/json",
		"User-Agent": "someone/1", "Content-Length": fmt.Sprint(len(body))}
	if fmt.Sprint(call.Headers) != fmt.Sprint(want) {
		t.Errorf("headers are %v, want %v", call.Headers, want)
	}
}

// The transport may have to send a body again, when a kept connection turns out to be closed.
func TestBodyCanBeSentAgain(t *testing.T) {
	body := `{"id":"u1"}`
	client := newClient(t, refiner.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		for range 2 {
			if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != body {
				t.Errorf("sent %q, %v", sent, err)
			}
			var err error
			if r.Body, err = r.GetBody(); err != nil {
				t.Error(err)
			}
		}
		return nil, errors.New("enough seen")
	})})
	_, _ = client.Do(context.Background(), refiner.Request{Method: "POST", Path: "/v1/track", Body: []byte(body)})
}

func TestDoWithAQuery(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	client := newClient(t, refiner.Options{Endpoint: server.URL})
	_, err := client.Do(context.Background(), refiner.Request{Method: "GET", Path: "/v1/contact?email=a%2Bb%40example.com"})
	var e *refiner.Error
	if !errors.As(err, &e) || e.Status != 404 || e.Class != refiner.ClassEvent {
		t.Fatalf("got %v", err)
	}
	if call := server.Calls()[0]; call.Path != "/v1/contact" || call.Query != "email=a%2Bb%40example.com" {
		t.Errorf("called %s ? %s", call.Path, call.Query)
	}
	if strings.Contains(err.Error(), "example.com") {
		t.Errorf("the error tells who the user is: %v", err)
	}
}

func TestNoAnswerIsTemporary(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener.Close()
		client := newClient(t, refiner.Options{Endpoint: "http://" + listener.Addr().String()})
		_, err = client.Do(context.Background(), identify)
		if refiner.ClassOf(err) != refiner.ClassTemporary || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the connection is cut", func(t *testing.T) {
		server := refinertest.NewServer(t, refinertest.Options{})
		if err := server.SetFaults(refinertest.Fault{Drop: true}); err != nil {
			t.Fatal(err)
		}
		client := newClient(t, refiner.Options{Endpoint: server.URL})
		_, err := client.Do(context.Background(), identify)
		var e *refiner.Error
		if !errors.As(err, &e) || e.Class != refiner.ClassTemporary || e.Status != 0 || !strings.Contains(e.Message, "no answer") {
			t.Errorf("got %v", err)
		}
		if n := len(server.Calls()); n != 1 {
			t.Errorf("the call was made %d times", n)
		}
	})
}

// slow returns a client of a Refiner that needs a minute for each answer. To be used in a bubble.
func slow(t *testing.T, timeout time.Duration) *refiner.Client {
	sandbox := refinertest.New(refinertest.Options{})
	if err := sandbox.SetFaults(refinertest.Fault{Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
	return newClient(t, refiner.Options{Timeout: timeout, Transport: sandbox.Transport()})
}

func TestTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			_, err := slow(t, timeout).Do(context.Background(), identify)
			if took := time.Since(begin); took != want {
				t.Errorf("took %s, want %s", took, want)
			}
			if refiner.ClassOf(err) != refiner.ClassTemporary || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if text := "refiner: POST /v1/identify-user: no answer within " + want.String(); err.Error() != text {
				t.Errorf("text is %q", err)
			}
		})
	}
}

func TestTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := slow(t, 0).Do(ctx, identify)
		if refiner.ClassOf(err) != refiner.ClassTemporary || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheCallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(errors.New("stopping")) })
		_, err := slow(t, 0).Do(ctx, identify)
		if refiner.ClassOf(err) != refiner.ClassCanceled || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheCallerCancelsOverTCP(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	if err := server.SetFaults(refinertest.Fault{Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, refiner.Options{Endpoint: server.URL})
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := client.Do(ctx, identify)
		done <- err
	}()
	cancel(errors.New("stopping"))
	if err := <-done; refiner.ClassOf(err) != refiner.ClassCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBodyThatIsNoObject(t *testing.T) {
	_, client := newSandbox(t, refinertest.Options{})
	_, err := client.Do(context.Background(), refiner.Request{Method: "POST", Path: "/v1/track", Body: []byte(`[]`), Form: true})
	if refiner.ClassOf(err) != refiner.ClassEvent || !errors.Is(err, refiner.ErrNotObject) {
		t.Errorf("got %v", err)
	}
}

// Connections are expensive: whatever the answers are, calls one after the other need only one.
func TestConnectionIsReused(t *testing.T) {
	var connections atomic.Int64
	bodies := []string{``, `{"message":"ok"}`, `{"message":"` + strings.Repeat("x", 200<<10) + `"}`, `not json`}
	var calls atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := calls.Add(1)
		if n%2 == 0 {
			w.WriteHeader(503)
		}
		_, _ = w.Write([]byte(bodies[n%4]))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := newClient(t, refiner.Options{Endpoint: server.URL})
	for range 40 {
		_, _ = client.Do(context.Background(), identify)
	}
	if calls.Load() != 40 || connections.Load() != 1 {
		t.Errorf("%d calls over %d connections", calls.Load(), connections.Load())
	}
}

// Twelve callers share three connections, which stay open. The server answers only when three calls
// are there at a time, so that no caller finds a connection free by chance.
func TestMaxConns(t *testing.T) {
	var connections atomic.Int64
	arrived := make(chan chan struct{})
	go func() {
		for {
			var three [3]chan struct{}
			for i := range three {
				var more bool
				if three[i], more = <-arrived; !more {
					return
				}
			}
			for _, answer := range three {
				close(answer)
			}
		}
	}()
	defer close(arrived)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		answer := make(chan struct{})
		arrived <- answer
		<-answer
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := newClient(t, refiner.Options{Endpoint: server.URL, MaxConns: 3})
	for range 5 {
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if _, err := client.Do(context.Background(), identify); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if n := connections.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/v1/", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	server := httptest.NewServer(mux)
	defer server.Close()
	_, err := newClient(t, refiner.Options{Endpoint: server.URL}).Do(context.Background(), identify)
	if refiner.ClassOf(err) != refiner.ClassUnexpected || elsewhere.Load() != 0 {
		t.Errorf("got %v, followed %d times", err, elsewhere.Load())
	}
}

func TestConcurrentCalls(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	client := newClient(t, refiner.Options{Endpoint: server.URL})
	var wg sync.WaitGroup
	for user := range 16 {
		wg.Go(func() {
			for i := range 25 {
				event := refiner.Event{ID: fmt.Sprint("u", user), Name: fmt.Sprint("e", i)}
				if err := client.Track(context.Background(), event); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for user := range 16 {
		contact, _ := server.Contact(fmt.Sprint("u", user), "")
		names := contact.EventNames()
		for i := range 25 {
			if len(names) != 25 || names[i] != fmt.Sprint("e", i) {
				t.Fatalf("user %d has the events %v", user, names)
			}
		}
	}
}

package refinertest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tanker/refiner/refinertest"
)

func timeout(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 10*time.Second)
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	if err := s.SetFaults(refinertest.Fault{Path: "/v1/account", Times: 1, Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	url := "http://" + listener.Addr().String()
	resp, err := client.Get(url + "/v1/?api_key=" + key)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	same(t, welcome, string(body))

	// A call that waits for the end of a delay does not hold up the end.
	delayed := make(chan struct{})
	go func() {
		defer close(delayed)
		if resp, err := client.Get(url + "/v1/account?api_key=" + key); err == nil {
			resp.Body.Close()
			t.Errorf("got %d", resp.StatusCode)
		}
	}()
	for get(t, s, "/_sandbox/faults").body != "[]" { // until the call has met its fault
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	<-delayed
}

func TestServeTellsWhyItFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := refinertest.New(refinertest.Options{}).Serve(t.Context(), listener); err == nil {
		t.Error("served on a closed listener")
	}
}

func TestConcurrentCalls(t *testing.T) {
	s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: 1 << 20, UserPerMinute: 1 << 20}})
	const workers, rounds = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				post(t, s, "/v1/identify-user", fmt.Sprintf(`{"id":"u%d","email":"shared-%d@x","n":%d,"account":{"id":"a","by":%d}}`, w, i%3, i, w))
				post(t, s, "/v1/track-event", fmt.Sprintf(`{"id":"u%d","event":"e%d"}`, w, i))
				get(t, s, "/v1/contacts")
				if i%10 == 0 {
					get(t, s, fmt.Sprint("/_sandbox/calls?after=", 20*i))
					put(t, s, "/_sandbox/faults", `[{"user":"nobody","drop":true}]`)
					s.SetLimits(refinertest.Limits{KeyPerMinute: 1 << 20})
				}
			}
		})
	}
	wg.Wait()
	same(t, refinertest.Stats{Calls: 3 * workers * rounds, Status: s.Stats().Status}, s.Stats())
	emails := map[string]bool{}
	for _, c := range s.Contacts() {
		if c.ID() == "" {
			t.Errorf("a contact without id: %+v", c)
		}
		if c.Email != nil && emails[*c.Email] {
			t.Errorf("%s is at two contacts", *c.Email)
		}
		if c.Email != nil {
			emails[*c.Email] = true
		}
		if len(c.Events) != rounds || c.Events[0].Name != "e0" || c.Events[rounds-1].Name != fmt.Sprint("e", rounds-1) {
			t.Errorf("%s has the events %v", c.ID(), c.EventNames())
		}
	}
	same(t, workers, len(s.Contacts()))
}

func TestNewServer(t *testing.T) {
	server := refinertest.NewServer(t, refinertest.Options{})
	resp, err := http.Post(server.URL+"/v1/track?api_key="+key, "application/json", strings.NewReader(`{"id":"u","event":"e"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	same(t, 200, resp.StatusCode)
	contact, _ := server.Contact("u", "")
	same(t, []string{"e"}, contact.EventNames())
}

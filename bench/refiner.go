package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// refiner stands in for Refiner as cheaply as can be: it answers at once, or after a delay, and counts.
type refiner struct {
	url   string
	delay time.Duration
	calls atomic.Int64

	mu      sync.Mutex
	arrived map[string]time.Time // by body, the first time; nil: not noted

	server *http.Server
	failed chan error
}

func startRefiner() (*refiner, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &refiner{url: "http://" + listener.Addr().String(), failed: make(chan error, 1)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { r.failed <- r.server.Serve(listener) }()
	return r, nil
}

func (r *refiner) stop(ctx context.Context) error {
	err := r.server.Shutdown(ctx)
	if served := <-r.failed; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}

var okAnswer = []byte(`{"message":"ok"}`)

// ServeHTTP answers a call.
func (r *refiner) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	if r.delay > 0 {
		time.Sleep(r.delay) // this is the slow answer that is asked for
	}
	r.calls.Add(1)
	r.note(body, now)
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(okAnswer) // a caller that is gone counts as called
}

// noteArrivals begins to note when calls come.
func (r *refiner) noteArrivals() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrived = map[string]time.Time{}
}

// note writes down when a call came.
func (r *refiner) note(body []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived == nil {
		return
	}
	if _, again := r.arrived[string(body)]; !again {
		r.arrived[string(body)] = at
	}
}

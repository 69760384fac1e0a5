package main

import (
	"bytes"
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
	arrived map[string]time.Time // by user; nil: not noted

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

// note writes down when the call of a user came.
func (r *refiner) note(body []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived == nil {
		return
	}
	if _, rest, ok := bytes.Cut(body, []byte(`"id":"`)); ok {
		user, _, _ := bytes.Cut(rest, []byte(`"`))
		r.arrived[string(user)] = at
	}
}

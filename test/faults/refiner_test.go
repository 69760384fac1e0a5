package faults

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

// refiner is a sandbox in bad weather. It can be gone altogether.
type refiner struct {
	sandbox *refinertest.Sandbox
	address string

	calls  atomic.Int64 // that came in
	events atomic.Int64 // that arrived with them, repeats included
	hidden atomic.Int64 // that had their effect, and the answer says otherwise
	late   atomic.Int64 // that had their effect and were answered when the caller had gone

	mu      sync.Mutex
	server  *http.Server // nil while it is gone
	weather weather
	arrived map[string][][]int // by user: the events of each call that had its effect, in order
	strange []string           // calls that are none of the traffic's
	times   []time.Time        // when each of them came, in order
}

// weather is what befalls a call. have lets the call have its effect and returns its answer.
type weather func(w http.ResponseWriter, r *http.Request, have func() answer)

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func fair(w http.ResponseWriter, _ *http.Request, have func() answer) { have().write(w) }

func newRefiner(t *testing.T) *refiner {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &refiner{
		sandbox: refinertest.New(refinertest.Options{APIKeys: []string{tankertest.APIKey}, MaxCalls: -1}),
		address: listener.Addr().String(), weather: fair, arrived: map[string][][]int{},
	}
	f.serve(listener)
	t.Cleanup(f.goAway)
	return f
}

func (f *refiner) url() string { return "http://" + f.address }

func (f *refiner) serve(listener net.Listener) {
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until goAway
	f.mu.Lock()
	f.server = server
	f.mu.Unlock()
}

// goAway closes the port and all connections.
func (f *refiner) goAway() {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// comeBack opens the port again.
func (f *refiner) comeBack(t *testing.T) {
	t.Helper()
	err := tankertest.Await(t.Context(), func() (bool, error) {
		listener, err := net.Listen("tcp", f.address)
		if err != nil {
			return false, nil // the kernel holds it for a moment
		}
		f.serve(listener)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// becomes changes the weather.
func (f *refiner) becomes(w weather) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.weather = w
}

func (f *refiner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller was killed
	}
	f.calls.Add(1)
	f.mu.Lock()
	weather := f.weather
	f.mu.Unlock()
	seen := &witness{ResponseWriter: w}
	had := false
	defer func() {
		switch {
		case had && !seen.success:
			f.hidden.Add(1)
		case had && r.Context().Err() != nil:
			f.late.Add(1)
		}
	}()
	r.Body = io.NopCloser(bytes.NewReader(body)) // for weather that befalls some
	weather(seen, r, func() answer {
		a := f.effect(r, body)
		had = a.status < 300 && r.Method == http.MethodPost
		return a
	})
}

// effect is what the call does in the sandbox. The order of a user's effects is the order of what arrived.
func (f *refiner) effect(r *http.Request, body []byte) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	f.sandbox.ServeHTTP(rec, in)
	if rec.Code < 300 && r.Method == http.MethodPost {
		id, events, err := numbers(body)
		if err != nil {
			f.strange = append(f.strange, err.Error())
		}
		f.arrived[id] = append(f.arrived[id], events)
		f.events.Add(int64(len(events)))
		f.times = append(f.times, time.Now())
	}
	return answer{rec.Code, rec.Header(), rec.Body.Bytes()}
}

// numbers says which of a user's events a call carries.
func numbers(body []byte) (id string, events []int, err error) {
	var call map[string]any
	if err := json.Unmarshal(body, &call); err != nil {
		return "", nil, err
	}
	id, _ = call["id"].(string)
	traits := maps.Clone(call)
	if account, ok := call["account"].(map[string]any); ok {
		maps.Copy(traits, account)
	}
	names := slices.Collect(maps.Keys(traits))
	if event, ok := call["event"].(string); ok {
		event = strings.TrimPrefix(event, "Viewed ")
		names = []string{"n_" + strings.TrimPrefix(strings.TrimSuffix(event, " Page"), "e-")}
	}
	for _, name := range names {
		if text, ok := strings.CutPrefix(name, "n_"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				return id, events, err
			}
			events = append(events, n)
		}
	}
	if len(events) == 0 {
		return id, nil, errors.New("a call without an event: " + string(body[:min(len(body), 300)]))
	}
	slices.Sort(events)
	return id, events, nil
}

// between is how many calls had their effect between two moments.
func (f *refiner) between(from, to time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at(to) - f.at(from)
}

// firstAfter is when the first call after a moment had its effect; zero if none had.
func (f *refiner) firstAfter(moment time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.at(moment); i < len(f.times) {
		return f.times[i]
	}
	return time.Time{}
}

// at is how many calls had had their effect before a moment. f.mu is held.
func (f *refiner) at(moment time.Time) int {
	i, _ := slices.BinarySearchFunc(f.times, moment, time.Time.Compare)
	return i
}

// witness notes whether the caller was answered with success.
type witness struct {
	http.ResponseWriter

	status  int
	success bool
}

func (w *witness) WriteHeader(status int) {
	w.status = cmp.Or(w.status, status)
	w.success = w.status < 300
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets answers be sent in parts.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

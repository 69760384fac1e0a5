package trials

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

// Refiner is a sandbox in bad weather. It can be gone altogether.
type Refiner struct {
	// Sandbox is behind it.
	Sandbox *refinertest.Sandbox

	address string

	// Calls are those that came in, Events what arrived with them, repeats included.
	Calls, Events atomic.Int64
	// Hidden are calls that had their effect, and the answer says otherwise. Late are those that had their effect and were
	// answered when the caller had gone.
	Hidden, Late atomic.Int64

	mu      sync.Mutex
	server  *http.Server // nil while it is gone
	weather Weather
	arrived map[string][][]int // by user: the events of each call that had its effect, in order
	came    []time.Time        // when calls came in
	strange []string           // calls that are none of the traffic's
	times   []time.Time        // when each of them came, in order
}

// Weather is what befalls a call. have lets the call have its effect and returns its answer.
type Weather func(w http.ResponseWriter, r *http.Request, have func() Answer)

// Answer is what a call is answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Write answers.
func (a Answer) Write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// Fair is a Refiner as it should be.
func Fair(w http.ResponseWriter, _ *http.Request, have func() Answer) { have().Write(w) }

// NewRefiner starts one that ends with the test.
func NewRefiner(t testing.TB) *Refiner {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Refiner{
		Sandbox: refinertest.New(refinertest.Options{APIKeys: []string{tankertest.APIKey}, MaxCalls: -1}),
		address: listener.Addr().String(), weather: Fair, arrived: map[string][][]int{},
	}
	f.serve(listener)
	t.Cleanup(f.GoAway)
	return f
}

// URL is where it is.
func (f *Refiner) URL() string { return "http://" + f.address }

func (f *Refiner) serve(listener net.Listener) {
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // until GoAway
	f.mu.Lock()
	f.server = server
	f.mu.Unlock()
}

// GoAway closes the port and all connections.
func (f *Refiner) GoAway() {
	f.mu.Lock()
	server := f.server
	f.server = nil
	f.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// ComeBack opens the port again.
func (f *Refiner) ComeBack(t testing.TB) {
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

// Become changes the weather.
func (f *Refiner) Become(w Weather) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.weather = w
}

// ServeHTTP answers a call as the weather has it.
func (f *Refiner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller was killed
	}
	f.Calls.Add(1)
	f.mu.Lock()
	f.came = append(f.came, time.Now())
	weather := f.weather
	f.mu.Unlock()
	seen := &witness{ResponseWriter: w}
	had := false
	defer func() {
		switch {
		case had && !seen.success:
			f.Hidden.Add(1)
		case had && r.Context().Err() != nil:
			f.Late.Add(1)
		}
	}()
	r.Body = io.NopCloser(bytes.NewReader(body)) // for weather that befalls some
	weather(seen, r, func() Answer {
		a := f.effect(r, body)
		had = a.Status < 300 && r.Method == http.MethodPost
		return a
	})
}

// effect is what the call does in the sandbox. The order of a user's effects is the order of what arrived.
func (f *Refiner) effect(r *http.Request, body []byte) Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	rec := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.Body = io.NopCloser(bytes.NewReader(body))
	f.Sandbox.ServeHTTP(rec, in)
	if rec.Code < 300 && r.Method == http.MethodPost {
		id, events, err := numbers(body)
		if err != nil {
			f.strange = append(f.strange, err.Error())
		}
		f.arrived[id] = append(f.arrived[id], events)
		f.Events.Add(int64(len(events)))
		f.times = append(f.times, time.Now())
	}
	return Answer{Status: rec.Code, Header: rec.Header(), Body: rec.Body.Bytes()}
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

// Between is how many calls had their effect between two moments.
func (f *Refiner) Between(from, to time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at(to) - f.at(from)
}

// FirstAfter is when the first call after a moment had its effect; zero if none had.
func (f *Refiner) FirstAfter(moment time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := f.at(moment); i < len(f.times) {
		return f.times[i]
	}
	return time.Time{}
}

// at is how many calls had had their effect before a moment. f.mu is held.
func (f *Refiner) at(moment time.Time) int {
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

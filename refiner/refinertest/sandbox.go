// Package refinertest is a stand-in for Refiner's REST API: contacts and accounts are really stored,
// both rate limits are enforced, keys are refused the three ways in which Refiner refuses them, and
// faults happen on command. Every call that comes in is recorded.
//
// A [Sandbox] is an http.Handler. Beside the API under /v1/ it answers under /_sandbox/, where calls
// are read and faults, limits and keys are set; the methods of Sandbox do the same for Go. Where no
// source says how Refiner behaves, the comments say "assumed".
package refinertest

import (
	"net/http"
	"strings"
	"time"
)

// Options says how a sandbox behaves. The zero value accepts every well-formed key, has no rate
// limits and records every call.
type Options struct {
	// APIKeys are the keys that are accepted. If there are none, every key is that has at least 16
	// characters, all of them letters, digits or one of -._~+/=.
	APIKeys []string

	// Limits are the rate limits. Refiner's own are RefinerLimits. The zero value is none.
	Limits Limits

	// ProjectName is the name that GET /v1/ answers. Defaults to "Sandbox".
	ProjectName string

	// MaxBody is the largest body that is read, in bytes; a larger one is answered with 413. Defaults
	// to 8 MiB.
	MaxBody int64

	// MaxCalls is how many calls are kept; older ones are dropped. Defaults to 1,000,000. Negative:
	// calls are counted but not kept.
	MaxCalls int

	// MaxCallBytes bounds the memory of the calls that are kept, in bytes. Defaults to 512 MiB.
	MaxCallBytes int64

	// MaxContacts is how many contacts are stored; a call that would create one more is answered with
	// 507. Defaults to 1,000,000.
	MaxContacts int

	// MaxEvents is how many events are kept for each contact, the latest. All are counted. Defaults to
	// 1,000.
	MaxEvents int

	// CountOnly answers every call under /v1/ with success at once: the key in the header is checked,
	// the key's limit and faults without a user are obeyed, the call is counted, and that is all. For
	// benchmarks.
	CountOnly bool
}

func (o Options) withDefaults() Options {
	if o.ProjectName == "" {
		o.ProjectName = "Sandbox"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 8 << 20
	}
	if o.MaxCalls == 0 {
		o.MaxCalls = 1_000_000
	}
	if o.MaxCallBytes <= 0 {
		o.MaxCallBytes = 512 << 20
	}
	if o.MaxContacts <= 0 {
		o.MaxContacts = 1_000_000
	}
	if o.MaxEvents <= 0 {
		o.MaxEvents = 1_000
	}
	return o
}

// Sandbox is a stand-in for Refiner. It is safe for concurrent use.
type Sandbox struct {
	options Options
	keys    keyring
	limiter limiter
	faults  faults
	store   *store
	log     callLog
	routes  map[string]route
	control http.Handler
}

// New returns an empty sandbox.
func New(options Options) *Sandbox {
	o := options.withDefaults()
	s := &Sandbox{
		options: o,
		store:   newStore(o),
		log:     callLog{maxCalls: o.MaxCalls, maxBytes: o.MaxCallBytes},
	}
	s.keys.set(len(o.APIKeys) == 0, o.APIKeys)
	s.limiter.set(o.Limits)
	s.routes = s.api()
	s.control = s.controls()
	return s
}

// ServeHTTP answers one call.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sandbox/") {
		s.control.ServeHTTP(w, r)
		return
	}
	c := receive(r, s.options)
	a := s.answer(r, c)
	// Whoever has seen the answer finds the call recorded.
	s.log.add(c, a.status)
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// answer decides in Refiner's place: the fault that is set, the key, the limits, the call itself.
func (s *Sandbox) answer(r *http.Request, c *call) answer {
	f, faulty := s.faults.match(c)
	if !faulty {
		return s.process(c)
	}
	c.fault = true
	var a answer
	if f.Apply {
		a = s.process(c)
	}
	if f.Delay > 0 && !pause(r, f.Delay) {
		return answer{drop: true}
	}
	if !f.Apply && !f.hides() {
		a = s.process(c)
	}
	return f.answer(a)
}

// pause waits, and reports whether the caller was still there at the end.
func pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Sandbox) process(c *call) answer {
	if refused, ok := s.keys.check(c.key); !ok {
		return refused
	}
	if wait, which := s.limiter.take(c.key, c.user()); which != "" {
		c.limit = which
		return tooOften(wait)
	}
	if s.options.CountOnly {
		return accepted
	}
	if c.problem != nil {
		return *c.problem
	}
	methods, ok := s.routes[c.path]
	if !ok {
		return failure(http.StatusNotFound, "The route "+c.path+" could not be found.")
	}
	handle, ok := methods[c.method]
	if !ok {
		return failure(http.StatusMethodNotAllowed, "The method "+c.method+" is not supported for this route.")
	}
	return handle(c)
}

// SetKeys makes these keys the only ones that are accepted. Without any, every key is refused as
// unknown.
func (s *Sandbox) SetKeys(keys ...string) { s.keys.set(false, keys) }

// AcceptAnyKey accepts every well-formed key.
func (s *Sandbox) AcceptAnyKey() { s.keys.set(true, nil) }

// SetLimits changes the rate limits. Calls that were made before still count.
func (s *Sandbox) SetLimits(l Limits) { s.limiter.set(l) }

// SetFaults replaces the faults. Their durations begin now.
func (s *Sandbox) SetFaults(list ...Fault) error { return s.faults.set(list) }

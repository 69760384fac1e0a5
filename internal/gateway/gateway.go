// Package gateway is the HTTP API that RudderStack's SDKs send their events to.
//
// It authenticates the source, reads the body within limits, checks each event as RudderStack's gateway does,
// hands the events to the journal and answers 200 once the journal has them on disk. Paths, answers
// and error texts are RudderStack's, so that SDKs need no change but the address. It knows nothing of
// destinations, of mapping or of how the journal stores.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tanker/event"
	"tanker/internal/journal"
)

// Appender stores events. All entries of a call are of one source. It returns nil once they are durable, and only
// then the request is answered with 200. An error that is context.DeadlineExceeded is answered with 504,
// any other with 503.
//
// The bodies of the entries lie in memory that is used again once Append has returned nil: Append must not
// keep the entries or their bodies. Their strings may be kept. After an error nothing is used again.
type Appender interface {
	Append(ctx context.Context, entries []journal.Entry) error
}

// Options configure a Gateway. A zero field means its default; Journal is required.
type Options struct {
	// Journal stores the accepted events.
	Journal Appender
	// MaxBody is the largest body of a request in bytes, compressed and decompressed. Default 4,096,000. A single event
	// may have 6 MiB even if this is larger.
	MaxBody int
	// MaxMemory bounds the bytes that all requests in flight take together, half of it for their bodies, half for
	// parsing them. A request that finds no room waits up to a second and is answered with 503 then.
	// Default 256 MiB. It is raised if the largest request would find no room, which with the defaults of the other
	// options takes 94 MiB.
	MaxMemory int
	// MaxInFlight bounds the requests in flight; more are answered with 503. Default 50,000.
	MaxInFlight int
	// AppendTimeout is how long the journal may take to store a request's events; longer is answered with 504.
	// Default 10 s.
	AppendTimeout time.Duration
	// Limits bound a single event and the events of a batch. Defaults: MaxBody for MaxBytes, 20,000 for MaxEvents,
	// for the others what package event says.
	Limits event.Limits
	// Suppresses says whose events are not kept: they are answered 200, and dropped. Default: nobody's are dropped.
	Suppresses func(*event.Event) bool
	// Health says why the journal cannot be reached, nil if it can. /health shows whether, not why. Default: always nil.
	Health func() error
	// Ready says why events cannot be accepted now, nil if they can. /ready shows its text to anybody who asks.
	// Default: always nil.
	Ready func() error
	// Version is shown by /version.
	Version Version
	// Logger gets a line for each request to an event endpoint, at debug; at warn, but only now and then, if the
	// service could not take the events. Default: no log.
	Logger *slog.Logger
	// Metrics counts requests. Default: none.
	Metrics Metrics
}

// budgetWait is how long a request waits for memory.
const budgetWait = time.Second

func (o Options) withDefaults() Options {
	setDefault(&o.MaxBody, 4000<<10)
	setDefault(&o.MaxMemory, 256<<20)
	setDefault(&o.MaxInFlight, 50_000)
	setDefault(&o.AppendTimeout, 10*time.Second)
	setDefault(&o.Limits.MaxBytes, o.MaxBody)
	setDefault(&o.Limits.MaxEvents, 20_000)
	o.MaxMemory = max(o.MaxMemory, o.leastMemory())
	setDefault(&o.Logger, slog.New(slog.DiscardHandler))
	if o.Suppresses == nil {
		o.Suppresses = func(*event.Event) bool { return false }
	}
	if o.Health == nil {
		o.Health = func() error { return nil }
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	return o
}

// leastMemory is what the largest request needs, twice since each half has to suffice. While a body is read it may
// take a buffer and the next larger one.
func (o Options) leastMemory() int {
	entries := min(o.Limits.MaxEvents, o.MaxBody/len("{},")) * entryMemory
	return 2 * max((parseMemory+2)*o.MaxBody, 2*o.MaxBody+gunzipMemory+entries)
}

// Gateway is an http.Handler. It accepts no event before SetSources was called.
type Gateway struct {
	options  Options
	routes   map[string]route
	sources  atomic.Pointer[sources]
	memory   *budget // for what a request holds until it is answered
	parsing  *budget // for what parsing needs meanwhile; apart, so that requests which hold a body never wait for each other's
	bodies   bodyReader
	inFlight atomic.Int64
	parcels  sync.Pool    // of *parcel
	warned   atomic.Int64 // when the last warning was logged, nanoseconds since 1970
}

// New makes a gateway.
func New(options Options) *Gateway {
	o := options.withDefaults()
	g := &Gateway{
		options: o,
		memory:  newBudget(o.MaxMemory-o.MaxMemory/2, budgetWait),
		parsing: newBudget(o.MaxMemory/2, budgetWait),
		bodies:  bodyReader{limit: o.MaxBody, buffers: newBuffers(o.MaxBody)},
	}
	g.routes = g.newRoutes()
	return g
}

// route is what a path answers to.
type route struct {
	method string // the only one; HEAD is not GET here
	serve  http.HandlerFunc
}

func (g *Gateway) newRoutes() map[string]route {
	routes := map[string]route{
		"/":           {http.MethodGet, g.serveHealth},
		"/health":     {http.MethodGet, g.serveHealth},
		"/ready":      {http.MethodGet, g.serveReady},
		"/version":    {http.MethodGet, g.serveVersion},
		"/robots.txt": {http.MethodGet, g.serveRobots},
		"/v1/batch":   {http.MethodPost, g.serveEvents(headerKey, unpackBatch)},
		"/v1/import":  {http.MethodPost, g.serveEvents(headerKey, unpackImport)},
		// A page that is being left cannot set headers: the browser's beacon brings the key in the URL.
		"/beacon/v1/batch": {http.MethodPost, g.serveEvents(queryKey, unpackBatch)},
		"/pixel/v1/track":  {http.MethodGet, g.servePixel("track")},
		"/pixel/v1/page":   {http.MethodGet, g.servePixel("page")},
	}
	for _, kind := range []string{"identify", "track", "page", "screen", "group", "alias", "merge"} {
		routes["/v1/"+kind] = route{http.MethodPost, g.serveEvents(headerKey, unpackSingle(kind))}
	}
	for _, path := range []string{"/sourceConfig", "/sourceConfig/"} {
		routes[path] = route{http.MethodGet, g.serveSourceConfig}
	}
	return routes
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if allowOrigin(w.Header(), r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	defer g.surviveCrash(w, r)
	defer g.inFlight.Add(-1)
	if g.inFlight.Add(1) > int64(g.options.MaxInFlight) {
		g.options.Metrics.Refused("", tooManyRequests.reason, tooManyRequests.status)
		writeRefusal(w, tooManyRequests)
		return
	}
	g.route(w, r)
}

func (g *Gateway) route(w http.ResponseWriter, r *http.Request) {
	found, ok := g.routes[r.URL.Path]
	switch {
	case !ok && g.sources.Load() == nil:
		writeRefusal(w, unavailable) // SDKs read more into a 404 than that a page was not found
	case !ok:
		http.NotFound(w, r)
	case r.Method != found.method && (r.Method != http.MethodHead || !strings.HasPrefix(r.URL.Path, "/sourceConfig")):
		w.Header().Set("Allow", found.method)
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		found.serve(w, r)
	}
}

// surviveCrash turns a panic into a 500 and a line in the log. The body is not logged: it is the user's.
func (g *Gateway) surviveCrash(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	g.options.Logger.Error("request crashed", "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		g.options.Metrics.Refused("", crashed.reason, crashed.status)
	}
	writeRefusal(w, crashed)
}

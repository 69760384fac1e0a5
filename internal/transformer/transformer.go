// Package transformer is RudderStack's transformer for the destination type refiner: the HTTP API that rudder-server
// turns events into requests with. Paths, answers and error texts are rudder-transformer's, so that rudder-server
// needs no change but the address.
//
// It knows of events and of the mapping, and nothing of journals, limits or delivery: rudder-server does all that. No
// bytes but those of the mapping are made anew: what is echoed is copied as it came.
package transformer

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"

	"tanker/event"
	"tanker/mapping"
)

// Options configure a Handler. A zero field means its default.
type Options struct {
	// Profile is whose rules events are mapped by. Default mapping.Upstream: rudder-server sees no change. With
	// mapping.Documented contacts are right, and the fields of a form are texts, nested values under names with
	// brackets: rudder-server's own delivery garbles everything else.
	Profile mapping.Profile
	// Endpoint is where Refiner's API is. Default https://api.refiner.io.
	Endpoint string
	// Upstream is the transformer that gets every request that is not for Refiner: for other destinations, sources, the
	// users' own transformations. Default: none, and such requests are answered with 404.
	Upstream *url.URL
	// MaxBody is the largest body of a request in bytes; a larger one is answered with 413. Default 200 MiB.
	MaxBody int
	// MaxMemory bounds the bytes that all requests under way take together, their answers and parsing included; beyond
	// it a request is answered with 503, on which rudder-server tries again. A single request may exceed it.
	// Default 256 MiB.
	MaxMemory int
	// Version and Commit are shown by /health and the routes for versions.
	Version, Commit string
	// Logger gets a line for what an operator should know. Default: no log.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.Profile, mapping.Upstream)
	setDefault(&o.Endpoint, "https://api.refiner.io")
	setDefault(&o.MaxBody, 200<<20)
	setDefault(&o.MaxMemory, 256<<20)
	setDefault(&o.Logger, slog.New(slog.DiscardHandler))
	o.Endpoint = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(o.Endpoint, "/"), "/v1"), "/")
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Bounds of what stands in one item of a request: rudder-server has taken the event already, so they are wide.
const (
	maxDepth = 512
	maxKeys  = 1_000_000
)

// Handler is an http.Handler.
type Handler struct {
	options   Options
	limits    event.Limits
	memory    memory
	plans     plans
	nothing   *event.Event // the message of an item that has none
	exchanges sync.Pool    // of *exchange
	deliverer *http.Client // for the routes that deliver
	upstream  *upstream    // nil: none
}

// New makes a Handler. The only error is an unknown profile.
func New(options Options) (*Handler, error) {
	o := options.withDefaults()
	if _, err := mapping.New(mapping.Settings{Profile: o.Profile}); err != nil {
		return nil, err
	}
	nothing, err := event.Parse([]byte(`{}`), event.Limits{})
	if err != nil {
		return nil, err
	}
	h := &Handler{
		options: o,
		limits:  event.Limits{MaxBytes: o.MaxBody, MaxDepth: maxDepth, MaxKeys: maxKeys},
		memory:  memory{most: int64(o.MaxMemory)},
		plans:   plans{endpoint: o.Endpoint, profile: o.Profile},
		nothing: nothing, deliverer: newDeliverer(),
	}
	if o.Upstream != nil {
		h.upstream = newUpstream(o.Upstream, o.Logger)
	}
	return h, nil
}

// Close gives up the connections that wait for the next request. Serve does so when it ends.
func (h *Handler) Close() {
	h.deliverer.CloseIdleConnections()
	if h.upstream != nil {
		h.upstream.transport.CloseIdleConnections()
	}
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.surviveCrash(w, r)
	path := strings.Trim(r.URL.Path, "/")
	switch r.Method {
	case http.MethodPost:
		h.post(w, r, path)
	case http.MethodGet, http.MethodHead:
		h.get(w, r, path)
	default:
		h.elsewhere(w, r, notFound)
	}
}

func (h *Handler) post(w http.ResponseWriter, r *http.Request, path string) {
	switch path {
	case "routerTransform":
		h.exchange(w, r, h.router)
		return
	case "batch":
		h.exchange(w, r, h.batch)
		return
	}
	version, name, action := destinationRoute(path)
	route := h.routeOf(version, name, action)
	switch {
	case route == nil:
		h.elsewhere(w, r, notFound)
	case !isRefiner(name):
		h.elsewhere(w, r, func(w http.ResponseWriter) { unknownDestination(w, name) })
	default:
		h.exchange(w, r, route)
	}
}

// destinationRoute takes a path like v0/destinations/refiner/proxy apart; it is all empty if it is none.
func destinationRoute(path string) (version, name, action string) {
	parts := strings.Split(path, "/")
	if len(parts) < 3 || len(parts) > 4 || parts[1] != "destinations" {
		return "", "", ""
	}
	return parts[0], parts[2], strings.Join(parts[3:], "")
}

func (h *Handler) routeOf(version, name, action string) func(http.ResponseWriter, *exchange) *failure {
	switch version + " " + action {
	case "v0 ":
		return h.processor
	case "v0 proxy":
		return h.proxyV0(name)
	case "v1 proxy":
		return h.proxyV1(name)
	}
	return nil
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, path string) {
	switch path {
	case "health":
		h.serveHealth(w)
	case "features":
		h.serveFeatures(w, r)
	case "version", "buildVersion", "transformerBuildVersion":
		h.serveVersion(w)
	default:
		h.elsewhere(w, r, notFound)
	}
}

// isRefiner reports whether a destination type is the one that is served here.
func isRefiner(name string) bool { return strings.EqualFold(strings.TrimSpace(name), "refiner") }

// surviveCrash turns a panic into a 500 and a line in the log. The body is not logged: it is the user's.
func (h *Handler) surviveCrash(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	h.options.Logger.Error("request crashed", "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	internalError("the transformer crashed: its log says where").write(w)
}

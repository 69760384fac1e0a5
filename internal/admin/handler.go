// Package admin is the HTTP API for operators, and the client of it that the command line uses.
//
// Metrics, health and readiness are open; everything else asks for a token. Pages for people stand beside it. It shows and changes what the
// parts of a server offer it, and decides nothing itself.
package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// Backend is the running server as the admin API sees it.
type Backend interface {
	// Status says how everything stands.
	Status(ctx context.Context) (Status, error)
	// DeadLetters lists dead letters.
	DeadLetters(ctx context.Context, filter dead.Filter) (journal.DeadPage, error)
	// GroupDead says what dead letters died of.
	GroupDead(ctx context.Context, filter dead.Filter, progress func(dead.Groups) error) (dead.Groups, error)
	// TreatDead sends many again, or discards them.
	TreatDead(ctx context.Context, op dead.Operation, o dead.Observer) (dead.Result, error)
	// DeadLetter reads one. Errors of this and the next three: journal.ErrNotFound.
	DeadLetter(ctx context.Context, destination string, at journal.Position) (journal.DeadLetter, error)
	// PreviewDead says what would be sent if one were sent again; corrected, if there is any, in the place of its event.
	PreviewDead(ctx context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error)
	// ReplayDead sends one again. Errors beside those: history.ErrEvent.
	ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error
	// DiscardDead deletes one.
	DiscardDead(ctx context.Context, destination string, at journal.Position) error
	// Trace finds events in the log, and what happened to them, and hands them to emit.
	Trace(ctx context.Context, o history.TraceOptions, emit func(history.Traced) error) (history.TraceEnd, error)
	// Pause has nothing sent to a destination until Resume, also after a restart. Both may be repeated, and both
	// return journal.ErrNotFound if there is no such destination.
	Pause(ctx context.Context, destination string) error
	// Resume ends a pause.
	Resume(ctx context.Context, destination string) error
	// Replays are the jobs that send past events again.
	Replays() Replays
	// Erasures are the jobs that erase users.
	Erasures() Erasures
}

// Options configure a Handler.
type Options struct {
	// Access decides who may come in. Required.
	Access *Access
	// URL is where the console is, for login links.
	URL string
	// Console answers what is not the API's: the pages for operators, which ask for a login of their own. Default: there
	// are none.
	Console http.Handler
	// Local says that the API listens on a loopback address. Requests that name another host are refused
	// then: a page in the operator's browser could otherwise reach it by a name of its own.
	Local bool
	// Metrics answers scrapes. Required.
	Metrics http.Handler
	// Logger gets a line for each change. Default: no log.
	Logger *slog.Logger
}

// Handler answers the admin API. Until it has a backend it says that the server is starting.
type Handler struct {
	options Options
	mux     *http.ServeMux
	backend atomic.Pointer[Backend]
	ready   atomic.Pointer[func() error]
	scans   chan struct{} // holds one for each search that runs
	served  []string      // patterns of the routes
}

// NewHandler makes the admin API.
func NewHandler(o Options) *Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{options: o, mux: http.NewServeMux(), scans: make(chan struct{}, maxScans)}
	h.SetReady(func() error { return errStarting })
	h.routes()
	return h
}

// SetBackend says what the API shows; nil means nothing for now.
func (h *Handler) SetBackend(b Backend) {
	if b == nil {
		h.backend.Store(nil)
		return
	}
	h.backend.Store(&b)
}

// SetReady says how /ready finds out why events cannot be accepted.
func (h *Handler) SetReady(ready func() error) { h.ready.Store(&ready) }

var errStarting = errors.New("starting or stopping")

func (h *Handler) routes() {
	h.route("GET /metrics", h.options.Metrics)
	h.route("GET /health", http.HandlerFunc(h.health))
	h.route("GET /ready", http.HandlerFunc(h.readiness))
	h.guard("GET /api/v1/status", h.status)
	h.guard("GET /api/v1/dead", h.listDead)
	h.guard("GET /api/v1/dead/groups", h.groupDead)
	h.guard("POST /api/v1/dead/replay", h.treatDead(dead.Replay))
	h.guard("POST /api/v1/dead/discard", h.treatDead(dead.Discard))
	h.guard("GET /api/v1/dead/{destination}/{position}", h.showDead)
	h.guardLarge("POST /api/v1/dead/{destination}/{position}/replay", h.replayDead)
	h.guard("DELETE /api/v1/dead/{destination}/{position}", h.discardDead)
	h.guard("GET /api/v1/trace", h.trace)
	h.guard("POST /api/v1/destinations/{destination}/pause", h.pause)
	h.guard("POST /api/v1/destinations/{destination}/resume", h.resume)
	h.guard("GET /api/v1/replays", h.listReplays)
	h.guard("POST /api/v1/replays", h.startReplay)
	h.guard("POST /api/v1/replays/plan", h.planReplay)
	h.guard("GET /api/v1/replays/{id}", h.showReplay)
	h.guard("POST /api/v1/replays/{id}/stop", h.stopReplay)
	h.guard("POST /api/v1/replays/{id}/continue", h.continueReplay)
	h.routeErasures()
	h.guard("POST /api/v1/login-links", h.newLink)
	h.guard("POST /api/v1/token", h.renewToken)
	h.guard("GET /debug/pprof/", pprof.Index)
	h.guard("GET /debug/pprof/profile", pprof.Profile)
	h.guard("GET /debug/pprof/trace", pprof.Trace)
	h.guard("GET /debug/pprof/cmdline", pprof.Cmdline)
	h.guard("GET /debug/pprof/symbol", pprof.Symbol)
	nothing := func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "there is no such page", "the API is under /api/v1/")
	}
	h.guard("/api/", nothing)
	h.guard("/debug/", nothing)
	if h.options.Console != nil {
		h.mux.Handle("/", h.options.Console)
		return
	}
	h.guard("/", nothing)
}

// How large a request may be: in general, and where it carries an event.
const (
	maxBody  = 1 << 20
	maxEvent = 64 << 20
)

// guard adds a route that asks for the token.
func (h *Handler) guard(pattern string, serve http.HandlerFunc) {
	h.guardLarge(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		serve(w, r)
	})
}

// guardLarge adds a route that asks for the token and takes an event.
func (h *Handler) guardLarge(pattern string, serve http.HandlerFunc) {
	serve = h.audited(serve)
	h.route(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !trusted(r) {
			if err := h.options.Access.Admit(addressOf(r), strings.TrimSpace(token)); err != nil {
				refuse(w, err)
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
		serve(w, r)
	}))
}

// route adds a route.
func (h *Handler) route(pattern string, serve http.Handler) {
	h.mux.Handle(pattern, serve)
	h.served = append(h.served, pattern)
}

// Routes are the patterns of what the API answers, as http.ServeMux has them. docs/openapi.yaml describes them.
func (h *Handler) Routes() []string { return slices.Clone(h.served) }

// refuse answers somebody who has not the right token.
func refuse(w http.ResponseWriter, err error) {
	if wait, ok := errors.AsType[*WaitError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(wait.Seconds()))
		writeError(w, http.StatusTooManyRequests, err.Error(), "something at your address presents a wrong token again and again: find it")
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="tanker"`)
	writeError(w, http.StatusUnauthorized, err.Error(),
		"send it as Authorization: Bearer TOKEN; it is TANKER_ADMIN_TOKEN, or the one that the server printed at its first start")
}

// addressOf is where a request comes from, as far as the connection says: headers could say anything.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.options.Local && !namesLocalHost(r.Host) {
		writeError(w, http.StatusMisdirectedRequest, "the admin API of this machine goes by no other name",
			"use 127.0.0.1 or localhost, or set admin.listen to the address it is to be reached at")
		return
	}
	h.serve(w, r)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

// namesLocalHost reports whether a Host header means this machine.
func namesLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// health says that the process is alive.
func (h *Handler) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "up"})
}

// readiness says whether events are accepted, and if not, why.
func (h *Handler) readiness(w http.ResponseWriter, _ *http.Request) {
	if err := (*h.ready.Load())(); err != nil {
		writeError(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

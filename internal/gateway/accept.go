package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"tanker/event"
	"tanker/internal/journal"
)

// parcel is the working memory of one request: the body, and the entries that point into it. Parcels are used
// again.
type parcel struct {
	source     string
	caller     string // address
	receivedAt time.Time
	body       *buffer // nil before it was read
	entries    []journal.Entry
	lease      lease
	parsing    *budget
	suppresses func(*event.Event) bool
	suppressed int // events that were dropped because of their users

	// reusable says that nobody else can hold the body or the entries any more.
	reusable bool
}

func (g *Gateway) newParcel() *parcel {
	p, ok := g.parcels.Get().(*parcel)
	if !ok {
		p = new(parcel)
	}
	p.lease, p.parsing, p.suppresses = lease{budget: g.memory}, g.parsing, g.options.Suppresses
	return p
}

// largestPooled is the number of entries above which a parcel's memory is not worth keeping.
const largestPooled = 256

// release ends the request's claim on memory and keeps the memory for the next request if it may.
func (g *Gateway) release(p *parcel) {
	if p.reusable {
		if p.body != nil {
			g.bodies.buffers.recycle(&p.lease, p.body)
		}
		clear(p.entries)
		kept := p.entries[:0]
		if cap(kept) > largestPooled {
			kept = nil
		}
		p.lease.end()
		*p = parcel{entries: kept}
		g.parcels.Put(p)
		return
	}
	p.lease.end()
}

// serveEvents is the handler of an endpoint whose body holds events.
func (g *Gateway) serveEvents(key keyReader, unpack unpacker) http.HandlerFunc {
	e := endpoint{key, g.bodies.read, unpack}
	return func(w http.ResponseWriter, r *http.Request) {
		if refused := g.take(r, e); refused != nil {
			writeRefusal(w, refused)
			return
		}
		writeOK(w)
	}
}

// endpoint is how a path's requests bring events.
type endpoint struct {
	key    keyReader
	read   func(*http.Request, *lease) (*buffer, *refusal) // the body
	unpack unpacker
}

// take takes a request's events and says so in the log and the metrics.
func (g *Gateway) take(r *http.Request, e endpoint) *refusal {
	start := time.Now()
	p := g.newParcel()
	defer g.release(p)
	refused := g.accept(r, p, e)
	g.report(r, p, refused, time.Since(start))
	return refused
}

// accept takes a request's events into the journal. The order of its steps is the order of RudderStack's checks.
func (g *Gateway) accept(r *http.Request, p *parcel, e endpoint) *refusal {
	p.caller = clientIP(r)
	source, refused := g.authenticate(r, e.key)
	p.source = source
	if refused == nil {
		p.body, refused = e.read(r, &p.lease)
	}
	if refused != nil {
		p.reusable = true
		return refused
	}
	p.receivedAt = time.Now().UTC().Truncate(time.Millisecond)
	refused = e.unpack(r.Context(), p, g.options.Limits)
	if p.suppressed > 0 && refused == nil {
		g.options.Metrics.Suppressed(p.source, p.suppressed)
	}
	if len(p.entries) == 0 {
		p.reusable = true
		return refused
	}
	if err := g.store(r.Context(), p.entries); err != nil {
		return storeRefusal(r.Context(), err)
	}
	p.reusable = true
	g.options.Metrics.Accepted(p.source, len(p.entries), p.size())
	return refused
}

func (g *Gateway) store(ctx context.Context, entries []journal.Entry) error {
	ctx, cancel := context.WithTimeout(ctx, g.options.AppendTimeout)
	defer cancel()
	return g.options.Journal.Append(ctx, entries)
}

// storeRefusal is the answer when the journal did not take the events.
func storeRefusal(ctx context.Context, err error) *refusal {
	switch {
	case ctx.Err() != nil:
		return callerGone.because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut.because(err)
	case errors.Is(err, journal.ErrFull):
		return full.because(err)
	}
	return unavailable.because(err)
}

// report writes the request's line to the log, and counts it if it was refused.
func (g *Gateway) report(r *http.Request, p *parcel, refused *refusal, took time.Duration) {
	if refused != nil {
		g.reportRefused(r, p, refused, took)
		return
	}
	if log := g.options.Logger; log.Enabled(r.Context(), slog.LevelDebug) {
		log.LogAttrs(r.Context(), slog.LevelDebug, "request accepted", p.describe(r, http.StatusOK, took)...)
	}
}

func (g *Gateway) reportRefused(r *http.Request, p *parcel, refused *refusal, took time.Duration) {
	g.options.Metrics.Refused(p.source, refused.reason, refused.status)
	level := slog.LevelDebug
	if refused.ours && g.mayWarn(time.Now()) {
		level = slog.LevelWarn
	}
	log := g.options.Logger
	if !log.Enabled(r.Context(), level) {
		return
	}
	attrs := append(p.describe(r, refused.status, took), slog.String("reason", refused.reason))
	if refused.cause != nil {
		attrs = append(attrs, slog.String("error", refused.cause.Error()))
	}
	log.LogAttrs(r.Context(), level, "request refused", attrs...)
}

// mayWarn keeps warnings rare: when the journal is full, every request is refused.
func (g *Gateway) mayWarn(now time.Time) bool {
	const interval = 10 * time.Second
	last := g.warned.Load()
	return now.UnixNano()-last >= int64(interval) && g.warned.CompareAndSwap(last, now.UnixNano())
}

func (p *parcel) describe(r *http.Request, status int, took time.Duration) []slog.Attr {
	return []slog.Attr{
		slog.String("source", p.source),
		slog.String("path", r.URL.Path),
		slog.Int("events", len(p.entries)),
		slog.Int("bytes", p.size()),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("ip", p.caller),
	}
}

// size is the length of the body, decompressed.
func (p *parcel) size() int {
	if p.body == nil {
		return 0
	}
	return len(p.body.data)
}

package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// What the reader hands over at a time, at most. The window may be exceeded by so much.
const (
	handOverEvents = 64
	handOverBytes  = 256 << 10
)

// reader takes events from the log, maps them and hands them to the scheduler. It stands still while the scheduler
// does not take them.
type reader struct {
	o       *Options
	out     chan<- []*item
	trouble *trouble
}

// run reads until ctx is cancelled, or until the log is closed or belongs to somebody else.
func (r *reader) run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		entries, err := r.o.Log.Next(ctx)
		switch {
		case err == nil:
			failures = 0
			r.trouble.clear(ctx)
			r.hand(ctx, entries)
		case ctx.Err() != nil: // no wonder
		case lost(err):
			return fmt.Errorf("read events: %w", err)
		default:
			failures++
			r.trouble.report(ctx, "reading events", err, failures)
			sleep(ctx, logBackoff(failures))
		}
	}
	return nil
}

// hand maps the entries and passes them on in portions, the first as soon as it is ready. What is left when ctx is
// cancelled is read again after the next start.
func (r *reader) hand(ctx context.Context, entries []journal.Entry) {
	for len(entries) > 0 {
		var portion []*item
		size := 0
		for len(entries) > 0 && (len(portion) < handOverEvents && size < handOverBytes || r.runsOn(portion)) {
			it := &item{entry: entries[0], told: entries[0].Parked}
			if it.told == nil {
				it = r.item(ctx, entries[0])
			}
			if ctx.Err() != nil {
				return // the event may not have been mapped
			}
			portion = append(portion, it)
			size += it.size
			entries[0] = journal.Entry{}
			entries = entries[1:]
		}
		select {
		case r.out <- portion:
		case <-ctx.Done():
			return
		}
	}
}

// runsOn reports whether the next event may go along with the portion's last one in one call. Handed over later, it
// would come when that call is under way.
func (r *reader) runsOn(portion []*item) bool {
	typ := portion[len(portion)-1].typ
	return r.o.Merge != nil && (typ == "identify" || typ == "group") && len(portion) < handOverEvents+mostCarried
}

// item maps an entry; what it is if ctx has ended is of no use. Its body is copied: it would otherwise keep the whole pack in memory for as long as the event
// waits.
func (r *reader) item(ctx context.Context, e journal.Entry) *item {
	it := &item{entry: e, typ: e.Type}
	it.entry.Body = bytes.Clone(e.Body)
	r.mapTo(ctx, it)
	if !it.callable() {
		r.log(it)
	}
	it.size = itemOverhead + len(it.entry.Body) + len(it.call.Body)
	for _, call := range it.more {
		it.size += len(call.Body)
	}
	return it
}

// mapTo sets the item's call, or its verdict if there is nothing to call. An event that breaks the mapping must not
// break the worker, which would meet it again after every restart.
func (r *reader) mapTo(ctx context.Context, it *item) {
	defer func() {
		if p := recover(); p != nil {
			r.o.Logger.Error("mapping broke down over an event: please report this",
				slog.String("position", it.entry.Position.String()),
				slog.String("message_id", it.entry.MessageID),
				slog.String("stack", string(debug.Stack())))
			it.call = refiner.Request{}
			it.verdict = verdict{kind: journal.Dead, reason: reasonMapping, message: "the mapping broke down over this event"}
			it.verdict.letter = newLetter(r.o, it, it.verdict, nil)
		}
	}()
	if it.entry.Erased() {
		it.verdict = verdict{kind: journal.Filtered, reason: reasonErased}
		return
	}
	if it.entry.Duplicate {
		it.verdict = verdict{kind: journal.Filtered, reason: reasonDuplicate, message: "another process has accepted it as well"}
		return
	}
	e, err := event.Parse(it.entry.Body, r.o.Limits)
	if err != nil {
		it.verdict = verdict{kind: journal.Rejected, reason: reasonMalformed, message: err.Error()}
		return
	}
	if it.entry.Type != "" {
		e = e.WithType(it.entry.Type)
	}
	it.typ = e.Type()
	if s := r.o.Suppression; s != nil {
		it.asked = s.Version()
		if s.Suppresses(e) {
			it.verdict = suppressed
			return
		}
	}
	calls, err := r.calls(ctx, it, e)
	if err != nil {
		it.verdict = refused(err)
		return
	}
	it.call, it.more = asRequest(calls[0]), calls[1:]
	it.key = calls[0].UserKey()
	if it.key == "" {
		it.key = e.UserKey()
	}
	it.alone = len(it.more) > 0
	switch {
	case r.o.SkipUnchanged == 0:
	case it.alone:
		it.effect = unknownEffect(it.key)
	default:
		it.effect = effectOf(calls[0], it.key)
	}
}

func (r *reader) calls(ctx context.Context, it *item, e *event.Event) ([]mapping.Call, error) {
	if t, ok := r.o.Mapper.(Transformer); ok {
		return t.Calls(ctx, &it.entry, e)
	}
	call, err := r.o.Mapper.Map(e)
	return []mapping.Call{call}, err
}

func asRequest(call mapping.Call) refiner.Request {
	return refiner.Request{Method: call.Method, Path: call.Path, Body: call.Body, Form: call.Form}
}

// log writes the one line of an event that is not called. The refusal's sentence may quote the event, so it stays out.
func (r *reader) log(it *item) {
	ctx := context.Background()
	if !r.o.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	r.o.Logger.LogAttrs(ctx, slog.LevelDebug, "no call",
		slog.String("position", it.entry.Position.String()),
		slog.String("message_id", it.entry.MessageID),
		slog.String("source", it.entry.Source),
		slog.String("kind", string(it.verdict.kind)),
		slog.String("reason", it.verdict.reason))
}

func refused(err error) verdict {
	refusal, ok := errors.AsType[*mapping.Refusal](err)
	if !ok {
		return verdict{kind: journal.Rejected, reason: reasonMapping, message: err.Error()}
	}
	return verdict{kind: journal.Kind(refusal.Outcome), reason: refusal.Reason, message: refusal.Message}
}

// lost reports whether an error of the log is final.
func lost(err error) bool {
	return errors.Is(err, journal.ErrClosed) || errors.Is(err, journal.ErrFenced)
}

// logBackoff is how long to wait for a log that has failed so many times in a row.
func logBackoff(failures int) time.Duration {
	return grown(50*time.Millisecond, 5*time.Second, failures-1)
}

// sleep waits for d. It returns false at once when ctx is cancelled.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"tanker/internal/config"
	"tanker/internal/delivery"
	"tanker/internal/erasure"
	"tanker/internal/journal"
	"tanker/internal/lease"
	"tanker/mapping"
)

// line is the way to one destination.
type line struct {
	config config.Destination
	mapper delivery.Mapper

	holding sync.Mutex           // held while the destination is paused or resumed
	turn    atomic.Pointer[turn] // nil while another process delivers to the destination, or nobody
}

// turn is the time in which this process delivers to a destination.
type turn struct {
	cursor *journal.Cursor
	worker *delivery.Worker // nil if the destination is switched off and keeps its events
	lease  *lease.Lease     // nil where no other process can deliver to it
	stops  crew             // what ends with the turn
}

// worker is what delivers to the destination; nil if nothing does in this process.
func (l *line) worker() *delivery.Worker {
	if t := l.turn.Load(); t != nil {
		return t.worker
	}
	return nil
}

// delivers reports whether somebody is to deliver to the destination.
func (l *line) delivers() bool { return l.config.Enabled || l.config.Drops() }

// begin begins a turn. held is the right to it, nil where no other process can have it. After an error nothing is left.
func (f *fleet) begin(ctx context.Context, l *line, held *lease.Lease) (*turn, error) {
	t := &turn{lease: held}
	if err := f.fill(ctx, l, t); err != nil {
		return nil, errors.Join(fmt.Errorf("destination %s: %w", l.config.Name, err), t.stops.stop())
	}
	l.turn.Store(t)
	t.stops.onStop(func() error { l.turn.Store(nil); return nil })
	return t, nil
}

// fill makes what a turn takes.
func (f *fleet) fill(ctx context.Context, l *line, t *turn) (err error) {
	options := cursorOptions(f.config, l.config)
	if t.lease != nil {
		options.Epoch = t.lease.Epoch()
	}
	if t.cursor, err = f.journal.OpenCursor(ctx, options); err != nil {
		return err
	}
	t.stops.onStop(t.cursor.Close)
	if l.delivers() {
		t.worker, err = f.newWorker(ctx, l, t)
	}
	return err
}

// newWorker makes what delivers to a destination.
func (f *fleet) newWorker(ctx context.Context, l *line, t *turn) (*delivery.Worker, error) {
	d := l.config
	paused, err := f.journal.PausedSince(ctx, d.Name)
	if err != nil {
		return nil, err
	}
	if !paused.IsZero() {
		f.log.Warn("destination is paused", "destination", d.Name, "since", paused)
	}
	client, err := newClient(d, f.options.Version.Version, t.permit())
	if err != nil {
		return nil, err
	}
	t.stops.onStop(func() error { client.Close(); return nil })
	merge := mapping.Merge
	if !d.Merge {
		merge = nil
	}
	o := delivery.Options{
		Name: d.Name, Log: t.cursor, Mapper: l.mapper, Client: client,
		Merge: merge, SkipUnchanged: d.SkipUnchanged, Memory: t.cursor,
		KeyPerMinute: d.Limits.KeyPerMinute, UserPerMinute: d.Limits.UserPerMinute,
		MaxConcurrency: d.MaxConcurrency, WindowEvents: d.Window.Events, WindowBytes: int64(d.Window.Bytes),
		RetryFor: d.RetryFor, Grace: f.config.StopTimeout / 2, Limits: anyEvent, PausedSince: paused,
		Suppression: erasure.NewGuard(f.journal.Suppression()),
		Logger:      f.log.With("part", "delivery"), Observer: observers{f.metrics.Delivery(d.Name), f.series.Destination(d.Name)},
	}
	if t.lease == nil {
		o.Recent = f.recentCalls(ctx, l)
		return delivery.New(o)
	}
	o.Right, o.Open = t.lease, openCalls(d)
	if o.Recent, err = f.inheritedCalls(ctx, l, t); err != nil {
		return nil, err
	}
	if !t.lease.Before.Orderly {
		o.RecentOfUser = openOfUser
	}
	return delivery.New(o)
}

// permit is what the connections to the destination ask before each write.
func (t *turn) permit() func() bool {
	if t.lease == nil {
		return nil
	}
	return t.lease.Valid
}

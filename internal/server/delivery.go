package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tanker/event"
	"tanker/internal/config"
	"tanker/internal/delivery"
	"tanker/internal/erasure"
	"tanker/internal/gateway"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// line is the way to one destination.
type line struct {
	config config.Destination
	cursor *journal.Cursor
	mapper delivery.Mapper
	worker *delivery.Worker // nil if the destination is switched off and keeps its events

	holding sync.Mutex // held while the destination is paused or resumed
}

// openLines finds each destination's place in the journal, also of those that are switched off: what they
// have not had yet stays.
func (f *fleet) openLines(ctx context.Context) error {
	for _, d := range f.config.Destinations {
		cursor, err := f.journal.OpenCursor(ctx, cursorOptions(f.config, d))
		if err != nil {
			return err
		}
		l := &line{config: d, cursor: cursor}
		f.lines = append(f.lines, l)
		f.crew.onStop(cursor.Close)
		if err := f.addMapper(l); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		if !d.Enabled && !d.Drops() {
			continue
		}
		if l.worker, err = f.newWorker(ctx, l); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
	}
	return nil
}

// cursorOptions say what a destination reads, and with what it begins if it is new.
func cursorOptions(c *config.Config, d config.Destination) journal.CursorOptions {
	o := journal.CursorOptions{Destination: d.Name, Sources: sourcesOf(c, d.Name)}
	switch {
	case d.Start.Beginning:
		o.Start = journal.FromBeginning
	case !d.Start.At.IsZero():
		o.Start, o.StartAt = journal.FromTime, d.Start.At
	}
	return o
}

// addMapper makes what becomes of the destination's events.
func (f *fleet) addMapper(l *line) error {
	m, warnings, stop, err := newMapper(l.config, f.log)
	if err != nil {
		return err
	}
	f.crew.onStop(stop)
	for _, warning := range warnings {
		f.log.Warn(warning, "destination", l.config.Name)
	}
	l.mapper = m
	return nil
}

// newWorker makes what delivers to a destination.
func (f *fleet) newWorker(ctx context.Context, l *line) (*delivery.Worker, error) {
	d := l.config
	paused, err := f.journal.PausedSince(ctx, d.Name)
	if err != nil {
		return nil, err
	}
	if !paused.IsZero() {
		f.log.Warn("destination is paused", "destination", d.Name, "since", paused)
	}
	client, err := NewClient(d, f.options.Version.Version)
	if err != nil {
		return nil, err
	}
	f.crew.onStop(func() error { client.Close(); return nil })
	merge := mapping.Merge
	if !d.Merge {
		merge = nil
	}
	return delivery.New(delivery.Options{
		Name: d.Name, Log: l.cursor, Mapper: l.mapper, Client: client,
		Merge: merge, SkipUnchanged: d.SkipUnchanged, Memory: l.cursor,
		KeyPerMinute: d.Limits.KeyPerMinute, UserPerMinute: d.Limits.UserPerMinute,
		MaxConcurrency: d.MaxConcurrency, WindowEvents: d.Window.Events, WindowBytes: int64(d.Window.Bytes),
		RetryFor: d.RetryFor, Grace: f.config.StopTimeout / 2, Limits: anyEvent, PausedSince: paused,
		Recent: f.recentCalls(ctx, l), Suppression: erasure.NewGuard(f.journal.Suppression()),
		Logger: f.log.With("part", "delivery"), Observer: observers{f.metrics.Delivery(d.Name), f.series.Destination(d.Name)},
	})
}

// NewClient makes the client of a destination's API. version is a part of how it names itself.
func NewClient(d config.Destination, version string) (*refiner.Client, error) {
	encoding := refiner.JSON
	if d.Encoding == "form" {
		encoding = refiner.Form
	}
	return refiner.New(refiner.Options{
		Endpoint: d.Endpoint, APIKey: refiner.APIKey(d.APIKey.Reveal()), Encoding: encoding,
		Timeout: d.Timeout, MaxConns: d.MaxConcurrency, UserAgent: "tanker/" + version,
	})
}

// startDelivery starts the workers. They stop together, because each may have calls to wait for.
func (f *fleet) startDelivery(context.Context) error {
	f.crew.start("delivery", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var running sync.WaitGroup
		errs := make([]error, len(f.lines))
		for i, l := range f.lines {
			if l.worker == nil {
				continue
			}
			running.Go(func() {
				if err := l.worker.Run(ctx); err != nil {
					errs[i] = fmt.Errorf("destination %s: %w", l.config.Name, err)
					cancel()
				}
			})
		}
		<-ctx.Done()
		running.Wait()
		return errors.Join(errs...)
	})
	return nil
}

// anyEvent are bounds that every event passes which a gateway has ever accepted, whatever its own bounds
// were at the time: the largest that the configuration permits.
var anyEvent = event.Limits{MaxBytes: 64 << 20, MaxDepth: 1000, MaxKeys: 1_000_000}

func eventLimits(c config.Gateway) event.Limits {
	return event.Limits{MaxBytes: int(c.MaxBody), MaxDepth: c.MaxEventDepth, MaxKeys: c.MaxEventKeys, MaxEvents: c.MaxBatchEvents}
}

// sourcesOf are the sources whose events a destination gets.
func sourcesOf(c *config.Config, destination string) []string {
	var names []string
	for _, s := range c.Sources {
		if s.Destinations == nil || slices.Contains(s.Destinations, destination) {
			names = append(names, s.Name)
		}
	}
	return names
}

func gatewaySources(sources []config.Source) []gateway.Source {
	list := make([]gateway.Source, len(sources))
	for i, s := range sources {
		list[i] = gateway.Source{Name: s.Name, WriteKey: s.WriteKey.Reveal(), Enabled: s.Enabled}
	}
	return list
}

package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tanker/event"
	"tanker/internal/config"
	"tanker/internal/gateway"
	"tanker/internal/journal"
	"tanker/refiner"
)

// openLines finds each destination's place in the journal, also of those that are switched off: what they have not had
// yet stays. Where other processes may deliver too, it only sees to it that there is a place.
func (f *fleet) openLines(ctx context.Context) error {
	for _, d := range f.config.Destinations {
		l := &line{config: d}
		f.lines = append(f.lines, l)
		if err := f.addMapper(l); err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		if f.keeper != nil {
			if err := f.journal.EnsureCursor(ctx, cursorOptions(f.config, d)); err != nil {
				return err
			}
			continue
		}
		t, err := f.begin(ctx, l, nil)
		if err != nil {
			return err
		}
		f.crew.onStop(t.stops.stop)
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

// NewClient makes the client of a destination's API. version is a part of how it names itself.
func NewClient(d config.Destination, version string) (*refiner.Client, error) {
	return newClient(d, version, nil)
}

// newClient makes a client that asks permit before it writes anything, if there is one.
func newClient(d config.Destination, version string, permit func() bool) (*refiner.Client, error) {
	encoding := refiner.JSON
	if d.Encoding == "form" {
		encoding = refiner.Form
	}
	return refiner.New(refiner.Options{
		Endpoint: d.Endpoint, APIKey: refiner.APIKey(d.APIKey.Reveal()), Encoding: encoding,
		Timeout: d.Timeout, MaxConns: d.MaxConcurrency, UserAgent: "tanker/" + version,
		Permit: permit,
	})
}

// startDelivery starts the workers, or the contest for the right to run them.
func (f *fleet) startDelivery(context.Context) error {
	if f.keeper != nil {
		return f.attach()
	}
	f.crew.start("delivery", f.deliverAll)
	return nil
}

// deliverAll runs all workers. They stop together, because each may have calls to wait for.
func (f *fleet) deliverAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	errs := make([]error, len(f.lines))
	for i, l := range f.lines {
		worker := l.worker()
		if worker == nil {
			continue
		}
		running.Go(func() {
			if err := worker.Run(ctx); err != nil {
				errs[i] = fmt.Errorf("destination %s: %w", l.config.Name, err)
				cancel()
			}
		})
	}
	<-ctx.Done()
	running.Wait()
	return errors.Join(errs...)
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

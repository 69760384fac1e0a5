package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/internal/delivery"
	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/internal/telemetry"
)

// backend is the fleet as the admin API and the console see it.
type backend struct {
	*fleet

	census  *dead.Census
	jobs    *dead.Jobs
	scripts map[string]*trialScript // by destination
}

// startBackend lets operators see and change how everything stands, until the last call has ended.
func (f *fleet) startBackend(context.Context) error {
	backend := &backend{fleet: f, census: dead.NewCensus(f.journal), scripts: f.trialScripts()}
	backend.jobs = dead.NewJobs(f.journal, backend, f.log.With("part", "dead letters"))
	f.admin.SetBackend(backend)
	f.console.SetBackend(backend)
	f.metrics.Observe(backend.observe)
	f.crew.onStop(func() error {
		f.metrics.Observe(nil)
		f.admin.SetBackend(nil)
		f.console.SetBackend(nil)
		f.gone.Store(true)
		errs := []error{backend.jobs.Close(), backend.census.Close()}
		for _, s := range backend.scripts {
			errs = append(errs, s.close())
		}
		return errors.Join(errs...)
	})
	return nil
}

// Replays are the jobs that send past events again.
func (b *backend) Replays() admin.Replays { return b.replays }

// Status says how everything stands.
func (b *backend) Status(ctx context.Context) (admin.Status, error) {
	usage, err := b.journal.Usage(ctx)
	if err != nil {
		return admin.Status{}, err
	}
	s := admin.Status{
		Version: b.options.Version.Version, Started: b.started, Journal: usage, Ready: true, Node: b.node, Members: b.members(),
	}
	if err := b.journal.Health(); err != nil {
		s.Ready, s.NotReady = false, err.Error()
	}
	c := b.inUse.Load()
	for _, source := range c.Sources {
		s.Sources = append(s.Sources, admin.SourceStatus{
			Name: source.Name, Enabled: source.Enabled, Destinations: destinationsOf(c, source),
		})
	}
	for _, l := range b.lines {
		d, err := b.status(ctx, l)
		if err != nil {
			return admin.Status{}, err
		}
		if d.PausedSince, err = b.journal.PausedSince(ctx, d.Name); err != nil {
			return admin.Status{}, err
		}
		s.Destinations = append(s.Destinations, d)
	}
	for _, r := range b.replays.List() {
		if r.State == history.ReplayRunning {
			s.Replays = append(s.Replays, r)
		}
	}
	return s, nil
}

// destinationsOf are the destinations that get a source's events.
func destinationsOf(c *config.Config, source config.Source) []string {
	if source.Destinations != nil {
		return source.Destinations
	}
	names := make([]string, len(c.Destinations))
	for i, d := range c.Destinations {
		names[i] = d.Name
	}
	return names
}

// stateDisabled is the state of a destination without a worker.
const stateDisabled = "disabled"

// Trace finds events in the log, and what happened to them.
func (b *backend) Trace(ctx context.Context, o history.TraceOptions, emit func(history.Traced) error) (history.TraceEnd, error) {
	if o.Destination != "" {
		if _, err := b.line(o.Destination); err != nil {
			return history.TraceEnd{}, err
		}
	}
	return history.Trace(ctx, b.journal, b.destinations(), o, emit)
}

// line finds the way to a destination by its name.
func (b *backend) line(destination string) (*line, error) { return b.lineOf(destination) }

func (f *fleet) lineOf(destination string) (*line, error) {
	for _, l := range f.lines {
		if l.config.Name == destination {
			return l, nil
		}
	}
	return nil, fmt.Errorf("destination %q: %w", destination, journal.ErrNotFound)
}

// observeTimeout bounds what a scrape waits for the journal.
const observeTimeout = 5 * time.Second

// observe reads what the metrics show of the moment. What cannot be read is left out.
func (b *backend) observe() telemetry.State {
	ctx, cancel := context.WithTimeout(context.Background(), observeTimeout)
	defer cancel()
	var state telemetry.State
	for _, l := range b.lines {
		t := l.turn.Load()
		if t == nil {
			continue // another process tells of it
		}
		place, err := t.cursor.Status(ctx)
		if err != nil {
			b.log.Warn("state of a destination is not known", "destination", l.config.Name, "error", err)
			continue
		}
		d := telemetry.DestinationState{Name: l.config.Name, Pending: place.Pending, Parked: place.Parked, Lost: place.Totals.Lost, Oldest: place.Oldest}
		if t.worker != nil {
			worker := t.worker.State()
			status := worker.Status
			d.Letters = worker.LettersWaiting
			d.Blocked, d.Circuit = status == delivery.StatusBlocked, status == delivery.StatusCircuitOpen
			d.Paused = status == delivery.StatusPaused
		}
		state.Destinations = append(state.Destinations, d)
	}
	if usage, err := b.journal.Usage(ctx); err == nil {
		state.Journal = telemetry.JournalState{Bytes: usage.Bytes, MaxBytes: usage.MaxBytes}
	}
	return state
}

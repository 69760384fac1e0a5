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
	s := admin.Status{Version: b.options.Version.Version, Started: b.started, Journal: usage, Ready: true}
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
		d, err := l.status(ctx)
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

// status says how a destination stands.
func (l *line) status(ctx context.Context) (admin.DestinationStatus, error) {
	place, err := l.cursor.Status(ctx)
	if err != nil {
		return admin.DestinationStatus{}, err
	}
	s := admin.DestinationStatus{
		Name: l.config.Name, Enabled: l.config.Enabled, State: stateDisabled,
		Accepted: place.Accepted, Pending: place.Pending, Parked: place.Parked, Retrying: place.Retrying,
		Totals: place.Totals, OldestPending: place.Oldest, KeyPerMinute: l.config.Limits.KeyPerMinute,
	}
	if l.worker == nil {
		return s, nil
	}
	w := l.worker.State()
	s.State, s.Reason, s.Since, s.Until = string(w.Status), w.Reason, w.Since, w.Until
	s.LastDelivered, s.Calls, s.InFlight, s.Concurrency = w.LastDelivered, w.Calls, w.InFlight, w.Concurrency
	s.UsersParked, s.LettersWaiting = w.UsersParked, w.LettersWaiting
	if l.config.Drops() && w.Status == delivery.StatusIdle {
		s.State, s.Reason = stateDisabled, "what comes in is dropped"
	}
	return s, nil
}

// Trace finds events in the log, and what happened to them.
func (b *backend) Trace(ctx context.Context, o history.TraceOptions, emit func(history.Traced) error) (history.TraceEnd, error) {
	if o.Destination != "" {
		if _, err := b.line(o.Destination); err != nil {
			return history.TraceEnd{}, err
		}
	}
	return history.Trace(ctx, b.journal, b.destinations(), o, emit)
}

// trouble says why the destination delivers nothing at the moment; "" if it does, or has nothing to deliver.
func (l *line) trouble() string {
	if l.worker == nil {
		return stateDisabled
	}
	switch w := l.worker.State(); w.Status {
	case delivery.StatusDelivering, delivery.StatusWaiting, delivery.StatusIdle:
		return ""
	default:
		if w.Reason == "" {
			return string(w.Status)
		}
		return string(w.Status) + ": " + w.Reason
	}
}

// line finds the way to a destination by its name.
func (b *backend) line(destination string) (*line, error) {
	for _, l := range b.lines {
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
		place, err := l.cursor.Status(ctx)
		if err != nil {
			b.log.Warn("state of a destination is not known", "destination", l.config.Name, "error", err)
			continue
		}
		d := telemetry.DestinationState{Name: l.config.Name, Pending: place.Pending, Parked: place.Parked, Lost: place.Totals.Lost, Oldest: place.Oldest}
		if l.worker != nil {
			worker := l.worker.State()
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

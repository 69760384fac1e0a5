package server

import (
	"context"
	"time"

	"tanker/internal/delivery"
	"tanker/internal/journal"
	"tanker/internal/series"
	"tanker/internal/telemetry"
)

// saveSeries is how often the series are kept for the next start. A crash loses so much of them.
const saveSeries = time.Minute

// startSeries reads how everything went before this start, and keeps it until the server stops.
func (s *server) startSeries(ctx context.Context) error {
	if err := s.series.Load(ctx, s.journal, time.Now()); err != nil {
		s.log.Warn("the charts begin anew, as far as they cannot be read", "error", err)
	}
	s.crew.start("series", func(ctx context.Context) error {
		tick := time.NewTicker(saveSeries)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.keepSeries(context.WithoutCancel(ctx))
				return nil
			case <-tick.C:
				s.keepSeries(ctx)
			}
		}
	})
	return nil
}

// keepSeries saves what has changed. That it does not succeed is no reason to fail anything else.
func (s *server) keepSeries(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	if err := s.series.Sync(ctx, s.journal, time.Now()); err != nil {
		s.log.Warn("the charts were not saved", "error", err)
	}
}

// startSampling takes down how the destinations go, as long as the fleet is there.
func (f *fleet) startSampling(ctx context.Context) error {
	f.sample(ctx)
	f.crew.start("sampling", func(ctx context.Context) error {
		tick := time.NewTicker(series.Every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				f.sample(context.WithoutCancel(ctx)) // what happened since the last tick
				return nil
			case <-tick.C:
				f.sample(ctx)
			}
		}
	})
	return nil
}

func (f *fleet) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	for _, l := range f.lines {
		if f.keeper != nil && l.delivers() && l.turn.Load() == nil {
			continue // the process that delivers to it also knows its calls
		}
		place, err := f.journal.Status(ctx, l.config.Name)
		if err != nil {
			continue // the log has it from the metrics, and the charts have a gap
		}
		f.series.Destination(l.config.Name).Observe(series.State{
			Accepted: place.Accepted, Finished: place.Totals.Sum(), Pending: place.Pending, Oldest: place.Oldest,
		})
	}
	for _, source := range f.config.Sources {
		f.series.Source(source.Name) // also one by which nothing has come yet
	}
	f.series.Sample(time.Now())
}

// Series is how a destination went.
func (b *backend) Series(destination string) (*series.Series, error) {
	if _, err := b.line(destination); err != nil {
		return nil, err
	}
	return b.series.Destination(destination), nil
}

// SourceSeries is how much came in by a source.
func (b *backend) SourceSeries(source string) *series.Series { return b.series.Source(source) }

// gatewayMetrics has the series count what comes in, too.
type gatewayMetrics struct {
	*telemetry.Metrics

	series *series.Store
}

// Accepted counts a request that was answered 200.
func (m gatewayMetrics) Accepted(source string, events, bytes int) {
	m.Metrics.Accepted(source, events, bytes)
	m.series.Source(source).Accepted(events)
}

// observers has several look at the same delivery.
type observers []delivery.Observer

// Outcome is part of delivery.Observer.
func (all observers) Outcome(kind journal.Kind, reason string) {
	for _, o := range all {
		o.Outcome(kind, reason)
	}
}

// Call is part of delivery.Observer.
func (all observers) Call(class string, status int, took time.Duration) {
	for _, o := range all {
		o.Call(class, status, took)
	}
}

// Delivered is part of delivery.Observer.
func (all observers) Delivered(latency time.Duration) {
	for _, o := range all {
		o.Delivered(latency)
	}
}

// Saved is part of delivery.Observer.
func (all observers) Saved(how string) {
	for _, o := range all {
		o.Saved(how)
	}
}

// Waited is part of delivery.Observer.
func (all observers) Waited(limit string, wait time.Duration) {
	for _, o := range all {
		o.Waited(limit, wait)
	}
}

package server

import (
	"context"
	"time"

	"tanker/internal/admin"
	"tanker/internal/delivery"
	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// openErasures makes what erases users.
func (f *fleet) openErasures(context.Context) error {
	o := erasure.Options{
		Log: f.journal, ForgetReplays: f.replays.Forget, Grace: f.options.ErasureGrace, Logger: f.log.With("part", "erasure"),
	}
	for _, l := range f.lines {
		d, err := f.erasureDestination(l)
		if err != nil {
			return err
		}
		o.Destinations = append(o.Destinations, d)
	}
	f.erasures = erasure.Open(o)
	return nil
}

// erasureDestination is a destination as erasures use it. Their calls are few: beside the worker's they do not count.
func (f *fleet) erasureDestination(l *line) (erasure.Destination, error) {
	d := erasure.Destination{Name: l.config.Name, Settled: l.settled}
	if l.worker == nil || l.config.Drops() {
		d.Skip = "it is switched off"
	}
	if l.worker == nil {
		d.Drain = func(ctx context.Context, which func(*journal.Entry) bool) error { return f.drain(ctx, l, which) }
		return d, nil
	}
	client, err := NewClient(l.config, f.options.Version.Version)
	if err != nil {
		return d, err
	}
	f.crew.onStop(func() error { client.Close(); return nil })
	d.Contacts, d.Hold = client, l.trouble
	return d, nil
}

// settled reports whether the worker has nothing under way of users who were suppressed up to a version of the list.
func (l *line) settled(version uint64, _ time.Time) bool {
	if l.worker == nil {
		return true
	}
	state := l.worker.State()
	return state.Status == delivery.StatusStopped || state.Obeyed >= version && state.Suppressed == 0
}

// drain gives parked events their outcome at a destination without a worker.
func (f *fleet) drain(ctx context.Context, l *line, which func(*journal.Entry) bool) error {
	users := map[string]bool{}
	for filter := (journal.ParkedFilter{Destination: l.config.Name}); ; {
		page, err := f.journal.ParkedEvents(ctx, filter)
		if err != nil {
			return err
		}
		for i := range page.Events {
			if which(&page.Events[i].Entry) {
				users[page.Events[i].User] = true
			}
		}
		if filter.After = page.Next; filter.After == 0 {
			break
		}
	}
	for user := range users {
		if err := l.drainUser(ctx, user, which); err != nil {
			return err
		}
	}
	return nil
}

// drainUser does that for the events of one user.
func (l *line) drainUser(ctx context.Context, user string, which func(*journal.Entry) bool) error {
	const portion = 64
	var kept []journal.Position
	defer func() { l.cursor.Release(kept) }()
	for {
		events, err := l.cursor.Unpark(ctx, user, portion)
		if err != nil || len(events) == 0 {
			return err
		}
		var outcomes []journal.Outcome
		for i := range events {
			if !which(&events[i]) {
				kept = append(kept, events[i].Position)
				continue
			}
			outcomes = append(outcomes, journal.Outcome{
				Position: events[i].Position, Kind: journal.Filtered, Reason: "suppressed",
				Attempts: events[i].Retry.Attempts, At: time.Now(),
			})
		}
		if err := l.cursor.Finish(ctx, outcomes); err != nil {
			return err
		}
	}
}

// startErasures carries on the erasures that were interrupted, and runs those that operators ask for.
func (f *fleet) startErasures(context.Context) error {
	f.crew.start("erasures", f.erasures.Run)
	return nil
}

// Erasures are the jobs that erase users.
func (b *backend) Erasures() admin.Erasures { return b.erasures }

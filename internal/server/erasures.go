package server

import (
	"context"
	"fmt"
	"time"

	"tanker/internal/admin"
	"tanker/internal/delivery"
	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// openErasures makes what erases users.
func (f *fleet) openErasures(context.Context) error {
	o := erasure.Options{
		Log: f.journal, ForgetReplays: f.replays.Forget, Grace: f.options.ErasureGrace,
		Lead: f.erases, Logger: f.log.With("part", "erasure"),
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
	d := erasure.Destination{Name: l.config.Name, Settled: func(version uint64, _ time.Time) bool { return f.settled(l, version) }}
	if !l.config.Enabled {
		d.Skip = "it is switched off"
	}
	if !l.delivers() {
		d.Drain = func(ctx context.Context, which func(*journal.Entry) bool) error { return f.drain(ctx, l, which) }
		return d, nil
	}
	client, err := NewClient(l.config, f.options.Version.Version)
	if err != nil {
		return d, err
	}
	f.crew.onStop(func() error { client.Close(); return nil })
	d.Contacts, d.Hold = client, func() string { return f.trouble(l) }
	return d, nil
}

// settled reports whether the worker has nothing under way of users who were suppressed up to a version of the list.
func (f *fleet) settled(l *line, version uint64) bool {
	state, runs := f.state(l)
	if !runs {
		return true
	}
	switch state.State {
	case string(delivery.StatusStopped), stateTaken: // whoever goes on obeys the list from the beginning
		return true
	}
	return state.Obeyed >= version && state.Suppressed == 0
}

// erases reports whether this process is the one that carries out erasures.
func (f *fleet) erases() bool { return f.keeper == nil || f.erasing.Load() }

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
	t := l.turn.Load()
	if t == nil {
		return fmt.Errorf("%w: another process holds destination %s", journal.ErrUnavailable, l.config.Name)
	}
	defer func() { t.cursor.Release(kept) }()
	for {
		events, err := t.cursor.Unpark(ctx, user, portion)
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
		if err := t.cursor.Finish(ctx, outcomes); err != nil {
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

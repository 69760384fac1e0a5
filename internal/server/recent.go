package server

import (
	"context"
	"errors"
	"time"

	"tanker/internal/delivery"
	"tanker/internal/history"
	"tanker/internal/journal"
)

const (
	// recently is how far back calls count against the limits of a minute, and a little more.
	recently = 70 * time.Second
	// mostRecent bounds the calls that are read back where the key has no limit, but users have.
	mostRecent = 100_000
	// recentTimeout bounds how long that may hold up a start.
	recentTimeout = 10 * time.Second
	// recentPause is how long to wait for a server that lags behind.
	recentPause = 50 * time.Millisecond
)

// recentOptions say which calls count against a destination's limits. It says false if there are none.
func (l *line) recentOptions(now time.Time) (history.CallsOptions, bool) {
	limits, o := l.config.Limits, history.CallsOptions{Since: now.Add(-recently), Most: mostRecent}
	if limits.KeyPerMinute > 0 {
		o.Most = limits.KeyPerMinute
	}
	return o, limits.KeyPerMinute > 0 || limits.UserPerMinute > 0
}

// recentCalls are the calls of the last minute, from before a restart: the limits go on counting them.
func (f *fleet) recentCalls(ctx context.Context, l *line) []delivery.PastCall {
	options, limited := l.recentOptions(time.Now())
	if !limited {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recentTimeout)
	defer cancel()
	calls, err := history.Calls(ctx, f.journal, history.Destination{Name: l.config.Name, Mapper: l.mapper}, options)
	if err != nil {
		f.log.Warn("not all calls of the last minute are known, Refiner may answer 429 at first",
			"destination", l.config.Name, "known", len(calls), "error", err)
	}
	return pastCalls(calls, 0)
}

// storedCalls are the calls of the last minute that other processes have made and that have their outcomes. ahead is how much
// the clock of the journal's server is ahead of this machine's; all times are that server's.
func (f *fleet) storedCalls(ctx context.Context, l *line, t *turn, ahead time.Duration) ([]delivery.PastCall, error) {
	options, limited := l.recentOptions(time.Now().Add(ahead))
	if !limited {
		return nil, nil
	}
	options.Stored, options.UpTo = true, t.cursor.BeganAt()
	ctx, cancel := context.WithTimeout(ctx, recentTimeout)
	defer cancel()
	for {
		calls, err := history.Calls(ctx, f.journal, history.Destination{Name: l.config.Name, Mapper: l.mapper}, options)
		if err == nil {
			return pastCalls(calls, ahead), nil
		}
		if !errors.Is(err, journal.ErrUnavailable) || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(recentPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func pastCalls(calls []history.Call, ahead time.Duration) []delivery.PastCall {
	past := make([]delivery.PastCall, len(calls))
	for i, c := range calls {
		past[i] = delivery.PastCall{User: c.User, At: c.At.Add(-ahead)}
	}
	return past
}

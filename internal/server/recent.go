package server

import (
	"context"
	"time"

	"tanker/internal/delivery"
	"tanker/internal/history"
)

const (
	// recently is how far back calls count against the limits of a minute, and a little more.
	recently = 70 * time.Second
	// mostRecent bounds the calls that are read back where the key has no limit, but users have.
	mostRecent = 100_000
	// recentTimeout bounds how long that may hold up a start.
	recentTimeout = 10 * time.Second
)

// recentCalls are the calls of the last minute, from before a restart: the limits go on counting them.
func (f *fleet) recentCalls(ctx context.Context, l *line) []delivery.PastCall {
	limits, most := l.config.Limits, mostRecent
	if limits.KeyPerMinute == 0 && limits.UserPerMinute == 0 {
		return nil
	}
	if limits.KeyPerMinute > 0 {
		most = limits.KeyPerMinute
	}
	ctx, cancel := context.WithTimeout(ctx, recentTimeout)
	defer cancel()
	destination := history.Destination{Name: l.config.Name, Mapper: l.mapper}
	calls, err := history.Calls(ctx, f.journal, destination, time.Now().Add(-recently), most)
	if err != nil {
		f.log.Warn("not all calls of the last minute are known, Refiner may answer 429 at first",
			"destination", l.config.Name, "known", len(calls), "error", err)
	}
	past := make([]delivery.PastCall, len(calls))
	for i, c := range calls {
		past[i] = delivery.PastCall{User: c.User, At: c.At}
	}
	return past
}

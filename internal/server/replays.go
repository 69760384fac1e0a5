package server

import (
	"context"
	"fmt"

	"tanker/internal/history"
)

// openReplays reads which replays there are.
func (f *fleet) openReplays(ctx context.Context) error {
	targets := make([]*history.Target, len(f.lines))
	for i, l := range f.lines {
		targets[i] = &history.Target{
			Name: l.config.Name, Mapper: l.mapper, Sources: sourcesOf(f.config, l.config.Name),
			KeyPerMinute: l.config.Limits.KeyPerMinute, UserPerMinute: l.config.Limits.UserPerMinute,
			Hold: func(ctx context.Context, rate int) string { return f.holdReplay(ctx, l, rate) },
		}
	}
	var err error
	if f.replays, err = history.OpenReplays(ctx, f.journal, targets, f.log.With("part", "replay")); err != nil {
		return fmt.Errorf("replays: %w", err)
	}
	if f.keeper != nil {
		f.replays.Share()
	}
	return nil
}

// startReplays carries on the replays that were interrupted, and runs those that operators ask for.
func (f *fleet) startReplays(context.Context) error {
	f.crew.start("replays", f.replays.Run)
	return nil
}

// What keeps replays out of the way of live events.
const (
	// replayMinutes is how many minutes' worth of replayed events may be on their way.
	replayMinutes = 1
	// mostReady is how many users may wait for their turn while replayed events are added.
	mostReady = 16
	// replayRoom is how full the journal may be, in percent: at the janitor's mark events would go for replays.
	replayRoom = 75
)

// holdReplay says why no replayed event should be added at the moment: the destination takes none, other events wait
// for their turn, or there is no room. "" if one may.
func (f *fleet) holdReplay(ctx context.Context, l *line, rate int) string {
	if trouble := f.trouble(l); trouble != "" {
		return "destination " + trouble
	}
	t := l.turn.Load()
	if t == nil || t.worker == nil {
		return "another process delivers to the destination"
	}
	if ready := t.worker.State().UsersReady; ready > mostReady+rate/240 {
		return "other events wait for their turn"
	}
	if pending := t.cursor.PendingReplays(); pending >= uint64(max(100, rate*replayMinutes)) {
		return fmt.Sprintf("%d replayed events are on their way", pending)
	}
	usage, err := f.journal.Usage(ctx)
	if err != nil {
		return err.Error()
	}
	if used := float64(usage.Bytes) / float64(usage.MaxBytes) * 100; usage.MaxBytes > 0 && used > replayRoom {
		return fmt.Sprintf("the journal is %.0f %% full", used)
	}
	return ""
}

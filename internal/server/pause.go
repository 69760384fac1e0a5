package server

import (
	"context"
	"time"
)

// Pause has nothing sent to a destination. The journal remembers it for the next start.
func (b *backend) Pause(ctx context.Context, destination string) error {
	l, err := b.line(destination)
	if err != nil {
		return err
	}
	return l.hold(func() (time.Time, error) { return b.journal.Pause(ctx, destination) })
}

// Resume ends a pause.
func (b *backend) Resume(ctx context.Context, destination string) error {
	l, err := b.line(destination)
	if err != nil {
		return err
	}
	return l.hold(func() (time.Time, error) { return time.Time{}, b.journal.Resume(ctx, destination) })
}

// hold has the worker obey what was written down: since when the destination is paused. A destination that is switched
// off obeys when it is switched on again.
func (l *line) hold(write func() (time.Time, error)) error {
	l.holding.Lock()
	defer l.holding.Unlock()
	since, err := write()
	if err != nil || l.worker == nil {
		return err
	}
	l.worker.Pause(since)
	return nil
}

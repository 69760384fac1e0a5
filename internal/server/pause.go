package server

import (
	"context"
	"fmt"
	"time"

	"tanker/internal/journal"
)

// Pause has nothing sent to a destination. The journal remembers it for the next start.
func (b *backend) Pause(ctx context.Context, destination string) error {
	l, err := b.line(destination)
	if err != nil {
		return err
	}
	return b.obeyed(l.hold(func() (time.Time, error) { return b.journal.Pause(ctx, destination) }))
}

// Resume ends a pause.
func (b *backend) Resume(ctx context.Context, destination string) error {
	l, err := b.line(destination)
	if err != nil {
		return err
	}
	return b.obeyed(l.hold(func() (time.Time, error) { return time.Time{}, b.journal.Resume(ctx, destination) }))
}

var errChanging = fmt.Errorf("the configuration is being changed: %w", journal.ErrClosed)

// obeyed makes an error of what came too late for this fleet, and perhaps too late for the next one to read it.
func (b *backend) obeyed(err error) error {
	if err == nil && b.gone.Load() {
		return errChanging
	}
	return err
}

// hold has the worker obey what was written down: since when the destination is paused. A destination that is switched
// off obeys when it is switched on again.
func (l *line) hold(write func() (time.Time, error)) error {
	l.holding.Lock()
	defer l.holding.Unlock()
	since, err := write()
	if worker := l.worker(); err == nil && worker != nil {
		worker.Pause(since)
	}
	return err
}

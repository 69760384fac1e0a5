package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// pausedRoom is what the bucket of paused destinations may take on disk: a few hundred bytes for each.
const pausedRoom = 1 << 20

// Pause notes that nothing is to be sent to a destination, and returns since when: the pause may be an older one. It is
// on disk when it returns. The journal itself goes on as before; whoever delivers has to obey.
func (j *Journal) Pause(ctx context.Context, destination string) (time.Time, error) {
	if since, err := j.PausedSince(ctx, destination); err != nil || !since.IsZero() {
		return since, err
	}
	since := time.Now().UTC().Truncate(time.Millisecond)
	if _, err := j.paused.PutString(ctx, destination, since.Format(time.RFC3339Nano)); err != nil {
		return time.Time{}, writeError("pause "+destination, err)
	}
	return since, nil
}

// Resume ends a pause, if there is one.
func (j *Journal) Resume(ctx context.Context, destination string) error {
	if err := j.paused.Delete(ctx, destination); err != nil {
		return writeError("resume "+destination, err)
	}
	return nil
}

// PausedSince is since when a destination is paused; zero if it is not.
func (j *Journal) PausedSince(ctx context.Context, destination string) (time.Time, error) {
	entry, err := j.paused.Get(ctx, destination)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read pause of %s: %w: %w", destination, ErrUnavailable, err)
	}
	since, err := time.Parse(time.RFC3339Nano, string(entry.Value()))
	if err != nil {
		return time.Time{}, fmt.Errorf("pause of %s: %w", destination, ErrCorrupt)
	}
	return since, nil
}

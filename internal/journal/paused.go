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

// WatchPaused tells of every destination that is paused, and of every change, by whatever process, until ctx ends. The zero
// time means that it is resumed.
func (j *Journal) WatchPaused(ctx context.Context, tell func(destination string, since time.Time)) error {
	return j.followBucket(ctx, j.paused, func(e jetstream.KeyValueEntry) {
		since, err := time.Parse(time.RFC3339Nano, string(e.Value()))
		if e.Operation() != jetstream.KeyValuePut || err != nil {
			since = time.Time{}
		}
		tell(e.Key(), since)
	})
}

// watchPause is how long to wait before following a bucket again after that has failed.
const watchPause = time.Second

// followBucket tells of what a bucket holds, and of every change, until ctx ends. After trouble it tells of everything again.
func (j *Journal) followBucket(ctx context.Context, bucket jetstream.KeyValue, tell func(jetstream.KeyValueEntry)) error {
	for ctx.Err() == nil {
		watcher, err := bucket.WatchAll(ctx)
		for err == nil {
			select {
			case e, ok := <-watcher.Updates():
				switch {
				case !ok:
					err = ErrClosed
				case e != nil:
					tell(e)
				}
			case <-ctx.Done():
				err = errors.Join(ctx.Err(), watcher.Stop())
			}
		}
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
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

package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// PutSeries keeps how something went, for charts, in the place of what was kept under the key before. The journal does not
// look into it. Keys are letters, digits, -, _ and dots.
func (j *Journal) PutSeries(ctx context.Context, key string, data []byte) error {
	if len(data) > maxPayload {
		return fmt.Errorf("series %s: %d bytes, at most %d are possible", key, len(data), maxPayload)
	}
	if _, err := j.series.Put(ctx, key, data); err != nil {
		return writeError("keep series "+key, err)
	}
	return nil
}

// AllSeries reads everything that PutSeries keeps, by key.
func (j *Journal) AllSeries(ctx context.Context) (map[string][]byte, error) {
	keys, err := j.series.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read series: %w: %w", ErrUnavailable, err)
	}
	all := map[string][]byte{}
	for key := range keys.Keys() {
		entry, err := j.series.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read series %s: %w: %w", key, ErrUnavailable, err)
		}
		all[key] = entry.Value()
	}
	return all, nil
}

// DropSeries removes what is kept under a key.
func (j *Journal) DropSeries(ctx context.Context, key string) error {
	if err := j.series.Purge(ctx, key); err != nil {
		return writeError("remove series "+key, err)
	}
	return nil
}

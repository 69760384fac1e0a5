package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// replaysCopy is the key in ERASURES under which what is known of replays is kept while their bucket is emptied.
const replaysCopy = "replays"

// RewriteReplays writes anew what is known of replays, so that nothing of what was known before is left on the disk. A
// crash in the middle loses nothing: the next start finds the copy.
func (j *Journal) RewriteReplays(ctx context.Context) error {
	j.replaying.Lock()
	defer j.replaying.Unlock()
	saved, err := j.SavedReplays(ctx)
	if err != nil {
		return err
	}
	data, err := json.Marshal(saved)
	if err != nil {
		return fmt.Errorf("copy replays: %w", err)
	}
	if _, err := j.erasures.Put(ctx, replaysCopy, data); err != nil {
		return writeError("copy replays", err)
	}
	stream, err := j.js.Stream(ctx, bucketStream+bucketReplays)
	if err == nil {
		err = stream.Purge(ctx)
	}
	if err != nil {
		return fmt.Errorf("rewrite replays: %w: %w", ErrUnavailable, err)
	}
	return j.restoreReplays(ctx)
}

// restoreReplays puts a copy of what is known of replays back, if there is one.
func (j *Journal) restoreReplays(ctx context.Context) error {
	entry, err := j.erasures.Get(ctx, replaysCopy)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read copy of replays: %w: %w", ErrUnavailable, err)
	}
	var saved map[string][]byte
	if err := json.Unmarshal(entry.Value(), &saved); err != nil {
		return fmt.Errorf("copy of replays: %w: %w", ErrCorrupt, err)
	}
	for key, data := range saved {
		if _, err := j.replays.Create(ctx, key, data); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
			return writeError("rewrite replays", err)
		}
	}
	if err := j.erasures.Purge(ctx, replaysCopy); err != nil {
		return writeError("rewrite replays", err)
	}
	return nil
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketConfig is that of a bucket's stream, as the client has it.
func bucketConfig(name string, room int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: bucketStream + name, Subjects: []string{bucketSubject + name + ".>"}, MaxMsgsPerSubject: 1, MaxBytes: room,
		MaxMsgs: -1, MaxMsgSize: -1, MaxConsumers: -1, AllowRollup: true, DenyDelete: true,
		Duplicates: 2 * time.Minute, Discard: jetstream.DiscardNew,
	}
}

// eachKey calls do for the keys of a bucket and their values. Other than the client's lists of keys it asks the leader
// of the stream.
func (j *Journal) eachKey(ctx context.Context, kv jetstream.KeyValue, do func(key string, value []byte) error) error {
	prefix := bucketSubject + kv.Bucket() + "."
	stream, err := j.js.Stream(ctx, bucketStream+kv.Bucket())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for subject := range info.State.Subjects {
		key := strings.TrimPrefix(subject, prefix)
		entry, err := kv.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // deleted
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, ErrUnavailable, err)
		}
		if err := do(key, entry.Value()); err != nil {
			return err
		}
	}
	return nil
}

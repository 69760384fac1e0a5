package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// keyMembers is how the keys begin by which processes show themselves in the bucket of leases.
const keyMembers = "member."

// CheckIdle says whether a process works with the journal. In a directory nobody else can. On a cluster each process gives
// signs of life; one that has given none for so long is dead. If none has left a trace, CheckIdle returns at once. Errors:
// ErrLocked, ErrUnavailable.
func (s *Store) CheckIdle(ctx context.Context, silence time.Duration) error {
	if s.journal.cluster == nil {
		return nil
	}
	bucket, err := s.journal.js.KeyValue(ctx, bucketLeases)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read bucket %s: %w: %w", bucketLeases, ErrUnavailable, err)
	}
	signs, err := bucket.Watch(ctx, keyMembers+">", jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read bucket %s: %w: %w", bucketLeases, ErrUnavailable, err)
	}
	defer func() { _ = signs.Stop() }() // fails only when the connection is gone, and the watcher with it
	name, err := firstSign(ctx, signs.Updates(), silence)
	if err == nil && name != "" {
		err = fmt.Errorf("%s: %w by process %s", s.Place(), ErrLocked, name)
	}
	return err
}

// firstSign waits for a sign of life of somebody, for a time; "" if there was none, or if there is nobody.
func firstSign(ctx context.Context, signs <-chan jetstream.KeyValueEntry, silence time.Duration) (string, error) {
	members, waited := 0, (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-waited:
			return "", nil
		case sign, open := <-signs:
			switch {
			case !open:
				return "", fmt.Errorf("read bucket %s: %w: the connection is closed", bucketLeases, ErrUnavailable)
			case sign == nil && members == 0: // all that was there has been read
				return "", nil
			case sign == nil:
				waited = time.After(silence)
			case waited != nil:
				return strings.TrimPrefix(sign.Key(), keyMembers), nil
			default:
				members++
			}
		}
	}
}

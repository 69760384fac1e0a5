package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// maxMemory bounds what a destination may have remembered.
const maxMemory = maxPayload - 64<<10

// Remember keeps data for the destination, in the place of what was kept before. It is a shortcut for whoever delivers,
// true only as long as nothing goes on: it is forgotten with the next outcome.
func (c *Cursor) Remember(ctx context.Context, data []byte) error {
	if len(data) > maxMemory {
		return fmt.Errorf("%d bytes to remember, at most %d are possible", len(data), maxMemory)
	}
	c.mu.Lock()
	outcomes := c.outcomes
	c.mu.Unlock()
	stored := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(data)), outcomes)
	if _, err := c.journal.memories.Put(ctx, c.destination, append(stored, data...)); err != nil {
		return writeError("remember", err)
	}
	return nil
}

// Recall returns what Remember kept last; nil if there is nothing, or if an outcome has been stored since.
func (c *Cursor) Recall(ctx context.Context) ([]byte, error) {
	entry, err := c.journal.memories.Get(ctx, c.destination)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recall: %w: %w", ErrUnavailable, err)
	}
	stored := entry.Value()
	if len(stored) < 8 {
		return nil, fmt.Errorf("recall: %w", ErrCorrupt)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if binary.BigEndian.Uint64(stored) != c.outcomes {
		return nil, nil
	}
	return stored[8:], nil
}

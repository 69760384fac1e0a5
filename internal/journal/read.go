package journal

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// How much a reader asks for ahead. A pack larger than the byte limit would never come.
const (
	readAheadPacks = 256
	readAheadBytes = maxPayload + 1<<20
)

// eachMessage calls do for the messages a consumer has now, in order, and returns when there are no more.
func eachMessage(ctx context.Context, cons jetstream.Consumer, do func(jetstream.Msg) error) error {
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	if info.NumPending == 0 {
		return nil
	}
	messages, err := cons.Messages(jetstream.PullMaxMessagesWithBytesLimit(readAheadPacks, readAheadBytes))
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
		if err := do(msg); err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

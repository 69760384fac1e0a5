package journal

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// readAhead is how many packs a reader has in memory at most. A pack is about packTarget bytes at most before
// compression, unless a single event is larger. It is a limit on messages because the client drops some when
// the server's byte limit and its own buffer, which counts messages, are used together.
const readAhead = 16

// eachMessage calls do for the messages a consumer has now, in order, and returns when there are no more.
func eachMessage(ctx context.Context, cons jetstream.Consumer, do func(jetstream.Msg) error) error {
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	if info.NumPending == 0 {
		return nil
	}
	messages, err := cons.Messages(jetstream.PullMaxMessages(readAhead))
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

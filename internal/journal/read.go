package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readAhead is how many packs a reader has in memory at most. A pack is about packTarget bytes at most before
// compression, unless a single event is larger. It is a limit on messages because the client drops some when
// the server's byte limit and its own buffer, which counts messages, are used together.
const readAhead = 16

// heartbeat is how often the server says that it is there while it has nothing to send. The client's reader sometimes
// forgets to ask for more when messages come faster than it can note that it has asked; it finds that out when two
// heartbeats are missing. The default, 15 s, would hold up all that is behind for half a minute.
const heartbeat = 500 * time.Millisecond

// pull reads what a consumer has, one message after the other. When heartbeats are missing it asks again.
func pull(cons jetstream.Consumer) (jetstream.MessagesContext, error) {
	return pullAhead(cons, readAhead)
}

// pullAhead is pull with up to n messages in memory.
func pullAhead(cons jetstream.Consumer, n int) (jetstream.MessagesContext, error) {
	return cons.Messages(jetstream.PullMaxMessages(n), jetstream.PullHeartbeat(heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(false))
}

// eachMessage calls do for the messages a consumer has now, in order, and returns when there are no more.
func eachMessage(ctx context.Context, cons jetstream.Consumer, do func(jetstream.Msg) error) error {
	info, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	if info.NumPending == 0 {
		return nil
	}
	messages, err := pull(cons)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	defer messages.Stop()
	for {
		msg, err := nextMessage(ctx, cons, messages)
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
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

package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The messages that a copy has in memory at most: so many that they are about readBytes, but at least readAhead.
const (
	readMost  = 512
	readBytes = 16 << 20
)

// On a cluster a stream is read from any of its servers, which may lack what the leader has. Then it is tried again, as
// long as it gets better.
const (
	lackingPause    = 100 * time.Millisecond
	lackingPatience = 30 * time.Second
)

// Read hands the messages of a stream to do, in order. A message is valid until do returns. Errors: what do
// returns, ErrUnavailable, the context's.
func (s *Store) Read(ctx context.Context, name string, do func(*StoredMessage) error) error {
	stream, err := s.journal.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", name, ErrUnavailable, err)
	}
	var last uint64
	better := time.Now()
	for {
		before := last
		if err := readAfter(ctx, stream, &last, do); err != nil {
			return err
		}
		if more, err := hasAfter(ctx, stream, last); err != nil || !more {
			return err
		}
		if last > before {
			better = time.Now()
		}
		if time.Since(better) > lackingPatience {
			return fmt.Errorf("read %s: %w: a server has nothing after %d, and the leader has", name, ErrUnavailable, last)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lackingPause):
		}
	}
}

// hasAfter asks the leader of a stream whether there is something after a sequence.
func hasAfter(ctx context.Context, stream jetstream.Stream, seq uint64) (bool, error) {
	_, err := stream.GetMsg(ctx, seq+1, jetstream.WithGetMsgSubject(">"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w: %w", stream.CachedInfo().Config.Name, ErrUnavailable, err)
	}
	return true, nil
}

// readAfter hands what a server has of a stream after a sequence to do, and moves the sequence on.
func readAfter(ctx context.Context, stream jetstream.Stream, last *uint64, do func(*StoredMessage) error) error {
	info := stream.CachedInfo()
	ahead := min(max(readBytes/int(max(info.State.Bytes/max(info.State.Msgs, 1), 1)), readAhead), readMost)
	cons, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *last + 1,
	})
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", info.Config.Name, ErrUnavailable, err)
	}
	there, err := cons.Info(ctx)
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", info.Config.Name, ErrUnavailable, err)
	}
	if there.NumPending == 0 {
		return nil
	}
	messages, err := pullAhead(cons, ahead)
	if err != nil {
		return fmt.Errorf("read %s: %w: %w", info.Config.Name, ErrUnavailable, err)
	}
	defer messages.Stop()
	for {
		m, left, err := nextStored(ctx, messages)
		if err != nil {
			return fmt.Errorf("read %s: %w", info.Config.Name, err)
		}
		if err := do(m); err != nil {
			return err
		}
		*last = m.Seq
		if left == 0 {
			return nil
		}
	}
}

// nextStored waits for the next message, and says how many there are behind it.
func nextStored(ctx context.Context, messages jetstream.MessagesContext) (*StoredMessage, uint64, error) {
	waiting, cancel := context.WithTimeout(ctx, scanPatience)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(waiting))
	if ctx.Err() != nil {
		return nil, 0, ctx.Err()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return &StoredMessage{
		Seq: meta.Sequence.Stream, Time: time.Unix(0, meta.Timestamp.UnixNano()).UTC(), Subject: msg.Subject(),
		Header: encodeHeader(msg.Headers()), Data: msg.Data(),
	}, meta.NumPending, nil
}

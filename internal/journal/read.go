package journal

import (
	"cmp"
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

// pullAhead reads what a consumer has, one message after the other, with up to n messages in memory. When heartbeats are
// missing it asks again.
func pullAhead(cons jetstream.Consumer, n int) (jetstream.MessagesContext, error) {
	return cons.Messages(jetstream.PullMaxMessages(n), jetstream.PullHeartbeat(heartbeat),
		jetstream.WithMessagesErrOnMissingHeartbeat(false))
}

// clusterHeartbeat is the same on a cluster, where a missing heartbeat has a new consumer be agreed on.
const clusterHeartbeat = 2 * time.Second

const (
	// scanPatience is how long a scan waits for the next message, which is there, before it gives up.
	scanPatience = 10 * time.Second
	// scanLooks is after how long it asks for the first time whether the message has been deleted.
	scanLooks = 500 * time.Millisecond
)

// scan calls do for what a stream holds when it begins, as far as the configuration selects it, and perhaps for some of what
// comes meanwhile. It ends at the last message that the stream's leader knows of, not where nothing more is pending: on a
// cluster the consumer may be at a replica that has not got everything yet.
func (j *Journal) scan(ctx context.Context, stream jetstream.Stream, config jetstream.OrderedConsumerConfig, do func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	s := scanner{stream: stream, config: config}
	if err := s.aim(ctx); err != nil || s.target < s.next() {
		return err
	}
	reader := j.read(stream, config)
	defer reader.Stop()
	for s.last < s.target {
		msg, meta, err := s.wait(ctx, reader)
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
		s.last = meta.Sequence.Stream
		if err := do(msg, meta); errors.Is(err, ErrStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// scanner reads a stream up to a message.
type scanner struct {
	stream jetstream.Stream
	config jetstream.OrderedConsumerConfig
	last   uint64 // sequence of the last message that was read
	target uint64 // that of the last one to read
}

// next is the lowest sequence that may come.
func (s *scanner) next() uint64 { return max(s.last+1, s.config.OptStartSeq) }

// aim finds out where the scan ends.
func (s *scanner) aim(ctx context.Context) error {
	target, stored, err := lastOf(ctx, s.stream, s.config.FilterSubjects...)
	if err != nil {
		return err
	}
	if since := s.config.OptStartTime; since != nil && stored.Before(*since) {
		target = 0
	}
	s.target = target
	return nil
}

// wait waits for the next message. Error: ErrStop if what was to come has been deleted.
func (s *scanner) wait(ctx context.Context, reader *streamReader) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	for looks := scanLooks; ; looks *= 2 {
		msg, meta, err := reader.nextWithin(ctx, looks)
		if err == nil {
			return msg, meta, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if errors.Is(err, ErrClosed) {
			return nil, nil, err
		}
		if gone, failed := s.gone(ctx); failed != nil || gone {
			return nil, nil, cmp.Or(failed, ErrStop)
		}
		if looks > scanPatience {
			return nil, nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
		reader.renew()
	}
}

// gone reports whether nothing is left of what was to come: it has been deleted, or cannot be read.
func (s *scanner) gone(ctx context.Context) (bool, error) {
	if s.config.OptStartTime != nil && s.last == 0 { // where it begins the consumer alone knows
		err := s.aim(ctx)
		return s.target == 0, err
	}
	subjects := s.config.FilterSubjects
	if len(subjects) == 0 {
		subjects = s.stream.CachedInfo().Config.Subjects
	}
	for _, subject := range subjects {
		_, err := s.stream.GetMsg(ctx, max(s.next(), 1), jetstream.WithGetMsgSubject(subject))
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
	}
	return true, nil
}

// lastOf is the sequence of the last message of the subjects, which may have wildcards, and when it was stored; without
// subjects that of the stream. It is zero if there is none. The stream's leader says so.
func lastOf(ctx context.Context, stream jetstream.Stream, subjects ...string) (seq uint64, stored time.Time, err error) {
	if len(subjects) == 0 {
		subjects = stream.CachedInfo().Config.Subjects // the last sequence of the stream may be that of a deleted message
	}
	for _, subject := range subjects {
		msg, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, time.Time{}, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
		if msg.Sequence > seq {
			seq, stored = msg.Sequence, msg.Time
		}
	}
	return seq, stored, nil
}

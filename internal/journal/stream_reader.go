package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// How a reader's consumer is made and kept.
const (
	makeTimeout = 5 * time.Second
	// keepIdle is how long the server keeps a consumer that nobody asks for more.
	keepIdle = 2 * time.Minute
)

// streamReader reads what a stream holds and what comes, in order, each message once. The consumer that the server keeps for it may
// vanish with the server, or skip something: it is made anew then, behind the last message that was read. One
// goroutine may call Next at a time.
type streamReader struct {
	stream jetstream.Stream
	config jetstream.OrderedConsumerConfig
	beat   time.Duration // how often the server says that it is there

	last     uint64 // sequence of the last message; belongs to Next
	received uint64 // messages of the present consumer; belongs to Next

	mu       sync.Mutex
	stopped  bool
	messages jetstream.MessagesContext // nil while there is no consumer
}

// read begins to read a stream. The reader has to be stopped.
func (j *Journal) read(stream jetstream.Stream, config jetstream.OrderedConsumerConfig) *streamReader {
	beat := heartbeat
	if j.cluster != nil {
		beat = clusterHeartbeat
	}
	return &streamReader{stream: stream, config: config, beat: beat}
}

// Next waits for the next message. Errors: the context's, ErrClosed after Stop, ErrUnavailable; after this one it may be
// called again.
func (r *streamReader) Next(ctx context.Context) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	for failed := false; ; {
		messages, err := r.open(ctx)
		if err != nil {
			return nil, nil, err
		}
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err == nil {
			meta, err := msg.Metadata()
			if err != nil {
				return nil, nil, fmt.Errorf("read journal: %w: %w", ErrCorrupt, err)
			}
			if r.received++; meta.Sequence.Consumer == r.received {
				r.last = meta.Sequence.Stream
				return msg, meta, nil
			}
			r.drop(messages) // something was lost on the way
			continue
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		r.drop(messages)
		if failed {
			return nil, nil, r.failure(err)
		}
		failed = true
	}
}

// nextWithin waits so long for the next message, once there is a consumer. Beside the errors of Next it returns
// context.DeadlineExceeded.
func (r *streamReader) nextWithin(ctx context.Context, d time.Duration) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	if _, err := r.open(ctx); err != nil {
		return nil, nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return r.Next(waiting)
}

// renew has the next message be read by a new consumer. What the first one was asked may not have reached it.
func (r *streamReader) renew() {
	r.mu.Lock()
	messages := r.messages
	r.mu.Unlock()
	if messages != nil {
		r.drop(messages)
	}
}

// open returns what the present consumer sends, and makes a consumer if there is none.
func (r *streamReader) open(ctx context.Context) (jetstream.MessagesContext, error) {
	r.mu.Lock()
	messages, stopped := r.messages, r.stopped
	r.mu.Unlock()
	if stopped {
		return nil, ErrClosed
	}
	if messages != nil {
		return messages, nil
	}
	making, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	cons, err := r.stream.CreateConsumer(making, r.consumer())
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, r.failure(err)
	}
	messages, err = cons.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullHeartbeat(r.beat),
		jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return nil, r.failure(err)
	}
	r.received = 0
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		messages.Stop()
		return nil, ErrClosed
	}
	r.messages = messages
	return messages, nil
}

// consumer is the configuration of a consumer that begins behind the last message.
func (r *streamReader) consumer() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		DeliverPolicy: r.config.DeliverPolicy, OptStartSeq: r.config.OptStartSeq, OptStartTime: r.config.OptStartTime,
		HeadersOnly: r.config.HeadersOnly,
		AckPolicy:   jetstream.AckNonePolicy, MaxDeliver: 1, MemoryStorage: true, Replicas: 1, InactiveThreshold: keepIdle,
	}
	if r.last > 0 {
		c.DeliverPolicy, c.OptStartSeq, c.OptStartTime = jetstream.DeliverByStartSequencePolicy, r.last+1, nil
	}
	if len(r.config.FilterSubjects) == 1 {
		c.FilterSubject = r.config.FilterSubjects[0]
	} else {
		c.FilterSubjects = r.config.FilterSubjects
	}
	return c
}

// drop gives a consumer up.
func (r *streamReader) drop(messages jetstream.MessagesContext) {
	messages.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.messages == messages {
		r.messages = nil
	}
}

// failure is the error of a Next that could not go on.
func (r *streamReader) failure(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped || closedConn(err) {
		return ErrClosed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v", makeTimeout)
	}
	return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
}

// Stop ends the reader. A Next that waits returns ErrClosed.
func (r *streamReader) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.messages != nil {
		r.messages.Stop()
		r.messages = nil
	}
}

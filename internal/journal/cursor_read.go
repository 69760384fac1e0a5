package journal

import (
	"context"
	"fmt"
	"math"

	"github.com/nats-io/nats.go/jetstream"
)

// filters are the subjects that the cursor reads.
func (c *Cursor) filters() []string {
	filters := make([]string, len(c.prefixes))
	for i, prefix := range c.prefixes {
		filters[i] = prefix + ">"
	}
	return filters
}

// nextPack waits for the cursor's next pack: of EVENTS, or of those that were rewritten. It returns nil when it has found out
// that nothing is left to read.
func (c *Cursor) nextPack(ctx context.Context, messages jetstream.MessagesContext) (*loggedPack, error) {
	if c.ahead == nil && c.caughtUp {
		if p, err := c.nextRewritten(ctx, math.MaxUint64); p != nil || err != nil {
			return p, err
		}
	}
	if c.ahead == nil {
		msg, err := c.nextMessage(ctx, messages)
		if err != nil || msg == nil {
			return nil, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		c.ahead = &loggedPack{
			seq: meta.Sequence.Stream, subject: msg.Subject(), stored: meta.Timestamp.UTC(), data: msg.Data(), last: meta.NumPending == 0,
		}
	}
	if c.journal.shared() && c.ahead.seq > c.last+1 { // another process may have taken what is missing
		if err := c.journal.loadRewritten(ctx); err != nil {
			return nil, err
		}
	}
	p, err := c.nextRewritten(ctx, c.ahead.seq)
	if err != nil {
		return nil, err
	}
	if p != nil && p.seq < c.ahead.seq {
		return p, nil
	}
	last := c.ahead.last
	if p == nil {
		p = c.ahead
	}
	c.ahead, p.last = nil, last
	return p, nil
}

// nextMessage waits for the next message. While there are users to be told of it returns nil when nothing is left to read,
// which the messages alone do not say if one of them cannot be read: the server passes over it, but counts it.
func (c *Cursor) nextMessage(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	if c.caughtUp || c.ParkedUsers() == 0 {
		return messages.Next(jetstream.NextContext(ctx))
	}
	waiting, cancel := context.WithTimeout(ctx, scanLooks)
	defer cancel()
	msg, err := messages.Next(jetstream.NextContext(waiting))
	if err == nil || waiting.Err() == nil || ctx.Err() != nil {
		return msg, err
	}
	next, err := c.nextOwn(ctx, c.last)
	c.caughtUp = err == nil && next == nil
	return nil, err
}

// nextRewritten is the cursor's first pack behind the last one that was read, up to a sequence, that was rewritten; nil if
// there is none.
func (c *Cursor) nextRewritten(ctx context.Context, upTo uint64) (*loggedPack, error) {
	p, err := c.journal.nextRewritten(ctx, c.last+1, upTo, c.filters()...)
	if p != nil {
		p.last = c.caughtUp && c.ahead == nil
	}
	return p, err
}

// lookAgain has a Next that waits look for packs that were rewritten, if this one has not been read.
func (c *Cursor) lookAgain(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.messages != nil && c.state.newest() < seq {
		c.messages.Stop()
		c.messages, c.looking = nil, true
	}
}

// looksAgain reports whether reading failed only because lookAgain has ended it.
func (c *Cursor) looksAgain(messages jetstream.MessagesContext) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := c.looking && c.messages != messages && !c.closed
	c.looking = false
	return again
}

package journal

import (
	"context"
	"errors"
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

// caughtUp reports whether all packs have been read that there were in EVENTS when it was looked at last.
func (c *Cursor) caughtUp() bool { return c.last >= c.end }

// nextPack waits for the cursor's next pack: of EVENTS, or of those that were rewritten. It returns nil when it has found out
// that nothing is left to read.
func (c *Cursor) nextPack(ctx context.Context, messages *streamReader) (*loggedPack, error) {
	if c.ahead == nil && c.caughtUp() {
		if p, err := c.lastRewritten(ctx); p != nil || err != nil {
			return p, err
		}
	}
	if c.ahead == nil {
		msg, meta, err := c.nextMessage(ctx, messages)
		if err != nil || msg == nil {
			return nil, err
		}
		c.ahead = &loggedPack{
			seq: meta.Sequence.Stream, subject: msg.Subject(), stored: meta.Timestamp.UTC(), data: msg.Data(),
			ids: msg.Headers().Get(headerIDs),
		}
	}
	if c.journal.shared() && c.ahead.seq > c.last+1 { // another process may have taken what is missing
		if err := c.journal.loadRewritten(ctx); err != nil {
			return nil, err
		}
	}
	p, err := c.journal.nextRewritten(ctx, c.last+1, c.ahead.seq, c.filters()...)
	if err != nil {
		return nil, err
	}
	if p != nil && p.seq < c.ahead.seq {
		return p, nil
	}
	if p == nil {
		p = c.ahead
	}
	c.ahead = nil
	return p, nil
}

// nextMessage waits for the next message. While there are users to be told of it returns nil when nothing is left to read,
// which the messages alone do not say if one of them cannot be read: the server passes over it, but counts it.
func (c *Cursor) nextMessage(ctx context.Context, messages *streamReader) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	if c.caughtUp() || c.ParkedUsers() == 0 {
		return messages.Next(ctx)
	}
	msg, meta, err := messages.nextWithin(ctx, scanLooks)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return msg, meta, err
	}
	next, err := c.journal.nextOf(ctx, c.prefixes, c.last)
	switch {
	case err != nil:
	case next == nil:
		c.end = c.last
	default:
		messages.renew()
	}
	return nil, nil, err
}

// lastRewritten is the cursor's next pack if it was rewritten and EVENTS holds none that has to come before it; nil if not.
func (c *Cursor) lastRewritten(ctx context.Context) (*loggedPack, error) {
	if c.journal.rewrites.next(c.last+1, math.MaxUint64, c.filters()...) == 0 {
		return nil, nil
	}
	var err error
	if c.end, _, err = lastOf(ctx, c.journal.events, c.filters()...); err != nil || !c.caughtUp() {
		return nil, err
	}
	if c.journal.shared() {
		if err := c.journal.loadRewritten(ctx); err != nil {
			return nil, err
		}
	}
	return c.journal.nextRewritten(ctx, c.last+1, math.MaxUint64, c.filters()...)
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
func (c *Cursor) looksAgain(messages *streamReader) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := c.looking && c.messages != messages && !c.closed
	c.looking = false
	return again
}

package delivery

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

// caller makes calls and judges how they ended. Many goroutines run it.
type caller struct {
	o     *Options
	ctx   context.Context // of the calls: it outlives the order to stop by the grace period
	ended *mailbox[*item]
}

// run makes the calls it gets until the queue is closed.
func (c *caller) run(queue <-chan *item) {
	for it := range queue {
		c.call(it)
		c.ended.put(it)
	}
}

func (c *caller) call(it *item) {
	if !c.entitled() {
		it.verdict = verdict{action: actAbandon, class: classOf(refiner.ClassCanceled)}
		return
	}
	begun := time.Now().UTC()
	answer, err := c.o.Client.Do(c.ctx, it.request())
	took := time.Since(begun)
	if err != nil && (c.ctx.Err() != nil || !c.entitled()) {
		it.verdict = verdict{action: actAbandon, class: classOf(refiner.ClassCanceled)}
		return
	}
	v := c.judge(it, begun, took, err)
	if err == nil {
		v.status = answer.Status
		if len(it.more) > 0 {
			v.action, v.kind = actNext, ""
		}
		if it.entry.ReplayOf == 0 && v.action == actFinish { // the age of a replay says nothing of how fast delivery is
			c.observe(it, begun.Add(took))
		}
	}
	it.verdict = v
	c.o.Observer.Call(v.class.String(), v.status, took)
	c.log(it, took)
}

// entitled reports whether calls may be made at this moment.
func (c *caller) entitled() bool { return c.o.Right == nil || c.o.Right.Valid() }

// observe tells of the events that a call has brought.
func (c *caller) observe(it *item, at time.Time) {
	c.o.Observer.Delivered(at.Sub(it.entry.ReceivedAt))
	for _, other := range it.carried {
		c.o.Observer.Delivered(at.Sub(other.entry.ReceivedAt))
		c.o.Observer.Saved(savedByMerging)
	}
}

// judge decides and keeps account of the attempts. A call that was answered with 429 or a refusal of the
// credentials is no attempt, and neither is one of several events that was refused as a whole.
func (c *caller) judge(it *item, begun time.Time, took time.Duration, err error) verdict {
	tried := it.entry.Retry
	before := tried
	tried.Attempts++
	if tried.First.IsZero() {
		tried.First = begun
	}
	now := begun.Add(took)
	v := decide(err, tried, now, c.o.RetryFor, rand.Float64())
	v.before = before
	if len(it.carried) > 0 {
		v = v.ofMerged()
	}
	if v.action == actLimited || v.action == actBlock || v.action == actSplit {
		return v
	}
	tried.Next = now.Add(v.delay)
	it.entry.Retry = tried
	if err == nil {
		return v
	}
	it.attempt(journal.Attempt{
		At: begun, Took: took, Status: v.status, Error: clip(asRefinerError(err).Message, maxAttemptText),
	})
	if v.kind == journal.Dead {
		v.letter = newLetter(c.o, it, v, err)
	}
	return v
}

// log writes the one line of the attempt. User ids are personal data, and so is what Refiner says of an
// event: position and message id are enough to find it.
func (c *caller) log(it *item, took time.Duration) {
	v := &it.verdict
	level, text := slog.LevelDebug, "call"
	if v.kind == journal.Dead {
		level, text = slog.LevelWarn, "dead letter"
	}
	if !c.o.Logger.Enabled(c.ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("position", it.entry.Position.String()),
		slog.String("message_id", it.entry.MessageID),
		slog.String("source", it.entry.Source),
		slog.String("path", it.call.Path),
		slog.String("class", v.class.String()),
		slog.Int("status", v.status),
		slog.Duration("took", took),
		slog.Int("attempts", it.entry.Retry.Attempts),
		slog.Duration("age", time.Since(it.entry.ReceivedAt)),
	}
	if n := len(it.carried); n > 0 {
		attrs = append(attrs, slog.Int("carried", n))
	}
	if v.kind != "" {
		attrs = append(attrs, slog.String("kind", string(v.kind)))
	}
	if v.reason != "" {
		attrs = append(attrs, slog.String("reason", v.reason))
	}
	if v.message != "" && v.class != classOf(refiner.ClassEvent) {
		attrs = append(attrs, slog.String("error", v.message))
	}
	if v.delay > 0 {
		attrs = append(attrs, slog.Duration("retry_in", v.delay))
	}
	c.o.Logger.LogAttrs(c.ctx, level, text, attrs...)
}

// lastAnswer is the body of the answer that an error came with, bounded.
func lastAnswer(err error) string {
	e, ok := errors.AsType[*refiner.Error](err)
	if !ok {
		return ""
	}
	return clip(string(e.Body[:min(len(e.Body), maxAnswerKept)]), maxAnswerKept)
}

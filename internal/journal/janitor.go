package journal

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// janitorEvery is how often the janitor looks; while room is short it looks every shortEvery.
const (
	janitorEvery = time.Minute
	shortEvery   = 5 * time.Second
)

// pressure is the share of the room, in percent, above which finished events go before the retention is over: it
// is better to refuse a replay than to refuse an event.
const pressure = 80

// HoldBack names destinations whose events the janitor must keep until they are finished, though their cursors may be open in
// another process.
func (j *Journal) HoldBack(destinations func() []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.others = destinations
}

// RunJanitor deletes what every destination has finished and what is older than the retention, until the context
// ends. Start it when the cursors of all destinations are open, or HoldBack has named them: what nothing holds back counts
// as finished. Where several processes share the journal, one of them runs it.
func (j *Journal) RunJanitor(ctx context.Context) error {
	tick := time.NewTicker(shortEvery)
	defer tick.Stop()
	var last time.Time
	for {
		if now := time.Now(); now.Sub(last) >= janitorEvery || j.short(ctx) {
			if err := j.Tidy(ctx, now); err != nil && ctx.Err() == nil {
				j.opts.Logger.Error("janitor did not finish", "error", err)
			}
			last = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// short says whether room runs short.
func (j *Journal) short(ctx context.Context) bool {
	bytes, err := j.storedBytes(ctx)
	return err == nil && j.tooFull(bytes) > 0
}

// Tidy does the janitor's work once, as of a time.
func (j *Journal) Tidy(ctx context.Context, now time.Time) error {
	first, last, err := j.extent(ctx)
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	if first > last {
		return nil
	}
	finished, err := j.finishedByAll(ctx, last)
	if err != nil {
		return err
	}
	old, err := j.lastBefore(ctx, now.Add(-j.opts.Retention), first, last)
	if err != nil {
		return err
	}
	bytes, err := j.storedBytes(ctx)
	if err != nil {
		return err
	}
	upTo := min(finished, old)
	if short := j.tooFull(bytes); short > 0 {
		early := first + uint64(float64(last-first+1)*short)
		upTo = max(upTo, min(finished, early))
	}
	if upTo < first {
		return nil
	}
	return j.deleteUpTo(ctx, upTo)
}

// finishedByAll is the sequence up to which no destination needs the events any more.
func (j *Journal) finishedByAll(ctx context.Context, end uint64) (uint64, error) {
	var cursors []*Cursor
	j.mu.Lock()
	others := j.others
	j.mu.Unlock()
	if others != nil {
		var err error
		if cursors, err = j.savedCursors(ctx, others()); err != nil {
			return 0, err
		}
	}
	for _, c := range append(cursors, j.openCursors()...) {
		n, err := c.finishedUpTo(ctx, end)
		if err != nil {
			return 0, err
		}
		end = min(end, n)
	}
	return end, nil
}

// lastBefore is the last sequence from first to last that was stored before a time, by bisection; 0 if there is none.
func (j *Journal) lastBefore(ctx context.Context, limit time.Time, first, last uint64) (uint64, error) {
	var low uint64 // the last that is known to be stored before limit
	for high := last + 1; first < high; {
		mid := first + (high-first)/2
		p, err := j.nextLogged(ctx, mid, ">")
		if err != nil {
			return 0, err
		}
		if p == nil || p.seq >= high || !p.stored.Before(limit) {
			high = mid
		} else {
			low, first = p.seq, p.seq+1
		}
	}
	return low, nil
}

// storedBytes is what the events take.
func (j *Journal) storedBytes(ctx context.Context) (uint64, error) {
	var bytes uint64
	for _, stream := range []jetstream.Stream{j.events, j.rewritten} {
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, fmt.Errorf("read journal size: %w: %w", ErrUnavailable, err)
		}
		bytes += info.State.Bytes
	}
	return bytes, nil
}

// tooFull is the share of the stored events that has to go to come back to half the pressure mark.
func (j *Journal) tooFull(bytes uint64) float64 {
	if float64(bytes) < float64(j.opts.MaxBytes)*pressure/100 && !j.full.Load() {
		return 0
	}
	return 0.5
}

// deleteUpTo deletes packs, after writing down how many events the subjects held, because the last pack of a
// subject, which tells that otherwise, may be among them.
func (j *Journal) deleteUpTo(ctx context.Context, seq uint64) error {
	if err := j.refreshCounts(ctx, ""); err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	j.mu.Lock()
	counts := maps.Clone(j.stored)
	j.mu.Unlock()
	for subject, t := range counts {
		if err := j.writeCount(ctx, subject, t); err != nil {
			return fmt.Errorf("tidy: write count of %s: %w: %w", subject, ErrUnavailable, err)
		}
	}
	if err := j.events.Purge(ctx, jetstream.WithPurgeSequence(seq+1)); err != nil {
		return fmt.Errorf("tidy: delete up to %d: %w: %w", seq, ErrUnavailable, err)
	}
	if err := j.purgeRewritten(ctx, seq); err != nil {
		return err
	}
	j.opts.Logger.Debug("janitor deleted finished events", "up_to", seq)
	return nil
}

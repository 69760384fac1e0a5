package history

import (
	"bytes"
	"context"
	"errors"
	"time"

	"tanker/internal/journal"
)

const (
	// A replay adds its events in small portions, so that a live event never finds many of them before it.
	portionsPerMinute = 240
	// So many events are read ahead of that, or bytes.
	readAheadEvents = 512
	readAheadBytes  = 4 << 20
	// saveEvery is how often a job that runs writes down how far it is. A crash costs nothing but reading again.
	saveEvery = time.Second
	// holdFor is how long to wait before asking again when nothing may be sent.
	holdFor = time.Second
	// tryAgainAfter is how long to wait for a journal that fails.
	tryAgainAfter = 5 * time.Second
)

// replayRun is one run of a job: from its start, or from where it was interrupted.
type replayRun struct {
	replays *Replays
	job     *Replay // shared; changed under replays.mu
	state   Replay  // the run's own
	target  *Target

	last   journal.Position // the last event that was sent
	ahead  []journal.Entry  // read and not sent
	read   progressMark     // after these
	saved  time.Time
	next   time.Time // when the next portion may go
	worked time.Time // when Running was last counted up
}

// progressMark is how far reading has come.
type progressMark struct {
	after             uint64
	searched, skipped int
	end               bool // there is nothing after it
}

// run sends until all is sent, the job is stopped or something is wrong for good.
func (r *replayRun) run(ctx context.Context) {
	r.worked = time.Now()
	err := r.work(ctx)
	switch {
	case ctx.Err() != nil: // stopped, or the server is: the state is as it was set
	case err != nil:
		r.state.State, r.state.Reason = ReplayFailed, err.Error()
		r.replays.logger.Error("replay failed", "replay", r.state.ID, "destination", r.state.Destination, "error", err)
	default:
		r.state.State, r.state.Reason = ReplayDone, ""
		r.replays.logger.Info("replay is done", "replay", r.state.ID, "destination", r.state.Destination, "sent", r.state.Sent)
	}
	if ctx.Err() == nil {
		r.state.Changed = time.Now().UTC()
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryAgainAfter)
	defer cancel()
	r.publish(saving)
}

func (r *replayRun) work(ctx context.Context) error {
	if r.target == nil {
		return errors.New("the destination is not configured any more")
	}
	if err := r.patiently(ctx, func() error { return r.resume(ctx) }); err != nil {
		return err
	}
	for {
		if len(r.ahead) == 0 && !r.read.end {
			if err := r.patiently(ctx, func() error { return r.fill(ctx) }); err != nil {
				return err
			}
		}
		if len(r.ahead) == 0 && r.read.end {
			r.reached()
			return nil
		}
		if err := r.wait(ctx); err != nil {
			return err
		}
		if err := r.patiently(ctx, func() error { return r.send(ctx) }); err != nil {
			return err
		}
		if time.Since(r.saved) >= saveEvery {
			r.publish(ctx)
		}
	}
}

// resume finds out what was sent before.
func (r *replayRun) resume(ctx context.Context) error {
	n, last, err := r.replays.log.Replayed(ctx, r.state.Destination, r.state.name())
	if err != nil {
		return err
	}
	r.state.Sent, r.last = int(n), max(last, journal.At(r.state.After+1, 0)-1)
	r.read = progressMark{after: r.state.After, searched: r.state.Searched, skipped: r.state.Skipped}
	return nil
}

// fill reads events that are to be sent, up to the end of a pack.
func (r *replayRun) fill(ctx context.Context) error {
	first, _, err := r.replays.log.Extent(ctx)
	if err != nil {
		return err
	}
	if first > max(r.read.after+1, r.state.From) {
		r.state.Lost = true
	}
	mark, bytes := r.read, 0
	mark.end = true
	r.ahead = r.ahead[:0]
	scan := journal.Scan{Sources: r.target.Sources, Since: r.state.Since, After: r.read.after, UpTo: r.state.UpTo}
	if r.read.after >= r.state.From {
		scan.Since = time.Time{}
	}
	err = r.replays.log.Scan(ctx, scan, func(p journal.StoredPack) error {
		if r.state.over(&p) {
			return journal.ErrStop
		}
		for i := range p.Entries {
			bytes += r.take(&p.Entries[i], &mark)
		}
		mark.after = p.Seq
		if len(r.ahead) >= readAheadEvents || bytes >= readAheadBytes || time.Since(r.saved) >= saveEvery {
			mark.end = false
			return journal.ErrStop
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.read = mark
	return nil
}

// take keeps an event if it is to be sent. It returns how many bytes that takes.
func (r *replayRun) take(e *journal.Entry, mark *progressMark) int {
	mark.searched++
	if !r.state.selects(e, e.ReceivedAt) {
		return 0
	}
	if mapped := Map(r.target.Mapper, e); !mapped.Callable() {
		mark.skipped++
		return 0
	}
	if e.Position <= r.last {
		return 0
	}
	e.ReplayOf = e.Position
	e.Body = bytes.Clone(e.Body) // it would keep the whole pack in memory
	r.ahead = append(r.ahead, *e)
	return len(e.Body)
}

// wait waits for the next portion's turn.
func (r *replayRun) wait(ctx context.Context) error {
	if len(r.ahead) == 0 {
		return ctx.Err()
	}
	for {
		if err := sleep(ctx, time.Until(r.next)); err != nil {
			return err
		}
		reason := r.target.Hold(ctx, r.state.Rate)
		if reason == "" {
			r.state.Reason = ""
			return ctx.Err()
		}
		if reason != r.state.Reason {
			r.state.Reason = reason
			r.publish(ctx)
		}
		r.next = time.Now().Add(holdFor)
	}
}

// send sends a portion.
func (r *replayRun) send(ctx context.Context) error {
	portion := r.ahead[:min(len(r.ahead), max(1, r.state.Rate/portionsPerMinute))]
	if len(portion) > 0 {
		if err := r.replays.log.Replay(ctx, r.state.Destination, r.state.name(), portion); err != nil {
			return errors.Join(err, r.resend(ctx))
		}
		r.sent(portion)
		r.next = time.Now().Add(time.Duration(len(portion)) * time.Minute / time.Duration(r.state.Rate))
	}
	if len(r.ahead) == 0 {
		r.reached()
	}
	return nil
}

// reached notes that all is sent that was read.
func (r *replayRun) reached() {
	r.state.After, r.state.Searched, r.state.Skipped = r.read.after, r.read.searched, r.read.skipped
}

func (r *replayRun) sent(portion []journal.Entry) {
	r.state.Sent += len(portion)
	r.last = portion[len(portion)-1].Position
	r.ahead = r.ahead[len(portion):]
}

// resend leaves out what was stored although the journal did not say so.
func (r *replayRun) resend(ctx context.Context) error {
	n, last, err := r.replays.log.Replayed(ctx, r.state.Destination, r.state.name())
	if err != nil {
		return err
	}
	for len(r.ahead) > 0 && r.ahead[0].Position <= last {
		r.last = r.ahead[0].Position
		r.ahead = r.ahead[1:]
	}
	r.state.Sent = int(n)
	return nil
}

// patiently repeats what fails because of the journal, until it works or ctx ends.
func (r *replayRun) patiently(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !errors.Is(err, journal.ErrFull) && !errors.Is(err, journal.ErrUnavailable) {
			return err
		}
		r.state.Reason = err.Error()
		r.publish(ctx)
		if err := sleep(ctx, tryAgainAfter); err != nil {
			return err
		}
	}
}

// publish shows how far the run is, and writes it down. What Stop has set meanwhile stays.
func (r *replayRun) publish(ctx context.Context) {
	now := time.Now()
	r.state.Running += now.Sub(r.worked)
	r.saved, r.worked = now, now
	r.replays.mu.Lock()
	defer r.replays.mu.Unlock()
	if r.job.State != ReplayRunning {
		r.state.State, r.state.Changed, r.state.Reason = r.job.State, r.job.Changed, r.job.Reason
	}
	*r.job = r.state
	if err := r.replays.save(ctx, r.job); err != nil && ctx.Err() == nil {
		r.replays.logger.Warn("how far a replay is was not written down", "replay", r.state.ID, "error", err)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

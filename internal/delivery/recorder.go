package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tanker/internal/journal"
)

// mostOutcomes is how many outcomes are stored in one go.
const mostOutcomes = 2048

// recorder stores outcomes. While one batch is being stored the next one gathers, so that an idle worker
// stores each outcome at once and a busy one stores many for the price of one.
type recorder struct {
	o       *Options
	in      mailbox[*item]
	woken   <-chan struct{} // of in
	out     *mailbox[*item] // to the scheduler
	trouble *trouble
	abort   func(error) // told when the log is lost
}

// run stores what comes in until stop is closed and all is stored. When ctx is cancelled before, or the log
// belongs to somebody else, the rest is given up: the error says how much, and those calls will be
// made again.
func (r *recorder) run(ctx context.Context, stop <-chan struct{}) error {
	var batch []*item
	var failure error
	unstored := 0
	for {
		if batch = r.in.take(batch); len(batch) == 0 {
			select {
			case <-r.woken:
				continue
			case <-stop:
				return giveUp(unstored, failure)
			}
		}
		for rest := batch; len(rest) > 0; {
			n := min(len(rest), mostOutcomes)
			if err := r.store(ctx, rest[:n]); err != nil {
				failure = err
				unstored += n
			}
			r.out.put(rest[:n]...)
			rest = rest[n:]
		}
	}
}

func giveUp(unstored int, err error) error {
	if unstored == 0 {
		return nil
	}
	return fmt.Errorf("%d outcomes could not be stored, their calls will be made again: %w", unstored, err)
}

// store repeats Finish until it succeeds. Events whose dead letters find no room are told so.
func (r *recorder) store(ctx context.Context, items []*item) error {
	outcomes := make([]journal.Outcome, len(items))
	now := time.Now().UTC()
	for i, it := range items {
		outcomes[i] = it.outcome(now)
	}
	for failures := 1; ; failures++ {
		err := r.o.Log.Finish(ctx, outcomes)
		if full, ok := errors.AsType[*journal.NoRoomError](err); ok {
			for _, it := range items {
				it.unburied = full.Letters[it.entry.Position]
			}
			err = nil
		}
		if err == nil {
			break
		}
		r.trouble.report(ctx, "storing outcomes", err, failures)
		if lost(err) {
			r.abort(err)
			return err
		}
		if !sleep(ctx, logBackoff(failures)) {
			return errors.Join(ctx.Err(), err)
		}
	}
	r.trouble.clear(ctx)
	for i := range outcomes {
		if items[i].unburied == 0 {
			r.o.Observer.Outcome(outcomes[i].Kind, outcomes[i].Reason)
		}
	}
	return nil
}

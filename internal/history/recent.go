package history

import (
	"context"
	"fmt"
	"time"

	"tanker/internal/journal"
)

// Record is the journal as the latest calls are read from it. A *journal.Journal is one.
type Record interface {
	ReadOutcomes(ctx context.Context, s journal.OutcomeScan, do func(journal.OutcomeBatch) error) error
	Lookup(ctx context.Context, positions []journal.Position, do func(journal.Entry) error) error
}

// Call is a call that was made for an event.
type Call struct {
	User string    // whose event it was, as the mapping has it now; "" if that is not known any more
	At   time.Time // when its outcome was recorded, soon after its end
}

// CallsOptions say which calls to find.
type CallsOptions struct {
	// Since is from when on.
	Since time.Time
	// Most is how many at most: the latest.
	Most int
	// Stored has all times be those at which outcomes were stored, by the clock of the journal's server, and not those that
	// the process which made the calls has written down: its clock may differ.
	Stored bool
	// UpTo is the sequence of a batch of outcomes that must have been read. 0 means none.
	UpTo uint64
}

// Calls finds the calls that were made to a destination, in the order in which they ended. A call that led to no outcome is not known: it failed and is to be made again, or the process
// was killed while it was under way. With an error come the calls that were found nevertheless, perhaps without their
// users.
func Calls(ctx context.Context, record Record, destination Destination, options CallsOptions) ([]Call, error) {
	var calls []Call
	var positions []journal.Position
	var seen uint64
	most := options.Most
	scan := journal.OutcomeScan{Destination: destination.Name, Since: options.Since}
	err := record.ReadOutcomes(ctx, scan, func(b journal.OutcomeBatch) error {
		seen = b.Seq
		for i := range b.Outcomes {
			o, at := &b.Outcomes[i], b.Outcomes[i].At
			if options.Stored {
				at = b.Stored
			}
			if called(o) && !at.Before(options.Since) {
				calls, positions = append(calls, Call{At: at}), append(positions, o.Position)
			}
		}
		if len(calls) > 2*most {
			calls, positions = latest(calls, most), latest(positions, most)
		}
		return nil
	})
	if err == nil && seen < options.UpTo {
		err = fmt.Errorf("%w: outcomes up to %d are there, only those up to %d were read", journal.ErrUnavailable, options.UpTo, seen)
	}
	if err != nil {
		return latest(calls, most), err
	}
	calls, positions = latest(calls, most), latest(positions, most)
	index := make(map[journal.Position]int, len(positions))
	for i, pos := range positions {
		index[pos] = i
	}
	return calls, record.Lookup(ctx, positions, func(e journal.Entry) error {
		calls[index[e.Position]].User = Map(destination.Mapper, &e).User
		return nil
	})
}

// called reports whether an outcome is that of a call of the event's own.
func called(o *journal.Outcome) bool {
	return o.Kind != journal.Parked && o.Attempts > 0 && o.CarriedBy == 0
}

// latest keeps the last elements, up to so many.
func latest[T any](all []T, most int) []T {
	if n := len(all) - most; n > 0 {
		return append(all[:0:0], all[n:]...)
	}
	return all
}

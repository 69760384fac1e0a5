package history

import (
	"context"
	"time"

	"tanker/internal/journal"
)

// Record is the journal as the latest calls are read from it. A *journal.Journal is one.
type Record interface {
	ScanOutcomes(ctx context.Context, destination string, since time.Time, do func([]journal.Outcome) error) error
	Lookup(ctx context.Context, positions []journal.Position, do func(journal.Entry) error) error
}

// Call is a call that was made for an event.
type Call struct {
	User string    // whose event it was, as the mapping has it now; "" if that is not known any more
	At   time.Time // when its outcome was recorded, soon after its end
}

// Calls finds the calls that were made to a destination since a time, the latest ones up to so many, in the order in
// which they ended. A call that led to no outcome is not known: it failed and is to be made again, or the process
// was killed while it was under way. With an error come the calls that were found nevertheless, perhaps without their
// users.
func Calls(ctx context.Context, record Record, destination Destination, since time.Time, most int) ([]Call, error) {
	var calls []Call
	var positions []journal.Position
	err := record.ScanOutcomes(ctx, destination.Name, since, func(outcomes []journal.Outcome) error {
		for i := range outcomes {
			if o := &outcomes[i]; called(o) && !o.At.Before(since) {
				calls, positions = append(calls, Call{At: o.At}), append(positions, o.Position)
			}
		}
		if len(calls) > 2*most {
			calls, positions = latest(calls, most), latest(positions, most)
		}
		return nil
	})
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

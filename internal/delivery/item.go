package delivery

import (
	"time"

	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// itemOverhead is what an item costs in memory beside its bodies: itself, its strings, its part of a lane.
const itemOverhead = 768

// item is one event in the window, from reading until its outcome is recorded. It has one owner at a time:
// reader, scheduler, a caller, scheduler, recorder, scheduler.
type item struct {
	told *journal.ParkedUser // set if this is no event but news of a user with parked events

	entry journal.Entry   // Body is the item's own copy; Retry is kept up to date
	call  refiner.Request // what the mapping made of it
	more  []mapping.Call  // the calls that the event needs after this one
	made  int             // how many of its calls have succeeded
	typ   string          // of the message
	tried []journal.Attempt
	size  int

	key          string // of its lane; "" if there is nothing to call
	lane         *lane
	next         *item // behind it in its lane
	number       int   // in its lane
	parked       bool  // it was brought back: the log has it with its user's parked events
	older, newer *item // its neighbours in the window

	carried []*item          // the events that its call brings too, out of their lane meanwhile
	merged  []byte           // body of that call
	carrier journal.Position // the event whose call brought this one
	alone   bool             // not to be merged with others any more
	effect  *effect          // of its call; nil if that is of no interest
	frees   bool             // when its outcome is recorded, the place of a call is free

	asked      uint64 // version of Suppression when the event was mapped
	suppressed bool   // it is not to be delivered, unless it is at a call already

	unburied int64 // what its dead letter takes, if that finds no room; 0 otherwise

	notBefore instant // when it may be called
	started   instant // when its latest call started
	epoch     int     // of the concurrency at that moment
	round     int     // of the gate at that moment
	failed    instant // when its latest call ended that counts as an attempt; 0 if there is none since the start

	before  journal.Retry // what was known of its attempts before the latest call
	verdict verdict       // of its latest call, or of the mapping
}

// callable reports whether the mapping made a call of the event.
func (it *item) callable() bool { return it.call.Path != "" }

// attempt adds a call that failed to those that are remembered.
func (it *item) attempt(a journal.Attempt) {
	if len(it.tried) == maxAttemptsKept {
		copy(it.tried, it.tried[1:])
		it.tried = it.tried[:maxAttemptsKept-1]
	}
	it.tried = append(it.tried, a)
}

// outcome is what the journal is told of a finished event.
func (it *item) outcome(now time.Time) journal.Outcome {
	return journal.Outcome{
		Position:  it.entry.Position,
		Kind:      it.verdict.kind,
		Reason:    it.verdict.reason,
		Attempts:  it.entry.Retry.Attempts,
		At:        now,
		CarriedBy: it.carrier,
		Letter:    it.verdict.letter,
	}
}

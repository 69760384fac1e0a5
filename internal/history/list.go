package history

import (
	"context"
	"slices"
	"time"

	"tanker/internal/journal"
)

// Retrying are, among what can be listed, the pending events whose delivery has failed for the time being.
const Retrying journal.Kind = "retrying"

// ListOptions say which events to list.
type ListOptions struct {
	Destination string       // required
	Kind        journal.Kind // one of the four outcomes, or Pending, Retrying or journal.Parked
	Reason      string       // only outcomes with this reason; "" means all
	User        string       // of parked events, only those that wait because of this user; "" means all
	Next        uint64       // continue a list: what the page before said
	Limit       int          // events on the page, exceeded by some dozens at most; zero means 50
}

// Listed is an event in a list of those that fared alike.
type Listed struct {
	Summary
	Gone      bool             // the event is deleted from the log: of its Summary only the position is known
	Reason    string           // of the outcome
	At        time.Time        // of the outcome; zero if it has none
	Attempts  int              // calls made for it
	CarriedBy journal.Position // the event whose call brought this one too
	Next      time.Time        // when it is tried again, if it failed
	Waits     string           // the user because of whom it is parked
}

// Page is a part of a list.
type Page struct {
	Events   []Listed
	Next     uint64    // Next of the options for the next page; 0 if this is the last
	Searched int       // outcomes or events that were looked at
	At       time.Time // how far back, or on, that was
}

// List lists the events of a destination that fared alike: outcomes the latest first, and pending events in the order they
// were accepted. It reads a bounded part of the log: a page may be empty, and Next tell to go on nevertheless. Errors:
// journal.ErrNotFound if there is no such destination here, those of the journal.
func List(ctx context.Context, log Archive, o ListOptions) (Page, error) {
	if o.Limit <= 0 {
		o.Limit = 50
	}
	switch o.Kind {
	case Pending:
		return listPending(ctx, log, o)
	case Retrying:
		return listRetrying(ctx, log, o)
	case journal.Parked:
		return listParked(ctx, log, o)
	default:
		return listOutcomes(ctx, log, o)
	}
}

// listOutcomes reads the outcomes backwards. Next is the place of an outcome: its batch and its index there.
func listOutcomes(ctx context.Context, log Archive, o ListOptions) (Page, error) {
	first, last, err := log.OutcomesExtent(ctx)
	if err != nil {
		return Page{}, err
	}
	l := lister{options: o, before: journal.Position(o.Next)}
	if l.before == 0 || l.before.Seq() > last {
		l.before = journal.At(last+1, 0)
	}
	beginning := journal.At(max(first, 1), 0)
	for chunk, batches := uint64(firstChunk), uint64(0); l.before > beginning && !l.enough() && batches < lookBatches; {
		searched := l.Searched
		if err := l.chunk(ctx, log, chunk); err != nil {
			return Page{}, err
		}
		batches += chunk
		if l.Searched-searched < lookEvents/16 {
			chunk = min(2*chunk, lookBatches/4)
		}
	}
	if l.before > beginning {
		l.Next = uint64(l.before)
	}
	return l.Page, l.describe(ctx, log)
}

// lister is a list under way.
type lister struct {
	Page
	options ListOptions
	before  journal.Position // all outcomes from this place on have been looked at
}

func (l *lister) enough() bool {
	return len(l.Events) >= l.options.Limit || l.Searched >= lookEvents
}

// chunk looks through so many batches before those that were looked at.
func (l *lister) chunk(ctx context.Context, log Archive, batches uint64) error {
	scan := journal.OutcomeScan{Destination: l.options.Destination, UpTo: l.before.Seq()}
	if l.before.Index() == 0 {
		scan.UpTo--
	}
	if scan.UpTo > batches {
		scan.After = scan.UpTo - batches
	}
	type placed struct {
		Listed
		place journal.Position
	}
	var found []placed
	oldest := true
	err := log.ReadOutcomes(ctx, scan, func(b journal.OutcomeBatch) error {
		if oldest {
			l.At, oldest = b.Stored, false
		}
		for i := range b.Outcomes {
			o, place := &b.Outcomes[i], journal.At(b.Seq, i)
			if place >= l.before {
				break
			}
			l.Searched++
			if o.Kind == l.options.Kind && (l.options.Reason == "" || o.Reason == l.options.Reason) {
				found = append(found, placed{Listed{
					Summary: Summary{Position: o.Position}, Gone: true,
					Reason: o.Reason, At: o.At, Attempts: o.Attempts, CarriedBy: o.CarriedBy,
				}, place})
			}
		}
		if n := len(found) - l.options.Limit; n > l.options.Limit { // the oldest ones are for the next page
			found = slices.Delete(found, 0, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.before = journal.At(scan.After+1, 0)
	for _, f := range slices.Backward(found) {
		if len(l.Events) == l.options.Limit {
			break
		}
		l.Events = append(l.Events, f.Listed)
		if len(l.Events) == l.options.Limit {
			l.before, l.At = f.place, f.At
		}
	}
	return nil
}

// describe says what the listed events are, as far as they are still in the log.
func (p *Page) describe(ctx context.Context, log Archive) error {
	index := make(map[journal.Position][]int, len(p.Events))
	positions := make([]journal.Position, 0, len(p.Events))
	for i, e := range p.Events {
		if _, twice := index[e.Position]; !twice {
			positions = append(positions, e.Position)
		}
		index[e.Position] = append(index[e.Position], i)
	}
	return log.Lookup(ctx, positions, func(e journal.Entry) error {
		for _, i := range index[e.Position] {
			p.Events[i].Summary, p.Events[i].Gone = Summarize(&e), false
		}
		return nil
	})
}

package history

import (
	"context"
	"slices"
	"time"

	"tanker/internal/journal"
)

// FindOptions say what to look for, and where to begin.
type FindOptions struct {
	Selection
	// Before is where to begin: only events before it are looked at. Zero means at the end of the log.
	Before journal.Position
	// Limit is how many events to find. Zero means 50.
	Limit int
}

// Found is a part of what was looked for.
type Found struct {
	Events   []Traced         // the latest first, without their bodies
	Searched int              // events that were looked at
	Before   journal.Position // where to go on; zero at the beginning of the log
	Oldest   time.Time        // when the oldest pack was stored that was looked at
}

// Find looks for events from the end of the log backwards, and for what became of each. It stops when it has found enough,
// or has looked at so many events that it is time to say something; Before tells where to go on.
func Find(ctx context.Context, log Archive, destinations []Destination, o FindOptions) (Found, error) {
	if o.Limit <= 0 {
		o.Limit = 50
	}
	first, last, err := log.Extent(ctx)
	if err != nil {
		return Found{}, err
	}
	f := finder{log: log, destinations: destinations, options: o, before: o.Before}
	if f.before == 0 || f.before.Seq() > last {
		f.before = journal.At(last+1, 0)
	}
	beginning := journal.At(max(first, 1), 0)
	for chunk := uint64(firstChunk); f.before > beginning && !f.enough(); {
		took := f.Searched
		if err := f.chunk(ctx, chunk); err != nil {
			return Found{}, err
		}
		if f.Searched-took < lookEvents/16 {
			chunk = min(2*chunk, lookPacks/4)
		}
	}
	if f.before > beginning {
		f.Before = f.before
	}
	return f.Found, f.settle(ctx)
}

// firstChunk is how many packs are read at first, most of which may hold hundreds of events.
const firstChunk = 64

// finder is a look under way.
type finder struct {
	Found
	log          Archive
	destinations []Destination
	options      FindOptions

	before journal.Position // all from here on has been looked at
	packs  uint64
	stored []time.Time // of Events
}

func (f *finder) enough() bool {
	return len(f.Events) >= f.options.Limit || f.Searched >= lookEvents || f.packs >= lookPacks
}

// chunk looks through so many packs before those that were looked at.
func (f *finder) chunk(ctx context.Context, packs uint64) error {
	scan := journal.Scan{UpTo: f.before.Seq()}
	if f.before.Index() == 0 {
		scan.UpTo--
	}
	if scan.UpTo > packs {
		scan.After = scan.UpTo - packs
	}
	f.packs += packs
	var events []Traced
	var stored []time.Time
	oldest := true
	err := f.log.Scan(ctx, scan, func(p journal.StoredPack) error {
		if oldest {
			f.Oldest, oldest = p.Stored, false
		}
		for i := range p.Entries {
			e := &p.Entries[i]
			if e.Position >= f.before {
				break
			}
			f.Searched++
			if received := receivedAt(&p, e); f.options.selects(e, received) {
				events, stored = append(events, f.look(&p, e)), append(stored, p.Stored)
			}
			if len(events) > 2*f.options.Limit { // the oldest ones are for the next page
				n := len(events) - f.options.Limit
				events, stored = slices.Delete(events, 0, n), slices.Delete(stored, 0, n)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	f.before = journal.At(scan.After+1, 0)
	slices.Reverse(events)
	slices.Reverse(stored)
	f.Events, f.stored = append(f.Events, events...), append(f.stored, stored...)
	if n := f.options.Limit; len(f.Events) >= n {
		f.Events, f.stored = f.Events[:n], f.stored[:n]
		f.before, f.Oldest = f.Events[n-1].Position, f.stored[n-1]
	}
	return nil
}

// receivedAt is when an event came, or was sent again.
func receivedAt(p *journal.StoredPack, e *journal.Entry) time.Time {
	if p.ReplayTo != "" {
		return p.Stored
	}
	return e.ReceivedAt
}

// look notes what is known of an event at once.
func (f *finder) look(p *journal.StoredPack, e *journal.Entry) Traced {
	found := traced(p, e)
	found.Event = nil
	for i := range f.destinations {
		if fate, gets := fateOf(f.log, &f.destinations[i], p, e); gets {
			fate.Mapping.Body = nil
			if d := &f.destinations[i]; fate.Outcome == Pending && d.State != nil {
				fate.State = d.State()
			}
			found.Fates = append(found.Fates, fate)
		}
	}
	return found
}

// settle looks for the outcomes of what was found.
func (f *finder) settle(ctx context.Context) error {
	for i := range f.destinations {
		d := &f.destinations[i]
		var missing []sought
		for j := range f.Events {
			for k := range f.Events[j].Fates {
				if fate := &f.Events[j].Fates[k]; fate.Destination == d.Name && fate.Outcome == Unknown {
					missing = append(missing, sought{f.Events[j].Position, f.stored[j], fate})
				}
			}
		}
		r := reading{log: f.log, left: lookBatches}
		if err := r.settleAll(ctx, d.Name, missing); err != nil {
			return err
		}
	}
	return nil
}

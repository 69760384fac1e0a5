package history

import (
	"context"
	"time"

	"tanker/internal/journal"
)

// Log is the journal as a trace reads it. A *journal.Journal is one.
type Log interface {
	Scan(ctx context.Context, s journal.Scan, do func(journal.StoredPack) error) error
	ScanOutcomes(ctx context.Context, destination string, since time.Time, do func([]journal.Outcome) error) error
	Standings
	DeadLetter(ctx context.Context, destination string, pos journal.Position) (journal.DeadLetter, error)
}

// Standings know where events stand at destinations. A *journal.Journal does.
type Standings interface {
	Standing(destination string, pack *journal.StoredPack, pos journal.Position) (journal.Standing, bool)
}

// TraceOptions say what to trace.
type TraceOptions struct {
	Selection
	Destination string // only what happened there
	Limit       int    // events at most; 0 means no limit
}

// TraceEnd is how a trace ended.
type TraceEnd struct {
	Events   int       `json:"events"`            // that were found
	More     bool      `json:"more,omitempty"`    // the limit ended it
	Searched int       `json:"searched"`          // events that were looked at
	Damaged  int       `json:"damaged,omitempty"` // events that the disk has damaged: they may be among those that are looked for
	Oldest   time.Time `json:"oldest,omitzero"`   // when the first of these was stored
}

// A trace looks for the outcomes of so many events at a time; their bodies are held in memory meanwhile.
const (
	traceEvents = 512
	traceBytes  = 8 << 20
)

// clockStep is how far the system's clock may have been set back between an event and its outcome.
const clockStep = time.Hour

// tracer is one trace under way.
type tracer struct {
	log          Log
	options      TraceOptions
	destinations []Destination
	emit         func(Traced) error

	end     TraceEnd
	found   []Traced // whose outcomes are still to be looked for
	bytes   int
	since   time.Time // when the first of these was stored
	pending map[laneKey]journal.Position
}

// laneKey is a user at a destination.
type laneKey struct{ destination, user string }

// Trace finds events in the log, and what happened to each, and hands them to emit in the order they were accepted.
func Trace(ctx context.Context, log Log, destinations []Destination, o TraceOptions, emit func(Traced) error) (TraceEnd, error) {
	t := &tracer{log: log, options: o, emit: emit, pending: map[laneKey]journal.Position{}}
	for _, d := range destinations {
		if o.Destination == "" || o.Destination == d.Name {
			t.destinations = append(t.destinations, d)
		}
	}
	err := log.Scan(ctx, journal.Scan{Since: o.Since}, func(p journal.StoredPack) error { return t.pack(ctx, &p) })
	if err == nil {
		err = t.flush(ctx)
	}
	return t.end, err
}

// pack looks for events in one pack.
func (t *tracer) pack(ctx context.Context, p *journal.StoredPack) error {
	if t.options.over(p) {
		return journal.ErrStop
	}
	if t.end.Oldest.IsZero() {
		t.end.Oldest = p.Stored
	}
	if p.ReplayTo != "" && t.options.Destination != "" && p.ReplayTo != t.options.Destination {
		return nil
	}
	t.end.Damaged += p.Damaged
	for i := range p.Entries {
		e := &p.Entries[i]
		received := e.ReceivedAt
		if p.ReplayTo != "" {
			received = p.Stored
		}
		t.end.Searched++
		if !t.options.selects(e, received) {
			continue
		}
		if t.options.Limit > 0 && t.end.Events == t.options.Limit {
			t.end.More = true
			return journal.ErrStop
		}
		t.end.Events++
		if err := t.add(ctx, p, e); err != nil {
			return err
		}
	}
	return nil
}

// add notes an event that was found.
func (t *tracer) add(ctx context.Context, p *journal.StoredPack, e *journal.Entry) error {
	found := traced(p, e)
	for _, d := range t.destinations {
		if fate, gets := fateOf(t.log, &d, p, e); gets {
			found.Fates = append(found.Fates, fate)
		}
	}
	if len(t.found) == 0 {
		t.since = p.Stored
	}
	t.found = append(t.found, found)
	t.bytes += len(found.Event)
	if len(t.found) < traceEvents && t.bytes < traceBytes {
		return nil
	}
	return t.flush(ctx)
}

// describe says why an event is pending.
func (t *tracer) describe(fate *Fate, d *Destination, at journal.Position) {
	if d.State != nil {
		fate.State = d.State()
	}
	key := laneKey{d.Name, fate.Mapping.User}
	if first, waits := t.pending[key]; waits {
		fate.Behind = first
	} else {
		t.pending[key] = at
	}
}

// flush looks for the outcomes of the events that were found, and hands them out.
func (t *tracer) flush(ctx context.Context) error {
	for i := range t.destinations {
		if err := t.outcomes(ctx, &t.destinations[i]); err != nil {
			return err
		}
	}
	for i := range t.found {
		if err := t.emit(t.found[i]); err != nil {
			return err
		}
	}
	clear(t.found)
	t.found, t.bytes = t.found[:0], 0
	return nil
}

// outcomes looks for what became of the events at a destination.
func (t *tracer) outcomes(ctx context.Context, d *Destination) error {
	missing := map[journal.Position]*Fate{}
	t.each(d.Name, func(at journal.Position, f *Fate) {
		if f.Outcome == Unknown {
			missing[at] = f
		}
	})
	if len(missing) > 0 {
		if err := t.search(ctx, d.Name, missing); err != nil {
			return err
		}
	}
	t.each(d.Name, func(at journal.Position, f *Fate) {
		if f.Outcome == Pending {
			t.describe(f, d, at)
		}
	})
	return nil
}

// each calls do for what happened at a destination to the events that were found.
func (t *tracer) each(destination string, do func(journal.Position, *Fate)) {
	for i := range t.found {
		for j := range t.found[i].Fates {
			if f := &t.found[i].Fates[j]; f.Destination == destination {
				do(t.found[i].Position, f)
			}
		}
	}
}

// search reads outcomes until it has those of all events that are missing one. An event that was parked is pending
// until there is another record of it.
func (t *tracer) search(ctx context.Context, destination string, missing map[journal.Position]*Fate) error {
	return t.log.ScanOutcomes(ctx, destination, t.since.Add(-clockStep), func(outcomes []journal.Outcome) error {
		for i := range outcomes {
			o := &outcomes[i]
			fate := missing[o.Position]
			if fate == nil {
				continue
			}
			if o.Kind != journal.Parked {
				delete(missing, o.Position)
			}
			if err := settle(ctx, t.log, fate, o); err != nil {
				return err
			}
		}
		if len(missing) == 0 {
			return journal.ErrStop
		}
		return nil
	})
}

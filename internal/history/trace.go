package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"tanker/internal/journal"
)

// Log is the journal as a trace reads it. A *journal.Journal is one.
type Log interface {
	Scan(ctx context.Context, s journal.Scan, do func(journal.StoredPack) error) error
	ScanOutcomes(ctx context.Context, destination string, since time.Time, do func([]journal.Outcome) error) error
	Standing(destination string, pack *journal.StoredPack, pos journal.Position) (journal.Standing, bool)
	DeadLetter(ctx context.Context, destination string, pos journal.Position) (journal.DeadLetter, error)
}

// Destination is one that events go to.
type Destination struct {
	Name   string
	Mapper Mapper
	// State says in words why it delivers nothing at the moment; "" if it delivers.
	State func() string
}

// Traced is an event that the log holds, and what happened to it.
type Traced struct {
	Position   journal.Position `json:"position"`
	Source     string           `json:"source"`
	MessageID  string           `json:"messageId"`
	Type       string           `json:"type"`
	Name       string           `json:"name,omitempty"` // of the track event or the page
	ReceivedAt time.Time        `json:"receivedAt"`
	ReplayOf   journal.Position `json:"replayOf,omitzero"`
	ReplayedAt time.Time        `json:"replayedAt,omitzero"` // when it was sent again, if it is a replay
	Event      json.RawMessage  `json:"event"`               // as it was sent
	Fates      []Fate           `json:"destinations"`
}

// Outcomes of a Fate beside the four kinds of the journal.
const (
	Pending journal.Kind = "pending" // it waits or is on its way
	Unknown journal.Kind = "unknown" // it is finished, but the record of how is deleted already
)

// Fate is what happened to an event at one destination.
type Fate struct {
	Destination string       `json:"destination"`
	Outcome     journal.Kind `json:"outcome"`
	Reason      string       `json:"reason,omitempty"`  // of filtered, rejected and dead
	Message     string       `json:"message,omitempty"` // the same for people
	At          time.Time    `json:"at,omitzero"`       // of the outcome
	Attempts    int          `json:"attempts,omitempty"`

	// CarriedBy is the event whose call brought this one too; zero if there is none.
	CarriedBy journal.Position `json:"carriedBy,omitzero"`

	// Of a pending event:
	ParkedSince  time.Time        `json:"parkedSince,omitzero"` // when it was moved out of the way, because its user must wait
	FirstAttempt time.Time        `json:"firstAttempt,omitzero"`
	NextAttempt  time.Time        `json:"nextAttempt,omitzero"`
	Behind       journal.Position `json:"behind,omitzero"` // the same user's first pending event
	State        string           `json:"state,omitempty"` // of the destination, if it delivers nothing

	// Mapping is what the mapping makes of the event, as it is configured now.
	Mapping Mapped `json:"mapping"`

	// Letter is the dead letter, without what stands here already. It is nil if the event is not dead, or if the letter
	// was sent again or discarded.
	Letter *Letter `json:"letter,omitempty"`
}

// Letter is what a dead letter knows beyond the event and its outcome.
type Letter struct {
	Method   string            `json:"method,omitempty"`
	Path     string            `json:"path,omitempty"`
	Call     json.RawMessage   `json:"call,omitempty"`
	Status   int               `json:"status,omitempty"`
	Answer   string            `json:"answer,omitempty"`
	Attempts []journal.Attempt `json:"attempts,omitempty"`
}

// TraceOptions say what to trace.
type TraceOptions struct {
	Selection
	Destination string // only what happened there
	Limit       int    // events at most; 0 means no limit
}

// TraceEnd is how a trace ended.
type TraceEnd struct {
	Events   int       `json:"events"`          // that were found
	More     bool      `json:"more,omitempty"`  // the limit ended it
	Searched int       `json:"searched"`        // events that were looked at
	Oldest   time.Time `json:"oldest,omitzero"` // when the first of these was stored
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
	found := Traced{
		Position: e.Position, Source: e.Source, MessageID: e.MessageID, Type: e.Type, ReceivedAt: e.ReceivedAt,
		ReplayOf: e.ReplayOf, Event: bytes.Clone(e.Body),
	}
	if p.ReplayTo != "" {
		found.ReplayedAt = p.Stored
	}
	if parsed, err := parse(e); err == nil {
		found.Type = parsed.Type()
		if found.Name = parsed.EventName().Text(); found.Type != "track" {
			found.Name = parsed.Name().Text()
		}
	}
	for _, d := range t.destinations {
		standing, gets := t.log.Standing(d.Name, p, e.Position)
		if !gets {
			continue
		}
		fate := Fate{Destination: d.Name, Outcome: Unknown, Mapping: Map(d.Mapper, e)}
		fate.Attempts, fate.FirstAttempt, fate.NextAttempt = standing.Retry.Attempts, standing.Retry.First, standing.Retry.Next
		if !standing.Finished {
			fate.Outcome = Pending
		}
		found.Fates = append(found.Fates, fate)
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
			if o.Kind == journal.Parked {
				fate.Outcome, fate.ParkedSince = Pending, o.At
				continue
			}
			delete(missing, o.Position)
			if err := t.settle(ctx, fate, o); err != nil {
				return err
			}
		}
		if len(missing) == 0 {
			return journal.ErrStop
		}
		return nil
	})
}

// settle fills in what an outcome says.
func (t *tracer) settle(ctx context.Context, fate *Fate, o *journal.Outcome) error {
	fate.Outcome, fate.Reason, fate.At, fate.Attempts, fate.CarriedBy = o.Kind, o.Reason, o.At, o.Attempts, o.CarriedBy
	fate.ParkedSince, fate.FirstAttempt, fate.NextAttempt = time.Time{}, time.Time{}, time.Time{}
	if fate.Mapping.Reason == o.Reason {
		fate.Message = fate.Mapping.Message
	}
	if o.Kind != journal.Dead {
		return nil
	}
	letter, err := t.log.DeadLetter(ctx, fate.Destination, o.Position)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	fate.Message = letter.Message
	fate.Letter = &Letter{letter.Method, letter.Path, letter.Call, letter.Status, letter.Answer, letter.Attempts}
	return nil
}

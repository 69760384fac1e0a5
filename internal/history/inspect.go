package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
)

// Inspected is one event with all that is known of it.
type Inspected struct {
	Traced
	User      string          `json:"user,omitempty"`  // the user id, else the email, else the anonymous id
	Stored    time.Time       `json:"stored,omitzero"` // when it was written to the log; zero if only its dead letter is left
	RequestIP string          `json:"requestIp,omitempty"`
	Enriched  json.RawMessage `json:"enriched,omitempty"` // as RudderStack's gateway would hand it on; nil if it cannot be read
}

// InspectOptions say what to look for.
type InspectOptions struct {
	// Destination limits the look to one destination, if it is not empty.
	Destination string
	// After is the batch of outcomes to go on behind, as Looked said. It goes with a Destination.
	After uint64
}

// Inspect reads one event and finds out what happened to it. It reads no more of the log than the event, and a bounded
// number of outcomes from the time of the event on: where that is not enough the fate's outcome is Finished, and Looked
// says where to go on. Errors: journal.ErrNotFound if the event is deleted, those of the journal.
func Inspect(ctx context.Context, log Archive, destinations []Destination, at journal.Position, o InspectOptions) (Inspected, error) {
	if o.Destination != "" {
		destinations = named(destinations, o.Destination)
	}
	pack, err := log.Pack(ctx, at.Seq())
	gone, err := notFound(err)
	if err == nil && !gone && at.Index() >= len(pack.Entries) {
		gone = true
	}
	if err != nil {
		return Inspected{}, err
	}
	if gone {
		return inspectLetter(ctx, log, destinations, at)
	}
	entry := &pack.Entries[at.Index()]
	found := Inspected{Traced: traced(&pack, entry), User: Summarize(entry).User, Stored: pack.Stored, RequestIP: entry.RequestIP, Enriched: enriched(entry)}
	for i := range destinations {
		d := &destinations[i]
		fate, gets := fateOf(log, d, &pack, entry)
		if !gets {
			continue
		}
		if err := inspectFate(ctx, log, d, &found, &fate, o.After); err != nil {
			return Inspected{}, err
		}
		found.Fates = append(found.Fates, fate)
	}
	return found, nil
}

func named(destinations []Destination, name string) []Destination {
	for i, d := range destinations {
		if d.Name == name {
			return destinations[i : i+1]
		}
	}
	return nil
}

// inspectFate looks for the outcome of an event, and for what it waits if it has none.
func inspectFate(ctx context.Context, log Archive, d *Destination, e *Inspected, fate *Fate, after uint64) error {
	if fate.Outcome != Pending {
		if err := inspectOutcome(ctx, log, d, e, fate, after); err != nil {
			return err
		}
	}
	if fate.Outcome != Pending {
		return nil
	}
	if d.State != nil {
		fate.State = d.State()
	}
	if d.Waiting != nil && fate.Mapping.Callable() {
		if w, known := d.Waiting(ctx, fate.Mapping.User, e.Position); known {
			fate.Waiting = &w
			if w.First != e.Position {
				fate.Behind = w.First
			}
		}
	}
	return nil
}

func inspectOutcome(ctx context.Context, log Archive, d *Destination, e *Inspected, fate *Fate, after uint64) error {
	letter, err := log.DeadLetter(ctx, d.Name, e.Position)
	gone, err := notFound(err)
	if err != nil {
		return err
	}
	if !gone { // no need to look for the outcome
		o := journal.Outcome{Position: e.Position, Kind: journal.Dead, Reason: letter.Reason, Attempts: max(fate.Attempts, len(letter.Attempts)), At: letter.At}
		return settle(ctx, log, fate, &o)
	}
	r := reading{log: log, left: lookBatches}
	missing := map[journal.Position]*Fate{e.Position: fate}
	scan := journal.OutcomeScan{Destination: d.Name, Since: e.Stored.Add(-storedEarly), After: after}
	at, end, err := r.seek(ctx, scan, missing, lookBatches)
	if err != nil {
		return err
	}
	if missing[e.Position] != nil && !end {
		fate.giveUp(at)
	}
	if fate.Outcome != journal.Delivered || fate.CarriedBy != 0 || fate.Attempts == 0 {
		return nil
	}
	return inspectCarried(ctx, log, d, e, fate, at.Batch)
}

// carriedBatches is how many batches may hold the outcomes of one call: they are stored one behind the other.
const carriedBatches = 2

// inspectCarried looks for the events that the event's call brought too: their outcomes follow its own.
func inspectCarried(ctx context.Context, log Archive, d *Destination, e *Inspected, fate *Fate, batch uint64) error {
	batches := 0
	err := log.ReadOutcomes(ctx, journal.OutcomeScan{Destination: d.Name, After: batch - 1}, func(b journal.OutcomeBatch) error {
		for i := range b.Outcomes {
			if o := &b.Outcomes[i]; o.CarriedBy == e.Position {
				fate.Carried = append(fate.Carried, o.Position)
			}
		}
		if batches++; batches == carriedBatches {
			return journal.ErrStop
		}
		return nil
	})
	if err != nil || len(fate.Carried) == 0 || d.Merge == nil || !fate.Mapping.Callable() {
		return err
	}
	var whole mapping.Call
	err = log.Lookup(ctx, append([]journal.Position{e.Position}, fate.Carried...), func(entry journal.Entry) error {
		_, calls := mapEntry(d.Mapper, &entry)
		if len(calls) != 1 {
			return errUnmerged
		}
		if whole.Path == "" {
			whole = calls[0]
			return nil
		}
		merged, ok := d.Merge(whole, calls[0])
		if !ok {
			return errUnmerged
		}
		whole = merged
		return nil
	})
	if errors.Is(err, errUnmerged) {
		return nil
	}
	fate.Merged = whole.Body
	return err
}

// errUnmerged says that the mapping, as it is now, would not make one call of the events.
var errUnmerged = errors.New("not merged")

// inspectLetter finds an event that is deleted from the log in a dead letter.
func inspectLetter(ctx context.Context, log Archive, destinations []Destination, at journal.Position) (Inspected, error) {
	for i := range destinations {
		d := &destinations[i]
		letter, err := log.DeadLetter(ctx, d.Name, at)
		gone, err := notFound(err)
		if err != nil {
			return Inspected{}, err
		}
		if gone {
			continue
		}
		entry := letter.Entry()
		entry.Position, entry.ReplayOf = at, letter.ReplayOf
		found := Inspected{Traced: traced(&journal.StoredPack{}, &entry), User: Summarize(&entry).User, RequestIP: letter.RequestIP, Enriched: enriched(&entry)}
		fate := Fate{Destination: d.Name, Mapping: Map(d.Mapper, &entry)}
		o := journal.Outcome{Position: at, Kind: journal.Dead, Reason: letter.Reason, Attempts: len(letter.Attempts), At: letter.At}
		if err := settle(ctx, log, &fate, &o); err != nil {
			return Inspected{}, err
		}
		found.Fates = []Fate{fate}
		return found, nil
	}
	return Inspected{}, fmt.Errorf("event %s: %w", at, journal.ErrNotFound)
}

// enriched is an event as RudderStack's gateway hands it on.
func enriched(entry *journal.Entry) json.RawMessage {
	e, err := parse(entry)
	if err != nil {
		return nil
	}
	return event.Enrich(e, event.Envelope{
		MessageID: entry.MessageID, Type: entry.Type, RequestIP: entry.RequestIP, ReceivedAt: entry.ReceivedAt,
	})
}

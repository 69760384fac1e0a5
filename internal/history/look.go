package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"tanker/internal/journal"
)

// Archive is the journal as single events and short lists are read from it. A *journal.Journal is one.
type Archive interface {
	Log
	Extent(ctx context.Context) (first, last uint64, err error)
	Pack(ctx context.Context, seq uint64) (journal.StoredPack, error)
	Lookup(ctx context.Context, positions []journal.Position, do func(journal.Entry) error) error
	ReadOutcomes(ctx context.Context, s journal.OutcomeScan, do func(journal.OutcomeBatch) error) error
	OutcomesExtent(ctx context.Context) (first, last uint64, err error)
	ParkedEvents(ctx context.Context, f journal.ParkedFilter) (journal.ParkedPage, error)
	Floor(destination string) (uint64, error)
	Retries(destination string) (map[journal.Position]journal.Retry, error)
	StillParked(ctx context.Context, destination string, place journal.Position) (bool, error)
}

// What one look reads of the log at most, so that each takes a second or so at the worst, however long the log is.
const (
	lookBatches = 20_000 // of outcomes
	lookEvents  = 150_000
	lookPacks   = 20_000
)

// storedEarly is how much earlier than its event an outcome can seem to be stored: clocks are set a little now and then.
const storedEarly = 2 * time.Second

// Looked says how far a look through the outcomes has come.
type Looked struct {
	Batch uint64    `json:"batch"` // the last one that was read: go on behind it
	At    time.Time `json:"at"`    // when that was stored
}

// reading is a bounded look through the outcomes of a destination.
type reading struct {
	log  Archive
	left int // batches that may still be read
}

// seek reads outcomes until it has those of all events that miss one, patience batches in a row had none of them, or too
// many have been read. Fates that are found are not missing any more. It says how far it came, and whether that is the
// end of what is stored.
func (r *reading) seek(ctx context.Context, scan journal.OutcomeScan, missing map[journal.Position]*Fate, patience int) (at Looked, end bool, err error) {
	idle := 0
	end = true
	err = r.log.ReadOutcomes(ctx, scan, func(b journal.OutcomeBatch) error {
		at = Looked{b.Seq, b.Stored}
		idle++
		r.left--
		for i := range b.Outcomes {
			o := &b.Outcomes[i]
			fate := missing[o.Position]
			if fate == nil {
				continue
			}
			idle = 0
			if err := settle(ctx, r.log, fate, o); err != nil {
				return err
			}
			waits, err := r.waits(ctx, scan.Destination, o)
			if err != nil {
				return err
			}
			if waits || o.Kind != journal.Parked {
				delete(missing, o.Position)
			}
		}
		if len(missing) == 0 || idle >= patience || r.left <= 0 {
			end = false
			return journal.ErrStop
		}
		return nil
	})
	return at, end, err
}

// waits reports whether an event was parked and still is.
func (r *reading) waits(ctx context.Context, destination string, o *journal.Outcome) (bool, error) {
	if o.Kind != journal.Parked {
		return false, nil
	}
	return r.log.StillParked(ctx, destination, o.Place)
}

// sought is an event whose outcome is looked for.
type sought struct {
	at     journal.Position
	stored time.Time
	fate   *Fate
}

// patience is how many batches without any outcome that is looked for are read before the next event's time.
const patience = 2000

// settleAll looks for the outcomes of several events of one destination. Those that are not found stay Finished if there
// is more to read, and Unknown if there is not.
func (r *reading) settleAll(ctx context.Context, destination string, all []sought) error {
	slices.SortFunc(all, func(a, b sought) int { return a.stored.Compare(b.stored) })
	missing := map[journal.Position]*Fate{}
	for _, s := range all {
		missing[s.at] = s.fate
	}
	for len(all) > 0 && len(missing) > 0 && r.left > 0 {
		if missing[all[0].at] == nil {
			all = all[1:]
			continue
		}
		scan := journal.OutcomeScan{Destination: destination, Since: all[0].stored.Add(-storedEarly)}
		at, end, err := r.seek(ctx, scan, missing, patience)
		if err != nil || end {
			return err
		}
		for len(all) > 0 && !all[0].stored.After(at.At) {
			if fate := missing[all[0].at]; fate != nil {
				fate.giveUp(at)
				delete(missing, all[0].at)
			}
			all = all[1:]
		}
	}
	for _, fate := range missing {
		fate.giveUp(Looked{})
	}
	return nil
}

// giveUp notes that the outcome was not found as far as was looked.
func (f *Fate) giveUp(at Looked) {
	f.Outcome, f.Looked = Finished, &at
}

// Summary is an event in a line of a list.
type Summary struct {
	Position    journal.Position
	Source      string
	Type        string
	Name        string // of the track event or the page
	User        string // the user id, else the email, else the anonymous id
	UserID      string
	Email       string
	AnonymousID string
	MessageID   string
	ReceivedAt  time.Time
	ReplayOf    journal.Position // what it repeats, if it is a replay
}

// Summarize says in short what an event is. It may be damaged, or blanked: then there is little to say.
func Summarize(e *journal.Entry) Summary {
	s := Summary{Position: e.Position, Source: e.Source, Type: e.Type, MessageID: e.MessageID, ReceivedAt: e.ReceivedAt, ReplayOf: e.ReplayOf}
	if parsed, err := parse(e); err == nil {
		s.Type, s.Name, s.User = parsed.Type(), nameOf(parsed), parsed.UserKey()
		s.UserID, s.Email, s.AnonymousID = parsed.UserID().Text(), parsed.Email().Text(), parsed.AnonymousID()
	}
	return s
}

// notFound turns the error for what is not there any more into false.
func notFound(err error) (bool, error) {
	if errors.Is(err, journal.ErrNotFound) {
		return true, nil
	}
	return false, err
}

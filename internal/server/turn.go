package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tanker/internal/config"
	"tanker/internal/delivery"
	"tanker/internal/journal"
	"tanker/internal/lease"
)

// What of a destination is handed from one process to the next, and how often it is written down.
const (
	noteEvery = time.Second
	// openOfUser is how many calls of a user may not be known after a process has died: one under way, and what has failed
	// since the last note.
	openOfUser = 5
)

// openCalls bounds the calls of which nothing is known after a process has died. They count against the limit for a minute,
// so they are to be few beside it, and enough to use it up.
func openCalls(d config.Destination) int {
	if d.Limits.KeyPerMinute == 0 {
		return 0
	}
	return min(d.MaxConcurrency, max(16, d.Limits.KeyPerMinute/16))
}

// note is what the owner of a destination writes down beside its lease, for everybody to see and for its successor.
type note struct {
	State    workerState `json:"state"`
	Failures []failures  `json:"failures,omitempty"`
	Open     int         `json:"open,omitempty"` // calls that may be under way, or of which nothing is known
}

// failures are calls that led to no outcome.
type failures struct {
	Ago   int64 `json:"ago"` // milliseconds before the note
	Calls int   `json:"calls"`
}

// takeNote makes the note of this moment.
func (t *turn) takeNote() (note, delivery.Account) {
	account, now := t.worker.Account(), time.Now()
	n := note{State: stateOf(t.worker.State()), Open: account.Open}
	for _, f := range account.Failures {
		n.Failures = append(n.Failures, failures{Ago: now.Sub(f.At).Milliseconds(), Calls: f.Calls})
	}
	return n, account
}

// serve is a turn that a lease gives: it lasts until ctx ends, or the lease is lost.
func (f *fleet) serve(ctx context.Context, l *line, held *lease.Lease) error {
	if err := f.raiseEpoch(ctx, held, l.config.Name); err != nil {
		return err
	}
	t, err := f.begin(ctx, l, held)
	if err != nil {
		return err
	}
	err = f.runTurn(ctx, l, t)
	if errors.Is(err, delivery.ErrLost) || errors.Is(err, journal.ErrFenced) {
		f.log.Warn("another process may deliver to the destination: this one has stopped", "destination", l.config.Name, "error", err)
		err = nil
	}
	stopped := t.stops.stop()
	if errors.Is(stopped, journal.ErrFenced) || !held.Valid() {
		stopped = nil // somebody else writes down where the destination stands
	}
	return errors.Join(err, stopped)
}

// raiseEpoch sees to it that this owner's epoch is larger than what the journal knows of earlier ones, also when that was
// brought here from another cluster.
func (f *fleet) raiseEpoch(ctx context.Context, held *lease.Lease, destination string) error {
	epoch, err := f.journal.OwnerEpoch(ctx, destination)
	if err != nil || epoch <= held.Epoch() {
		return err
	}
	return held.Raise(ctx, epoch+1)
}

// runTurn delivers.
func (f *fleet) runTurn(ctx context.Context, l *line, t *turn) error {
	if t.worker == nil {
		<-ctx.Done()
		return nil
	}
	if err := t.write(ctx); err != nil { // what is not known of the calls before must not be forgotten if this ends soon
		return err
	}
	if err := f.obeyPause(ctx, l); err != nil {
		return err
	}
	if err := f.replays.Take(ctx, l.config.Name); err != nil {
		return err
	}
	defer f.replays.Drop(l.config.Name)
	noting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var notes sync.WaitGroup
	notes.Go(func() { f.keepNote(noting, l, t) })
	err := t.worker.Run(ctx)
	cancel()
	notes.Wait()
	if !t.lease.Valid() {
		return err
	}
	return errors.Join(err, t.write(context.WithoutCancel(ctx)))
}

// obeyPause has the worker obey what was ordered while it was made.
func (f *fleet) obeyPause(ctx context.Context, l *line) error {
	return l.hold(func() (time.Time, error) { return f.journal.PausedSince(ctx, l.config.Name) })
}

// write writes the note.
func (t *turn) write(ctx context.Context) error {
	n, account := t.takeNote()
	if err := t.lease.Note(ctx, n); err != nil {
		return err
	}
	t.worker.Noted(account)
	return nil
}

// keepNote writes the note as long as it changes.
func (f *fleet) keepNote(ctx context.Context, l *line, t *turn) {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	var last string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n, account := t.takeNote()
		if text := fmt.Sprintf("%+v %+v", n.State, account); text != last {
			if err := t.lease.Note(ctx, n); err != nil {
				f.log.Debug("what is known of the calls was not written down", "destination", l.config.Name, "error", err)
				continue
			}
			last = text
		}
		t.worker.Noted(account)
	}
}

// inheritedCalls are the calls of the last minute that other processes have made, or may have.
func (f *fleet) inheritedCalls(ctx context.Context, l *line, t *turn) ([]delivery.PastCall, error) {
	ahead := time.Until(t.cursor.Began()) // of the journal's clock; less than it is, so that calls seem younger
	recent, err := f.storedCalls(ctx, l, t, ahead)
	if err != nil {
		return nil, err
	}
	before := t.lease.Before
	var n note
	if before.Note != nil {
		if err := json.Unmarshal(before.Note, &n); err != nil {
			return nil, fmt.Errorf("note of the process before: %w", err)
		}
	}
	for _, failed := range n.Failures {
		at := before.At.Add(-ahead - time.Duration(failed.Ago)*time.Millisecond)
		for range min(failed.Calls, mostRecent) {
			recent = append(recent, delivery.PastCall{At: at, Lost: true})
		}
	}
	if !before.Orderly {
		n.Open = max(n.Open, openCalls(l.config))
	}
	for range min(n.Open, mostRecent) {
		recent = append(recent, delivery.PastCall{At: time.Now(), Lost: true})
	}
	return recent, nil
}

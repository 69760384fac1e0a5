package dead

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// Verb is what is done to letters.
type Verb string

// What can be done to letters.
const (
	Replay  Verb = "replay"  // accept their events anew, and delete them
	Discard Verb = "discard" // delete them for good
)

// MaxNamed is how many letters an Operation may name.
const MaxNamed = 1000

// Operation is something that is to be done to many letters.
type Operation struct {
	Verb   Verb
	DryRun bool // only say what would be done

	// Filter selects the letters; Named names them instead, if there are any.
	Filter Filter
	Named  []Name

	// UpTo leaves letters alone that were stored later: the UpTo of the dry run whose result is to be carried out. Zero
	// means those that are stored now, so that a letter that dies again is not taken twice.
	UpTo uint64
}

// Name names a letter.
type Name struct {
	Destination string           `json:"destination"`
	Position    journal.Position `json:"position"`
}

// Result is what was done, or in a dry run what would be.
type Result struct {
	Selected int `json:"selected"`       // letters that the filter selects
	Done     int `json:"done"`           // of these, letters that were sent again or discarded
	Stay     int `json:"stay"`           // letters that were left: the mapping makes no call of the event
	Gone     int `json:"gone,omitempty"` // letters that somebody else has sent again or discarded meanwhile

	Calls   map[string]int `json:"calls,omitempty"`   // of a replay's dry run: by method and path
	Refused map[string]int `json:"refused,omitempty"` // of a replay's dry run: why letters stay, by outcome and reason

	Share float64 `json:"share"` // how much is done, from 0 to 1
	UpTo  uint64  `json:"upTo"`  // for an Operation that is to take the same letters
}

// Treated is a letter that something was done to, or would be.
type Treated struct {
	Name
	history.Mapped
}

// Clerk does something to a single letter.
type Clerk interface {
	// PreviewDead says what would be sent if one were sent again; corrected, if there is any, in the place of its event.
	PreviewDead(ctx context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error)
	// ReplayDead sends one again. Errors: journal.ErrNotFound, history.ErrEvent if it would not become a call.
	ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error
	// DiscardDead deletes one. Error: journal.ErrNotFound.
	DiscardDead(ctx context.Context, destination string, at journal.Position) error
}

// Observer is told how an Operation goes. An error of either ends the operation.
type Observer struct {
	Each     func(Treated) error // of a replay's dry run: each letter. May be nil
	Progress func(Result) error  // now and then. May be nil
}

// run is an operation under way.
type run struct {
	Operation
	Result
	log    Log
	clerk  Clerk
	o      Observer
	looked int
	all    uint64
	told   time.Time
}

// Run carries an operation out, letter by letter in the order in which they died. When it returns an error, Result says
// what was done before. An operation that was interrupted can be begun again: what is done is gone from the letters. A
// crash between sending a letter's event again and deleting the letter leaves that letter.
func Run(ctx context.Context, log Log, clerk Clerk, op Operation, o Observer) (Result, error) {
	if len(op.Named) > MaxNamed {
		return Result{}, fmt.Errorf("%d letters are named: %d at the most", len(op.Named), MaxNamed)
	}
	extent, err := log.DeadExtent(ctx)
	if err != nil {
		return Result{}, err
	}
	r := &run{Operation: op, log: log, clerk: clerk, o: o, all: extent.Letters, told: time.Now()}
	if r.Result.UpTo = op.UpTo; op.UpTo == 0 {
		r.Result.UpTo = extent.Last
	}
	r.Calls, r.Refused = map[string]int{}, map[string]int{}
	if len(op.Named) > 0 {
		err = r.named(ctx)
	} else {
		err = r.selected(ctx)
	}
	if err == nil {
		r.Share = 1
	}
	return r.Result, err
}

func (r *run) named(ctx context.Context) error {
	r.all = uint64(len(r.Named))
	for _, name := range r.Named {
		if err := r.letter(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) selected(ctx context.Context) error {
	if r.Result.UpTo == 0 {
		return nil
	}
	scan := journal.DeadScan{Destination: r.Filter.Destination, UpTo: r.Result.UpTo}
	return r.log.ScanDead(ctx, scan, func(_ uint64, l journal.DeadLetter) error {
		if r.Filter.selects(&l) {
			return r.letter(ctx, Name{l.Destination, l.Position})
		}
		return r.report()
	})
}

// letter does to one letter what is to be done.
func (r *run) letter(ctx context.Context, name Name) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.Selected++
	err := r.treat(ctx, name)
	switch {
	case err == nil:
	case errors.Is(err, journal.ErrNotFound):
		r.Gone++
	default:
		return err
	}
	return r.report()
}

func (r *run) treat(ctx context.Context, name Name) error {
	if r.Verb == Discard {
		if !r.DryRun {
			if err := r.clerk.DiscardDead(ctx, name.Destination, name.Position); err != nil {
				return err
			}
		}
		r.Done++
		return nil
	}
	if r.DryRun {
		return r.preview(ctx, name)
	}
	err := r.clerk.ReplayDead(ctx, name.Destination, name.Position, nil)
	switch {
	case err == nil:
		r.Done++
	case errors.Is(err, history.ErrEvent):
		r.Stay++
	default:
		return err
	}
	return nil
}

// preview says what a replay of a letter would send.
func (r *run) preview(ctx context.Context, name Name) error {
	mapped, err := r.clerk.PreviewDead(ctx, name.Destination, name.Position, nil)
	if err != nil {
		return err
	}
	if mapped.Callable() {
		r.Done++
		r.Calls[mapped.Method+" "+mapped.Path]++
	} else {
		r.Stay++
		r.Refused[string(mapped.Kind)+": "+mapped.Reason]++
	}
	if r.o.Each == nil {
		return nil
	}
	return r.o.Each(Treated{name, mapped})
}

// report says now and then how far it is.
func (r *run) report() error {
	r.looked++
	if r.o.Progress == nil || time.Since(r.told) < progressEvery {
		return nil
	}
	r.told = time.Now()
	r.Share = share(r.looked, r.all)
	return r.o.Progress(r.clone())
}

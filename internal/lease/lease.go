package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrLost says that a lease is not held any more.
var ErrLost = errors.New("lease was lost")

// retryHold is how long to wait before a Hold that returned by itself is called again.
const retryHold = time.Second

// Lease is the right to do what one process alone may do. Its methods are safe for concurrent use.
type Lease struct {
	// Item is what it is for.
	Item string
	// Before tells of the holder before.
	Before Predecessor

	keeper  *Keeper
	session *session
	number  int // of the offer it is held with
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{} // closed when Hold has returned for good

	mu       sync.Mutex
	record   leaseRecord
	revision uint64
}

// Predecessor is what is known of the holder before.
type Predecessor struct {
	// Note is the last that it has noted; nil if nothing.
	Note json.RawMessage
	// At is when that was, by the clock of the bucket's server.
	At time.Time
	// Orderly says that it has released the lease after it had ended all it did, or that there was none.
	Orderly bool
}

// Epoch is larger than that of every earlier holder. Only Raise changes it.
func (l *Lease) Epoch() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record.Epoch
}

// Valid reports whether the lease is held at this moment. What only the holder may do is to be done within moments.
func (l *Lease) Valid() bool { return l.session.valid() }

// Lost is closed when the lease is lost, perhaps a little later than Valid says so.
func (l *Lease) Lost() <-chan struct{} { return l.session.lost }

// Note stores what others and the successor are to know, in the place of what was noted before. Errors: ErrLost, those
// of the bucket; after one of these the note may be stored nevertheless.
func (l *Lease) Note(ctx context.Context, note any) error {
	data, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("note of %s: %w", l.Item, err)
	}
	if len(data) > MaxNote {
		return fmt.Errorf("note of %s has %d bytes, at most %d are possible", l.Item, len(data), MaxNote)
	}
	return l.write(ctx, func(r *leaseRecord) { r.Note = data })
}

// Raise has the lease go on with a larger epoch, where the holder knows of a larger one. Errors are those of Note.
func (l *Lease) Raise(ctx context.Context, epoch uint64) error {
	return l.write(ctx, func(r *leaseRecord) { r.Epoch = max(r.Epoch, epoch) })
}

// release gives the lease up, for a member if one is named.
func (l *Lease) release(ctx context.Context, to string) error {
	return l.write(ctx, func(r *leaseRecord) { r.Session, r.For, r.Since = "", to, time.Now().UTC() })
}

// write changes the record.
func (l *Lease) write(ctx context.Context, change func(*leaseRecord)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.keeper
	if seen := k.view.lease(l.Item); seen.revision > l.revision {
		if seen.record.Session != l.session.id {
			return fmt.Errorf("%s: %w", l.Item, ErrLost)
		}
		l.record, l.revision = seen.record, seen.revision // a write without an answer was stored
	}
	if !l.Valid() {
		return fmt.Errorf("%s: %w", l.Item, ErrLost)
	}
	next := l.record
	change(&next)
	revision, err := k.put(ctx, l.Item, next, l.revision)
	if err != nil {
		return fmt.Errorf("write lease of %s: %w", l.Item, err)
	}
	l.record, l.revision = next, revision
	return nil
}

// put writes the record of a lease in the place of a revision.
func (k *Keeper) put(ctx context.Context, item string, r leaseRecord, revision uint64) (uint64, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.times.answer)
	defer cancel()
	revision, err = k.options.Bucket.Update(ctx, item, data, revision)
	if err != nil {
		return 0, err
	}
	k.view.wrote(item, r, revision)
	return revision, nil
}

func (l *Lease) hasEnded() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// hold has a lease held, until it is cancelled.
func (k *Keeper) hold(l *Lease, o offer) {
	l.number, l.ended = o.number, make(chan struct{})
	l.ctx, l.cancel = context.WithCancel(context.Background())
	ended, ctx, cancel := l.ended, l.ctx, l.cancel
	k.parts.Go(func() {
		defer k.signal()
		defer close(ended)
		defer cancel()
		stop := make(chan struct{})
		k.parts.Go(func() {
			select {
			case <-l.session.lost:
				cancel()
			case <-stop:
			}
		})
		defer close(stop)
		for ctx.Err() == nil {
			if err := o.Hold(ctx, l); err != nil && ctx.Err() == nil {
				k.log.Error("what this process holds does not work, trying again", "item", l.Item, "error", err)
			}
			if ctx.Err() == nil {
				pause(ctx, retryHold)
			}
		}
	})
}

// settle ends what is to be handed over, hands over what has ended, and holds again what is to be held in another way.
func (k *Keeper) settle(ctx context.Context, plan map[string]string) {
	k.mu.Lock()
	held := make([]*Lease, 0, len(k.held))
	for _, l := range k.held {
		held = append(held, l)
	}
	k.mu.Unlock()
	for _, l := range held {
		o, offered := k.offers(l.Item)
		mine := offered && plan[l.Item] == k.options.Name
		switch {
		case !l.hasEnded():
			if !mine || l.number != o.number {
				l.cancel()
			}
		case mine && o.Hold != nil:
			k.mu.Lock()
			if k.offer.number == o.number {
				k.hold(l, o)
			}
			k.mu.Unlock()
		case !mine:
			k.handOver(ctx, l, plan[l.Item])
		}
	}
}

// handOver releases a lease whose Hold has ended.
func (k *Keeper) handOver(ctx context.Context, l *Lease, to string) {
	err := l.release(ctx, to)
	if err != nil && !errors.Is(err, ErrLost) {
		k.log.Debug("a lease was not released", "item", l.Item, "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, l.Item)
	k.log.Info("no longer held by this process", "item", l.Item, "epoch", l.Epoch(), "to", to)
}

// acquire takes what falls to this member and is free.
func (k *Keeper) acquire(ctx context.Context, plan map[string]string) {
	for item, name := range plan {
		o, offered := k.offers(item)
		if k.holds(item) {
			continue
		}
		seen := k.view.lease(item)
		if seen.record.Session == k.session.id { // an answer was lost
			k.begin(item, seen.record, seen.revision, Predecessor{Note: seen.record.Note, At: seen.at}, o)
			continue
		}
		if name != k.options.Name || !offered || o.Hold == nil || !k.view.free(item, name, k.times.reserve) {
			continue
		}
		record := leaseRecord{
			Session: k.session.id, Member: k.options.Name, Epoch: seen.record.Epoch + 1,
			Since: time.Now().UTC(), Note: seen.record.Note,
		}
		revision, err := k.put(ctx, item, record, seen.revision)
		if err != nil {
			k.log.Debug("a lease was not acquired", "item", item, "error", err)
			continue
		}
		before := Predecessor{Note: seen.record.Note, At: seen.at, Orderly: seen.record.Session == ""}
		k.begin(item, record, revision, before, o)
	}
}

func (k *Keeper) holds(item string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[item] != nil
}

// begin holds a lease that was acquired.
func (k *Keeper) begin(item string, r leaseRecord, revision uint64, before Predecessor, o offer) {
	l := &Lease{Item: item, Before: before, keeper: k, session: k.session, record: r, revision: revision}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log.Info("held by this process", "item", item, "epoch", l.Epoch())
	if k.offer.number != o.number || o.Hold == nil { // changed meanwhile
		l.ended = make(chan struct{})
		close(l.ended)
		l.cancel = func() {}
	} else {
		k.hold(l, o)
	}
	k.held[item] = l
}

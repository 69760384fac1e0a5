package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// bucketLeases is where processes that share a journal agree on who does what.
const bucketLeases = "LEASES"

// Leases is the bucket in which processes that share the journal agree on who does what; nil if no others can.
func (j *Journal) Leases(ctx context.Context) (jetstream.KeyValue, error) {
	if j.cluster == nil {
		return nil, nil
	}
	bucket, err := j.openBucket(ctx, bucketLeases, splitRoom(j.opts.MaxBytes).small)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", bucketLeases, err)
	}
	return bucket, nil
}

// Another process may own a destination. What it has saved says where the destination stands, about a second late.
const (
	peekTimeout = 3 * time.Second
	peekFor     = 500 * time.Millisecond // how long what was read is good enough
)

// peeked is a cursor that was only looked at.
type peeked struct {
	cursor *Cursor
	at     time.Time
}

// peek reads a destination's saved cursor, to look at it. Error: ErrNotFound if there is none.
func (j *Journal) peek(ctx context.Context, destination string) (*Cursor, error) {
	j.mu.Lock()
	known := j.peeked[destination]
	j.mu.Unlock()
	if known.cursor != nil && time.Since(known.at) < peekFor {
		return known.cursor, nil
	}
	ctx, cancel := context.WithTimeout(ctx, peekTimeout)
	defer cancel()
	entry, err := j.cursors.Get(ctx, destination)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, fmt.Errorf("destination %q: %w", destination, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read cursor of %s: %w: %w", destination, ErrUnavailable, err)
	}
	s, err := decodeSaved(entry.Value())
	if err != nil {
		return nil, fmt.Errorf("cursor of %s: %w", destination, err)
	}
	c, err := j.makeCursor(CursorOptions{Destination: destination})
	if err != nil {
		return nil, err
	}
	c.adopt(s)
	c.parked.events = s.Parked.Events
	c.revision = entry.Revision()
	c.prefixes = nil
	for name := range s.Place.Connections {
		c.prefixes = append(c.prefixes, c.prefix(name))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.peeked == nil {
		j.peeked = map[string]peeked{}
	}
	j.peeked[destination] = peeked{c, time.Now()}
	return c, nil
}

// cursorOf is a destination's cursor, to look at: the open one, or, where another process may have it open, what was saved of
// it. Error: ErrNotFound.
func (j *Journal) cursorOf(destination string) (*Cursor, error) {
	j.mu.Lock()
	c := j.held[destination]
	j.mu.Unlock()
	if c != nil {
		return c, nil
	}
	if j.cluster == nil {
		return nil, fmt.Errorf("destination %q: %w", destination, ErrNotFound)
	}
	return j.peek(context.Background(), destination)
}

// Status says where a destination stands, also where another process owns it. Errors: ErrNotFound, ErrUnavailable.
func (j *Journal) Status(ctx context.Context, destination string) (Status, error) {
	c, err := j.cursorOf(destination)
	if err != nil {
		return Status{}, err
	}
	return c.Status(ctx)
}

// OwnerEpoch is the largest epoch with which a destination was ever owned.
func (j *Journal) OwnerEpoch(ctx context.Context, destination string) (uint64, error) {
	entry, err := j.cursors.Get(ctx, destination)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read cursor of %s: %w: %w", destination, ErrUnavailable, err)
	}
	s, err := decodeSaved(entry.Value())
	if err != nil {
		return 0, fmt.Errorf("cursor of %s: %w", destination, err)
	}
	epoch := s.Epoch
	for _, f := range s.Parked.Fences {
		epoch = max(epoch, f.Epoch)
	}
	return epoch, nil
}

// EnsureCursor makes the cursor of a destination that the journal does not know yet, without opening it: from then on its
// events are kept for it. Where several processes share a journal, each does so before it accepts events, whoever is to
// own the destination.
func (j *Journal) EnsureCursor(ctx context.Context, opts CursorOptions) error {
	_, err := j.cursors.Get(ctx, opts.Destination)
	if err == nil {
		return nil
	}
	if !errors.Is(err, jetstream.ErrKeyNotFound) {
		return fmt.Errorf("read cursor of %s: %w: %w", opts.Destination, ErrUnavailable, err)
	}
	c, err := j.makeCursor(opts)
	if err != nil {
		return err
	}
	if lowest, err := c.lowestOutcome(ctx); err != nil || lowest != 0 {
		return err // it was lost: the next owner finds out where the destination stands
	}
	if err := c.begin(ctx, opts); err != nil {
		return err
	}
	if err := c.connect(ctx, opts.Sources); err != nil {
		return err
	}
	data, err := c.encode()
	if err != nil {
		return err
	}
	if _, err := j.cursors.Create(ctx, opts.Destination, data); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return writeError("make cursor of "+opts.Destination, err)
	}
	return nil
}

// savedCursors looks at the cursors of destinations that are not open here. Those that were never made are left out.
func (j *Journal) savedCursors(ctx context.Context, destinations []string) ([]*Cursor, error) {
	var all []*Cursor
	for _, name := range destinations {
		j.mu.Lock()
		open := j.held[name] != nil
		j.mu.Unlock()
		if open {
			continue
		}
		c, err := j.peek(ctx, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

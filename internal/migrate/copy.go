// Package migrate copies journals: from one place to another, to a file and from a file. It copies what is stored and
// knows nothing of what that means.
package migrate

import (
	"context"
	"errors"
	"fmt"

	"tanker/internal/journal"
)

// Errors of a copy, beside those of the journal. They are matched with errors.Is.
var (
	// ErrChanged says that somebody has used the source while it was copied.
	ErrChanged = errors.New("the journal was used while it was copied")
	// ErrDifferent says that what was written is not what is read back.
	ErrDifferent = errors.New("the copy differs from its source")
)

// Source is what is copied: a *journal.Store or an *archive.Reader.
type Source interface {
	Streams(ctx context.Context) ([]journal.StoredStream, error)
	Read(ctx context.Context, stream string, do func(*journal.StoredMessage) error) error
}

// Totals are what was copied.
type Totals struct {
	Streams  int
	Messages uint64
	Events   uint64
	Kept     int // streams that an earlier run has copied
}

// Copy copies what a source holds, compares every stream with what is read back, and finishes the copy. Streams that an
// earlier run has copied, and that have not changed since, are compared only. Errors: ErrChanged, ErrDifferent, those of the
// source and of the journal. After an error the copy can be continued.
func Copy(ctx context.Context, from Source, to *journal.Copy, report func(Progress)) (Totals, error) {
	streams, err := from.Streams(ctx)
	if err != nil {
		return Totals{}, err
	}
	for _, s := range streams {
		if err := to.CheckRoom(s); err != nil {
			return Totals{}, err
		}
	}
	c := copying{from: from, to: to, progress: newMeter(streams, 2, report)}
	for _, s := range streams {
		if err := c.stream(ctx, s); err != nil {
			return c.totals, err
		}
	}
	if err := unchanged(ctx, from, streams); err != nil {
		return c.totals, err
	}
	c.progress.last("waiting until all servers have it")
	return c.totals, to.Finish(ctx)
}

// unchanged says whether a source is as it was. What a stream's age limit deletes meanwhile is no change.
func unchanged(ctx context.Context, from Source, before []journal.StoredStream) error {
	after, err := from.Streams(ctx)
	if err != nil {
		return err
	}
	last := map[string]uint64{}
	for _, s := range after {
		last[s.Name] = s.Last
	}
	for _, s := range before {
		if last[s.Name] != s.Last {
			return fmt.Errorf("%w: %s has gone on from %d to %d", ErrChanged, s.Name, s.Last, last[s.Name])
		}
	}
	return nil
}

type copying struct {
	from     Source
	to       *journal.Copy
	progress *meter
	totals   Totals
}

func (c *copying) stream(ctx context.Context, s journal.StoredStream) error {
	if kept, err := c.kept(ctx, s); kept || err != nil {
		return err
	}
	written := journal.NewDigest(s.Name)
	err := c.to.Fill(ctx, s, func(put func(*journal.StoredMessage) error) error {
		return c.from.Read(ctx, s.Name, func(m *journal.StoredMessage) error {
			if err := written.Add(m); err != nil {
				return err
			}
			c.progress.add("copying "+s.Name, m)
			return put(m)
		})
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", s.Name, err)
	}
	read, err := c.readBack(ctx, s.Name)
	if err != nil {
		return err
	}
	sum := written.Sum()
	if read.Sum() != sum {
		return fmt.Errorf("%w: %s: %d messages were written, and of %d read back not all are the same",
			ErrDifferent, s.Name, written.Messages, read.Messages)
	}
	c.count(written)
	return c.to.Note(ctx, journal.Copied{Source: s, Digest: sum[:]})
}

// kept says whether an earlier run has copied the stream.
func (c *copying) kept(ctx context.Context, s journal.StoredStream) (bool, error) {
	copied, ok := c.to.Copied(s.Name)
	if !ok || copied.Source != s {
		return false, nil
	}
	before := c.progress.mark()
	read, err := c.readBack(ctx, s.Name)
	if err != nil {
		return false, err
	}
	if sum := read.Sum(); string(sum[:]) != string(copied.Digest) {
		c.progress.reset(before)
		return false, nil
	}
	c.progress.skip(s)
	c.count(read)
	c.totals.Kept++
	return true, nil
}

func (c *copying) readBack(ctx context.Context, stream string) (*journal.Digest, error) {
	d := journal.NewDigest(stream)
	err := c.to.Read(ctx, stream, func(m *journal.StoredMessage) error {
		c.progress.add("comparing "+stream, m)
		return d.Add(m)
	})
	if err != nil {
		return nil, fmt.Errorf("read %s back: %w", stream, err)
	}
	return d, nil
}

func (c *copying) count(d *journal.Digest) {
	c.totals.Streams++
	c.totals.Messages += d.Messages
	c.totals.Events += d.Events
}

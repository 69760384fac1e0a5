package journal

import (
	"context"
	"fmt"
	"slices"
)

// Lookup reads events by their positions and hands them to do, the oldest first. Those that the janitor has deleted are
// left out. It reads whole packs, so it is for positions that lie close together, or for few. Errors: what do returns,
// ErrUnavailable, ErrCorrupt.
func (j *Journal) Lookup(ctx context.Context, positions []Position, do func(Entry) error) error {
	positions = slices.Sorted(slices.Values(positions))
	var seq uint64
	var entries []Entry
	for _, pos := range positions {
		if pos.Seq() != seq {
			var err error
			if entries, err = j.storedEntries(ctx, pos.Seq()); err != nil {
				return err
			}
			seq = pos.Seq()
		}
		if pos.Index() >= len(entries) {
			continue
		}
		e := entries[pos.Index()]
		e.Position = pos
		if err := do(e); err != nil {
			return err
		}
	}
	return nil
}

// storedEntries reads a pack; nil if it is deleted.
func (j *Journal) storedEntries(ctx context.Context, seq uint64) ([]Entry, error) {
	stored, err := j.readLogged(ctx, seq)
	if err != nil || stored == nil {
		return nil, err
	}
	p, err := decodePack(stored.data)
	if err != nil {
		return nil, fmt.Errorf("event pack %d: %w", seq, err)
	}
	return p.entries, nil
}

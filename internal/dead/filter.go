package dead

import (
	"context"

	"tanker/internal/journal"
)

// Filter selects dead letters. Zero fields select all.
type Filter struct {
	journal.DeadFilter

	// Group is the ID of a Group.
	Group string
}

// selects reports whether a letter is meant.
func (f *Filter) selects(l *journal.DeadLetter) bool {
	return (f.Destination == "" || f.Destination == l.Destination) && f.Selects(l) &&
		(f.Group == "" || causeOf(l).id() == f.Group)
}

// Log is where dead letters are kept. A *journal.Journal is one.
type Log interface {
	// DeadExtent says how many there are.
	DeadExtent(ctx context.Context) (journal.DeadExtent, error)
	// ScanDead reads them.
	ScanDead(ctx context.Context, s journal.DeadScan, do func(seq uint64, letter journal.DeadLetter) error) error
}

// defaultPage is how many letters a page has if its filter does not say it, as the journal has it.
const defaultPage = 100

// List is a page of the letters that a filter selects, the oldest first.
func List(ctx context.Context, log Log, f Filter) (journal.DeadPage, error) {
	page := journal.DeadPage{Letters: []journal.DeadLetter{}}
	if f.Limit <= 0 {
		f.Limit = defaultPage
	}
	var last uint64
	err := log.ScanDead(ctx, journal.DeadScan{Destination: f.Destination, After: f.After}, func(seq uint64, letter journal.DeadLetter) error {
		if !f.selects(&letter) {
			return nil
		}
		if len(page.Letters) == f.Limit {
			page.Next = last
			return journal.ErrStop
		}
		page.Letters, last = append(page.Letters, letter), seq
		return nil
	})
	return page, err
}

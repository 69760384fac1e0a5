package history

import (
	"context"
	"slices"

	"tanker/internal/journal"
)

// listPending reads the events behind the destination's floor that have no outcome and are not parked. Next is the
// position behind which to go on.
func listPending(ctx context.Context, log Archive, o ListOptions) (Page, error) {
	floor, err := log.Floor(o.Destination)
	if err != nil {
		return Page{}, err
	}
	retries, err := log.Retries(o.Destination)
	if err != nil {
		return Page{}, err
	}
	after := max(journal.Position(o.Next), journal.At(floor+1, 0)-1)
	var page Page
	packs := 0
	err = log.Scan(ctx, journal.Scan{After: (after + 1).Seq() - 1}, func(p journal.StoredPack) error {
		if len(page.Events) >= o.Limit || page.Searched >= lookEvents || packs >= lookPacks {
			page.Next = uint64(after)
			return journal.ErrStop
		}
		packs++
		page.At = p.Stored
		for i := range p.Entries {
			e := &p.Entries[i]
			if e.Position <= after {
				continue
			}
			if len(page.Events) >= o.Limit {
				page.Next = uint64(after)
				return journal.ErrStop
			}
			page.Searched++
			after = e.Position
			if standing, gets := log.Standing(o.Destination, &p, e.Position); gets && !standing.Finished {
				retry := retries[e.Position]
				page.Events = append(page.Events, Listed{Summary: Summarize(e), Attempts: retry.Attempts, Next: retry.Next})
			}
		}
		return nil
	})
	return page, err
}

// listRetrying lists the events that wait for their next attempt. Next is the position behind which to go on.
func listRetrying(ctx context.Context, log Archive, o ListOptions) (Page, error) {
	retries, err := log.Retries(o.Destination)
	if err != nil {
		return Page{}, err
	}
	positions := make([]journal.Position, 0, len(retries))
	for pos := range retries {
		if uint64(pos) > o.Next {
			positions = append(positions, pos)
		}
	}
	slices.Sort(positions)
	var page Page
	if len(positions) > o.Limit {
		positions = positions[:o.Limit]
		page.Next = uint64(positions[o.Limit-1])
	}
	page.Searched = len(positions)
	for _, pos := range positions {
		retry := retries[pos]
		page.Events = append(page.Events, Listed{Summary: Summary{Position: pos}, Gone: true, Attempts: retry.Attempts, Next: retry.Next})
	}
	return page, page.describe(ctx, log)
}

// listParked lists the events that were moved out of the way. Next is the last message of PARKED.
func listParked(ctx context.Context, log Archive, o ListOptions) (Page, error) {
	parked, err := log.ParkedEvents(ctx, journal.ParkedFilter{Destination: o.Destination, User: o.User, After: o.Next, Limit: o.Limit})
	if err != nil {
		return Page{}, err
	}
	page := Page{Next: parked.Next, Searched: len(parked.Events)}
	for i := range parked.Events {
		e := &parked.Events[i]
		page.Events = append(page.Events, Listed{Summary: Summarize(&e.Entry), Attempts: e.Retry.Attempts, Next: e.Retry.Next, Waits: e.User})
	}
	return page, nil
}

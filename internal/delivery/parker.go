package delivery

import (
	"context"
	"errors"

	"tanker/internal/journal"
)

// parker moves events to where they wait in the log, and brings them back. While one batch is being stored the next one
// gathers.
type parker struct {
	o       *Options
	reader  *reader // maps what comes back
	parks   mailbox[*item]
	wishes  mailbox[*recall]
	woken   <-chan struct{}   // of both
	parked  *mailbox[*item]   // to the scheduler
	came    *mailbox[*recall] // to the scheduler
	storing *trouble
	reading *trouble

	storeFailures, readFailures int // in a row
}

// run works until ctx is cancelled, or until the log is closed or belongs to somebody else. What it has not
// stored by then stays where it was read.
func (p *parker) run(ctx context.Context) error {
	var batch []*item
	for ctx.Err() == nil {
		wishes := p.wishes.take(nil) // first: the events of a wish were sent before it
		batch = append(batch, p.parks.take(nil)...)
		if len(wishes) == 0 && len(batch) == 0 {
			select {
			case <-p.woken:
			case <-ctx.Done():
			}
			continue
		}
		err := p.store(ctx, batch)
		if err == nil {
			batch = nil
		}
		for _, r := range wishes {
			err = errors.Join(err, p.recall(ctx, r))
		}
		if err == nil {
			continue
		}
		if lost(err) {
			return err
		}
		if len(batch) > 0 {
			p.pause(ctx)
		}
	}
	return nil
}

// pause waits after events could not be stored, but not if some are to be brought back: that may make room.
func (p *parker) pause(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, logBackoff(p.storeFailures))
	defer cancel()
	select {
	case <-p.woken:
	case <-wait.Done():
	}
}

// store parks events: each user's in order.
func (p *parker) store(ctx context.Context, items []*item) error {
	if len(items) == 0 {
		return nil
	}
	var all []journal.Parking
	index := make(map[string]int)
	for _, it := range items {
		i, known := index[it.key]
		if !known {
			i = len(all)
			index[it.key] = i
			all = append(all, journal.Parking{User: it.key})
		}
		all[i].Entries = append(all[i].Entries, it.entry)
	}
	if err := p.o.Log.Park(ctx, all); err != nil {
		if ctx.Err() == nil {
			p.storeFailures++
			p.storing.report(ctx, "parking events", err, p.storeFailures)
		}
		return err
	}
	p.storeFailures = 0
	p.storing.clear(ctx)
	p.parked.put(items...)
	return nil
}

// recall brings back some of a user's events.
func (p *parker) recall(ctx context.Context, r *recall) error {
	var err error
	size := 0
	for len(r.items) < r.most && size < recallBytes {
		var entries []journal.Entry
		if entries, err = p.o.Log.Unpark(ctx, r.lane.key, r.most-len(r.items)); err != nil || len(entries) == 0 {
			r.all = err == nil
			break
		}
		for _, e := range entries {
			it := p.reader.item(e)
			it.parked = true
			r.items = append(r.items, it)
			size += it.size
		}
	}
	switch {
	case err == nil:
		p.readFailures = 0
		p.reading.clear(ctx)
	case ctx.Err() == nil:
		p.readFailures++
		p.reading.report(ctx, "reading parked events", err, p.readFailures)
	}
	p.came.put(r)
	return err
}

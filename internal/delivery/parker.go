package delivery

import (
	"context"
	"errors"
	"time"

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

	batch         []*item   // that is to be stored
	again         time.Time // not to be tried before
	storeFailures int       // in a row
	readFailures  int
}

// run works until ctx is cancelled, or until the log is closed or belongs to somebody else. What it has not
// stored by then stays where it was read.
func (p *parker) run(ctx context.Context) error {
	for {
		wishes := p.wishes.take(nil) // first: the events of a wish were sent before it
		p.batch = append(p.batch, p.parks.take(nil)...)
		err := p.store(ctx)
		for _, r := range wishes { // also when nothing can be stored: that may make room
			err = errors.Join(err, p.recall(ctx, r))
		}
		if lost(err) {
			return err
		}
		var retry <-chan time.Time
		if len(p.batch) > 0 {
			retry = time.After(time.Until(p.again))
		}
		select {
		case <-p.woken:
		case <-retry:
		case <-ctx.Done():
			return nil
		}
	}
}

// store parks the batch when it is due: each user's events in order.
func (p *parker) store(ctx context.Context) error {
	if len(p.batch) == 0 || time.Now().Before(p.again) {
		return nil
	}
	var all []journal.Parking
	index := make(map[string]int)
	for _, it := range p.batch {
		i, known := index[it.key]
		if !known {
			i = len(all)
			index[it.key] = i
			all = append(all, journal.Parking{User: it.key})
		}
		all[i].Entries = append(all[i].Entries, it.entry)
	}
	if err := p.o.Log.Park(ctx, all); err != nil {
		p.storeFailures++
		p.again = time.Now().Add(logBackoff(p.storeFailures))
		if ctx.Err() == nil {
			p.storing.report(ctx, "parking events", err, p.storeFailures)
		}
		return err
	}
	p.storing.clear(ctx)
	p.parked.put(p.batch...)
	p.batch, p.again, p.storeFailures = nil, time.Time{}, 0
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
			it := p.reader.item(ctx, e)
			if ctx.Err() != nil {
				return ctx.Err() // the event may not have been mapped
			}
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

package dead

import (
	"context"
	"time"

	"tanker/internal/journal"
)

// progressEvery is how often whoever waits is told how far it is.
const progressEvery = 250 * time.Millisecond

// Count puts the letters that a filter selects into groups. progress is told now and then what has been counted so far.
// Errors: what progress returns, and those of the log.
func Count(ctx context.Context, log Log, f Filter, progress func(Groups) error) (Groups, error) {
	c := newCounter()
	err := c.count(ctx, log, f, progress)
	return c.snapshot(), err
}

// count goes on behind what has been counted before.
func (c *counter) count(ctx context.Context, log Log, f Filter, progress func(Groups) error) error {
	extent, err := log.DeadExtent(ctx)
	if err != nil {
		return err
	}
	c.Complete = false
	told := time.Now()
	scan := journal.DeadScan{Destination: f.Destination, After: c.UpTo, UpTo: extent.Last}
	err = log.ScanDead(ctx, scan, func(seq uint64, letter journal.DeadLetter) error {
		c.Looked++
		c.UpTo = seq
		if f.selects(&letter) {
			c.add(&letter)
		}
		if time.Since(told) < progressEvery {
			return nil
		}
		told = time.Now()
		c.Share = share(c.Looked, extent.Letters)
		return progress(c.snapshot())
	})
	if err != nil {
		return err
	}
	c.UpTo, c.Share, c.Complete = max(c.UpTo, extent.Last), 1, true
	return nil
}

// share is how much of all that is.
func share(n int, all uint64) float64 {
	if all == 0 {
		return 1
	}
	return min(1, float64(n)/float64(all))
}

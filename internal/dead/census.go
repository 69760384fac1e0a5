package dead

import (
	"context"
	"sync"
	"time"

	"tanker/internal/journal"
)

const (
	// maxCounts is for how many filters groups are remembered.
	maxCounts = 8
	// maxCounting is how many filters are counted for at the same time.
	maxCounting = 2
)

// Census counts letters in the background and remembers what it has counted, so that whoever asks again soon is answered
// at once, and whoever has many letters sees the groups grow. It is safe for concurrent use.
type Census struct {
	log    Log
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{} // holds one for each count under way
	wg     sync.WaitGroup

	mu     sync.Mutex
	counts map[Filter]*count
	asked  int // how often
}

// count is what is counted for one filter.
type count struct {
	counter *counter // belongs to the goroutine that counts, while there is one
	shown   Groups
	err     error
	done    chan struct{} // closed when it does not count
	letters uint64        // in the log, when counting ended
	asked   int           // when it was asked for last
}

// NewCensus makes a Census. Close ends it.
func NewCensus(log Log) *Census {
	ctx, cancel := context.WithCancel(context.Background())
	return &Census{log: log, ctx: ctx, cancel: cancel, slots: make(chan struct{}, maxCounting), counts: map[Filter]*count{}}
}

// Close ends all counting and waits for that.
func (c *Census) Close() error {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Groups are the letters that a filter selects, by what they died of. It waits for them as long as patience says, and
// then returns what there is so far: Complete says whether that is all. Errors: the context's, those of the log,
// journal.ErrClosed.
func (c *Census) Groups(ctx context.Context, f Filter, patience time.Duration) (Groups, error) {
	f.After, f.Limit = 0, 0
	counting, err := c.begin(ctx, f)
	if err != nil {
		return Groups{}, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-counting.done:
	case <-timer.C:
	case <-ctx.Done():
		return Groups{}, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return counting.shown, counting.err
}

// begin sees to it that what is remembered of a filter is up to date, or is being counted.
func (c *Census) begin(ctx context.Context, f Filter) (*count, error) {
	extent, err := c.log.DeadExtent(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, journal.ErrClosed
	}
	c.asked++
	known := c.counts[f]
	if known == nil {
		c.forget()
		known = &count{counter: newCounter(), done: closed()}
		c.counts[f] = known
	}
	known.asked = c.asked
	select {
	case <-known.done:
	default:
		return known, nil // it is being counted
	}
	upTo := known.counter.UpTo
	if known.shown.Complete && known.err == nil && upTo == extent.Last && known.letters == extent.Letters {
		return known, nil
	}
	if known.err != nil || extent.Letters-known.letters != extent.Last-upTo {
		known.counter = newCounter() // some are gone: which ones nobody knows
	}
	known.done, known.err = make(chan struct{}), nil
	c.wg.Go(func() { c.count(f, known) })
	return known, nil
}

// count counts for a filter until it is done.
func (c *Census) count(f Filter, known *count) {
	letters, err := c.read(f, known)
	c.mu.Lock()
	defer c.mu.Unlock()
	known.shown, known.err, known.letters = known.counter.snapshot(), err, letters
	close(known.done)
}

// read counts for a filter when it is its turn. It returns how many letters there were when it began.
func (c *Census) read(f Filter, known *count) (uint64, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	}
	extent, err := c.log.DeadExtent(c.ctx)
	if err != nil {
		return 0, err
	}
	return extent.Letters, known.counter.count(c.ctx, c.log, f, func(g Groups) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		known.shown = g
		return nil
	})
}

// forget makes room for one more filter. c.mu is held.
func (c *Census) forget() {
	if len(c.counts) < maxCounts {
		return
	}
	var oldest Filter
	at := c.asked
	for f, known := range c.counts {
		if known.asked < at {
			oldest, at = f, known.asked
		}
	}
	delete(c.counts, oldest)
}

func closed() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

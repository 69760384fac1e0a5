package gateway

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// budget hands out a fixed number of bytes, first come, first served. It counts only; the memory itself
// is the taker's.
type budget struct {
	wait time.Duration // the longest that take waits

	mu      sync.Mutex
	free    int
	waiting list.List // of *claim
}

// claim is a take that waits for bytes to come back.
type claim struct {
	bytes   int
	granted chan struct{}
}

func newBudget(bytes int, wait time.Duration) *budget {
	return &budget{free: bytes, wait: wait}
}

// take claims n bytes, waiting a little if they are not there. It reports whether it got them.
func (b *budget) take(ctx context.Context, n int) bool {
	b.mu.Lock()
	if b.waiting.Len() == 0 && b.free >= n {
		b.free -= n
		b.mu.Unlock()
		return true
	}
	c := &claim{bytes: n, granted: make(chan struct{})}
	place := b.waiting.PushBack(c)
	b.mu.Unlock()

	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case <-c.granted:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return b.leave(place)
}

// leave ends a wait. It reports whether the claim was granted after all.
func (b *budget) leave(place *list.Element) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-place.Value.(*claim).granted:
		return true
	default:
	}
	b.waiting.Remove(place)
	b.grant() // who stood behind may need less
	return false
}

// give returns n bytes.
func (b *budget) give(n int) {
	b.mu.Lock()
	b.free += n
	b.grant()
	b.mu.Unlock()
}

// grant serves those who wait, in their order. The lock is held.
func (b *budget) grant() {
	for front := b.waiting.Front(); front != nil; front = b.waiting.Front() {
		c := front.Value.(*claim)
		if c.bytes > b.free {
			return
		}
		b.free -= c.bytes
		b.waiting.Remove(front)
		close(c.granted)
	}
}

// lease is what one request holds of a budget.
type lease struct {
	budget *budget
	bytes  int
}

// take adds n bytes to the lease, waiting a little if they are not there. It reports whether it got them.
func (l *lease) take(ctx context.Context, n int) bool {
	if !l.budget.take(ctx, n) {
		return false
	}
	l.bytes += n
	return true
}

// give returns n bytes of the lease.
func (l *lease) give(n int) {
	l.bytes -= n
	l.budget.give(n)
}

// end returns what is left of the lease.
func (l *lease) end() {
	if l.bytes > 0 {
		l.give(l.bytes)
	}
}

package refinertest

import (
	"context"
	"iter"
	"sync"
)

// callOverhead is roughly what a kept call takes beside its body, for the bound of the memory.
const callOverhead = 1 << 10

// callLog keeps the latest calls within a number and a size, and counts all.
type callLog struct {
	maxCalls int // negative: none are kept
	maxBytes int64

	mu      sync.Mutex
	calls   []recorded // oldest first
	bytes   int64
	last    int64 // the sequence number of the latest call
	floor   int64 // calls up to here were deleted on request
	status  [600]int64
	changed chan struct{} // closed with the next call, if anyone waits
}

// recorded is a call that has been answered.
type recorded struct {
	*call
	seq    int64
	status int // 0 if the connection was cut
}

// size is what the call adds to the memory.
func (r recorded) size() int64 {
	size := callOverhead + len(r.raw) + len(r.path) + len(r.query) + len(r.key)
	for name, values := range r.header {
		size += len(name)
		for _, value := range values {
			size += len(value)
		}
	}
	return int64(size)
}

func (l *callLog) add(c *call, status int) {
	// The parameters are read from the raw body again when somebody asks.
	c.params, c.problem = nil, nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if status < len(l.status) {
		l.status[status]++
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	if l.maxCalls < 0 {
		return
	}
	r := recorded{c, l.last, status}
	l.calls = append(l.calls, r)
	l.bytes += r.size()
	for len(l.calls) > l.maxCalls || l.bytes > l.maxBytes {
		l.bytes -= l.calls[0].size()
		l.calls[0] = recorded{}
		l.calls = l.calls[1:]
	}
}

// clear deletes all calls. The numbers go on.
func (l *callLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls, l.bytes, l.floor = nil, 0, l.last
}

// after returns up to limit calls with higher numbers than seq, and how many of those that came right
// after it are not kept any more.
func (l *callLog) after(seq int64, limit int) (calls []recorded, dropped int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = max(seq, l.floor)
	first := l.last + 1
	if len(l.calls) > 0 {
		first = l.calls[0].seq
	}
	dropped = max(0, first-1-seq)
	skip := min(max(0, seq-first+1), int64(len(l.calls)))
	rest := l.calls[skip:]
	return append([]recorded(nil), rest[:min(limit, len(rest))]...), dropped
}

// total returns how many calls came in, and a channel that is closed with the next one.
func (l *callLog) total() (int64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.last, l.changed
}

// Stats counts the calls of the API, whether they are kept or not.
type Stats struct {
	// Calls is how many were answered or cut off.
	Calls int64 `json:"calls"`

	// Status counts them by the status of the answer, 0 for those that were cut off.
	Status map[int]int64 `json:"status"`
}

// Stats returns the counts since the sandbox was made.
func (s *Sandbox) Stats() Stats {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	stats := Stats{Calls: s.log.last, Status: map[int]int64{}}
	for status, n := range s.log.status {
		if n > 0 {
			stats.Status[status] = n
		}
	}
	return stats
}

// Calls returns the calls that are kept, in the order in which they were answered.
func (s *Sandbox) Calls() []Call {
	var calls []Call
	for r := range s.log.from(0) {
		calls = append(calls, r.view())
	}
	return calls
}

// from walks the kept calls with higher numbers than seq. The log goes on meanwhile.
func (l *callLog) from(seq int64) iter.Seq[recorded] {
	return func(yield func(recorded) bool) {
		for {
			page, _ := l.after(seq, 1000)
			if len(page) == 0 {
				return
			}
			for _, r := range page {
				if !yield(r) {
					return
				}
			}
			seq = page[len(page)-1].seq
		}
	}
}

// ClearCalls deletes the calls that are kept. Their numbers go on and Stats stay.
func (s *Sandbox) ClearCalls() { s.log.clear() }

// WaitCalls waits until at least n calls came in since the sandbox was made.
func (s *Sandbox) WaitCalls(ctx context.Context, n int64) error {
	for {
		total, changed := s.log.total()
		if total >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// secretHeader reports whether a header is never shown.
func secretHeader(name string) bool {
	return name == "Authorization" || name == "Proxy-Authorization" || name == "Cookie"
}

package delivery

import (
	"sync"
	"time"
)

// Pause has the worker start no more calls until it is resumed, not even probes. Calls under way end as usual, and events are
// read until the window is full. The state says since when; the zero time resumes.
func (w *Worker) Pause(since time.Time) { w.pause.set(since) }

// pause is an operator's order to hold calls back. The scheduler reads it at every turn.
type pause struct {
	mu    sync.Mutex
	since time.Time       // zero: go on
	wake  chan<- struct{} // of the scheduler; nil before the run
}

func (p *pause) set(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = since
	if p.wake != nil {
		signal(p.wake)
	}
}

func (p *pause) get() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since
}

// tell has the scheduler that listens to wake told of every change.
func (p *pause) tell(wake chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake = wake
}

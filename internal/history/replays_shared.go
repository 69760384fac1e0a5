package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tanker/internal/journal"
)

// Where several processes share a journal, the jobs of a destination run in the process that delivers to it. The others
// know what it writes down of them. Jobs are started by writing them down; to stop or continue one that runs elsewhere an
// order is written beside it, which the process carries out and deletes. So what is known of a job has one writer at a time.

// SharedLog is a ReplayLog that other processes write to as well. A *journal.Journal is one.
type SharedLog interface {
	ReplayLog
	WatchReplays(ctx context.Context, tell func(job string, data []byte)) error
}

const orderPrefix = "order-"

// The orders.
const (
	orderStop     = "stop"
	orderContinue = "continue"
)

// orderPatience is how long to wait until an order is carried out.
const orderPatience = 10 * time.Second

// Share has the jobs of those destinations alone run here that are taken. It is called before Run, and requires a SharedLog.
func (r *Replays) Share() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = map[string]bool{}
}

// here reports whether a destination's jobs run in this process. r.mu is held.
func (r *Replays) here(destination string) bool { return r.taken == nil || r.taken[destination] }

// elsewhere reports whether a job's orders go to another process.
func (r *Replays) elsewhere(id int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.jobs[id]
	return job != nil && !r.here(job.Destination)
}

// Take has a destination's jobs run here from now on.
func (r *Replays) Take(ctx context.Context, destination string) error {
	saved, err := r.log.SavedReplays(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.taken[destination] = true
	r.mu.Unlock()
	for key, data := range saved {
		r.learn(key, data)
	}
	return nil
}

// Drop ends that, and waits until its jobs have written down how far they are.
func (r *Replays) Drop(destination string) {
	r.mu.Lock()
	delete(r.taken, destination)
	var ended []<-chan struct{}
	for id, run := range r.active {
		if r.jobs[id].Destination == destination {
			run.cancel()
			ended = append(ended, run.ended)
		}
	}
	r.mu.Unlock()
	for _, end := range ended {
		<-end
	}
}

// follow learns what other processes write down, until ctx ends.
func (r *Replays) follow(ctx context.Context) {
	r.mu.Lock()
	log, shared := r.log.(SharedLog)
	shared = shared && r.taken != nil
	r.mu.Unlock()
	if !shared {
		return
	}
	if err := log.WatchReplays(ctx, r.learn); err != nil && ctx.Err() == nil {
		r.logger.Error("what other processes say of replays is not known", "error", err)
	}
}

// learn takes note of what is written down.
func (r *Replays) learn(key string, data []byte) {
	if name, ok := strings.CutPrefix(key, orderPrefix); ok {
		if data != nil {
			r.obey(name, string(data))
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if data == nil {
		for id, job := range r.jobs {
			if _, runs := r.active[id]; job.name() == key && !runs {
				delete(r.jobs, id)
			}
		}
		return
	}
	job, err := readReplay(key, data)
	if err != nil {
		r.logger.Warn("what another process says of a replay cannot be read", "error", err)
		return
	}
	if _, runs := r.active[job.ID]; runs {
		return // this process knows better
	}
	r.jobs[job.ID] = job
	if job.State == ReplayRunning && r.here(job.Destination) {
		r.begin(job)
	}
}

// obey carries out an order, if it is meant for this process.
func (r *Replays) obey(name, order string) {
	r.mu.Lock()
	id, ctx := 0, r.ctx
	for _, job := range r.jobs {
		if job.name() == name && r.here(job.Destination) {
			id = job.ID
		}
	}
	r.mu.Unlock()
	if id == 0 || ctx == nil {
		return
	}
	r.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, orderPatience)
		defer cancel()
		var err error
		if order == orderStop {
			_, err = r.Stop(ctx, id)
		} else {
			_, err = r.Continue(ctx, id)
		}
		if err != nil {
			r.logger.Warn("an order for a replay was not carried out", "replay", id, "order", order, "error", err)
		}
		if err := r.log.DeleteReplay(ctx, orderPrefix+name); err != nil {
			r.logger.Warn("an order for a replay was not forgotten", "replay", id, "error", err)
		}
	})
}

// order has the process that runs a job stop or continue it.
func (r *Replays) order(ctx context.Context, id int, order string) (Replay, error) {
	job, err := r.Replay(id)
	if err != nil {
		return job, err
	}
	if runs := job.State == ReplayRunning; runs != (order == orderStop) || job.State == ReplayDone {
		return job, fmt.Errorf("%w: replay %d is %s", ErrReplay, id, job.State)
	}
	if err := r.log.SaveReplay(ctx, orderPrefix+job.name(), []byte(order)); err != nil {
		return job, err
	}
	ctx, cancel := context.WithTimeout(ctx, orderPatience)
	defer cancel()
	for {
		if now, err := r.Replay(id); err != nil || now.State != job.State {
			return now, err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return job, fmt.Errorf("%w: no process delivers to %s at the moment; replay %d will %s when one does",
				journal.ErrUnavailable, job.Destination, id, order)
		}
	}
}

package dead

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tanker/internal/journal"
)

// State is where a job stands.
type State string

// The states of a job.
const (
	Running State = "running"
	Stopped State = "stopped" // by somebody, or because the server or its configuration changed
	Done    State = "done"
	Failed  State = "failed" // Problem says why
)

// Job is an operation that runs in the background.
type Job struct {
	ID int
	Operation
	Result
	State   State
	Problem string
	Samples []Treated // of a replay's dry run: the first letters; without the bodies that are large
	Began   time.Time
	Ended   time.Time // zero while it runs
}

const (
	// maxJobs is how many jobs are remembered.
	maxJobs = 20
	// maxRunning is how many run at the same time.
	maxRunning = 2
	// maxSamples is how many letters a job shows, and maxSample up to which size their calls, in bytes.
	maxSamples = 20
	maxSample  = 8 << 10
)

// ErrBusy says that too many operations run already.
var ErrBusy = errors.New("other operations on dead letters are running: wait for their end, or stop one")

// Jobs runs operations in the background. They end with the process: what was not done yet is still among the letters.
// It is safe for concurrent use.
type Jobs struct {
	log    Log
	clerk  Clerk
	logger *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	jobs map[int]*job
	last int
}

type job struct {
	Job
	cancel context.CancelFunc
	done   chan struct{}
}

// NewJobs makes Jobs. Close ends them.
func NewJobs(log Log, clerk Clerk, logger *slog.Logger) *Jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &Jobs{log: log, clerk: clerk, logger: logger, ctx: ctx, cancel: cancel, jobs: map[int]*job{}}
}

// Close stops all jobs and waits for that.
func (j *Jobs) Close() error {
	j.mu.Lock()
	j.cancel()
	j.mu.Unlock()
	j.wg.Wait()
	return nil
}

// Start begins an operation. Errors: ErrBusy, journal.ErrClosed.
func (j *Jobs) Start(op Operation) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ctx.Err() != nil {
		return Job{}, fmt.Errorf("the configuration is being changed: %w", journal.ErrClosed)
	}
	running := 0
	for _, other := range j.jobs {
		if other.State == Running {
			running++
		}
	}
	if running >= maxRunning {
		return Job{}, ErrBusy
	}
	j.last++
	ctx, cancel := context.WithCancel(j.ctx)
	started := &job{
		Job:    Job{ID: j.last, Operation: op, State: Running, Began: time.Now().UTC()},
		cancel: cancel, done: make(chan struct{}),
	}
	j.jobs[started.ID] = started
	j.forget()
	j.wg.Go(func() {
		defer cancel()
		j.run(ctx, started)
	})
	return started.Job, nil
}

func (j *Jobs) run(ctx context.Context, job *job) {
	defer close(job.done)
	result, err := Run(ctx, j.log, j.clerk, job.Operation, Observer{
		Each: func(t Treated) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			job.sample(t)
			return nil
		},
		Progress: func(r Result) error {
			j.mu.Lock()
			defer j.mu.Unlock()
			job.Result = r
			return nil
		},
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	job.Result, job.Ended = result, time.Now().UTC()
	switch {
	case err == nil:
		job.State = Done
	case ctx.Err() != nil:
		job.State = Stopped
	default:
		job.State, job.Problem = Failed, err.Error()
	}
	if !job.DryRun {
		j.logger.Info("operation on dead letters has ended", "job", job.ID, "verb", string(job.Verb), "state", string(job.State),
			"done", result.Done, "stay", result.Stay, "problem", job.Problem)
	}
}

// sample keeps a letter if there is room.
func (j *Job) sample(t Treated) {
	if len(j.Samples) == maxSamples {
		return
	}
	if len(t.Body) > maxSample {
		t.Body = nil
	}
	j.Samples = append(j.Samples, t)
}

// forget deletes the oldest of the jobs that have ended, if there are too many. j.mu is held.
func (j *Jobs) forget() {
	for _, id := range slices.Sorted(maps.Keys(j.jobs)) {
		if len(j.jobs) <= maxJobs {
			return
		}
		if j.jobs[id].State != Running {
			delete(j.jobs, id)
		}
	}
}

// Job is how a job stands. It waits for its end, but not longer than patience says. Errors: journal.ErrNotFound, the
// context's.
func (j *Jobs) Job(ctx context.Context, id int, patience time.Duration) (Job, error) {
	j.mu.Lock()
	found := j.jobs[id]
	j.mu.Unlock()
	if found == nil {
		return Job{}, fmt.Errorf("operation %d on dead letters: %w", id, journal.ErrNotFound)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-found.done:
	case <-timer.C:
	case <-ctx.Done():
		return Job{}, ctx.Err()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	shown := found.Job
	shown.Samples = slices.Clone(shown.Samples)
	return shown, nil
}

// Stop ends a job and waits for that. What it has done stays done. Errors: journal.ErrNotFound, the context's.
func (j *Jobs) Stop(ctx context.Context, id int) (Job, error) {
	j.mu.Lock()
	found := j.jobs[id]
	j.mu.Unlock()
	if found == nil {
		return Job{}, fmt.Errorf("operation %d on dead letters: %w", id, journal.ErrNotFound)
	}
	found.cancel()
	return j.Job(ctx, id, time.Minute)
}

// List is all jobs that are remembered, the latest first.
func (j *Jobs) List() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Job, 0, len(j.jobs))
	for _, job := range j.jobs {
		list = append(list, job.Job)
	}
	slices.SortFunc(list, func(a, b Job) int { return cmp.Compare(b.ID, a.ID) })
	return list
}

// clone is a Result that the operation does not change any more.
func (r Result) clone() Result {
	r.Calls, r.Refused = maps.Clone(r.Calls), maps.Clone(r.Refused)
	return r
}

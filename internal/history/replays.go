package history

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tanker/internal/journal"
)

// ReplayLog is the journal as replays use it. A *journal.Journal is one.
type ReplayLog interface {
	Scan(ctx context.Context, s journal.Scan, do func(journal.StoredPack) error) error
	Extent(ctx context.Context) (first, last uint64, err error)
	Replay(ctx context.Context, destination, job string, entries []journal.Entry) error
	Replayed(ctx context.Context, destination, job string) (n uint64, last journal.Position, err error)
	CreateReplay(ctx context.Context, job string, data []byte) error
	SaveReplay(ctx context.Context, job string, data []byte) error
	DeleteReplay(ctx context.Context, job string) error
	SavedReplays(ctx context.Context) (map[string][]byte, error)
}

// keptReplays is how many jobs that have ended are remembered.
const keptReplays = 100

// Replays runs the jobs that send past events again. What it knows of them is in the journal: jobs that were running
// go on after a restart.
type Replays struct {
	log     ReplayLog
	targets map[string]*Target
	logger  *slog.Logger

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before
	taken   map[string]bool // destinations whose jobs run here; nil: all
	jobs    map[int]*Replay
	active  map[int]activeReplay // those that run
	running sync.WaitGroup
}

// activeReplay ends a run, and says when it has ended.
type activeReplay struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// OpenReplays reads what the journal knows of replays. Run carries them on.
func OpenReplays(ctx context.Context, log ReplayLog, targets []*Target, logger *slog.Logger) (*Replays, error) {
	r := &Replays{log: log, logger: logger, targets: map[string]*Target{}, jobs: map[int]*Replay{}, active: map[int]activeReplay{}}
	for _, t := range targets {
		r.targets[t.Name] = t
	}
	saved, err := log.SavedReplays(ctx)
	if err != nil {
		return nil, err
	}
	for key, data := range saved {
		if strings.HasPrefix(key, orderPrefix) {
			continue // it is told of again
		}
		job, err := readReplay(key, data)
		if err != nil {
			return nil, err
		}
		r.jobs[job.ID] = job
	}
	return r, nil
}

func readReplay(key string, data []byte) (*Replay, error) {
	var job Replay
	if err := json.Unmarshal(data, &job); err != nil || key != job.name() {
		return nil, fmt.Errorf("replay %s: %w: %w", key, journal.ErrCorrupt, err)
	}
	return &job, nil
}

// Run carries on the jobs that were running, and runs those that are started, until ctx ends. It returns when all have
// written down how far they are.
func (r *Replays) Run(ctx context.Context) error {
	r.mu.Lock()
	r.ctx = ctx
	for _, job := range r.jobs {
		if job.State == ReplayRunning && r.here(job.Destination) {
			r.begin(job)
		}
	}
	r.mu.Unlock()
	r.follow(ctx)
	<-ctx.Done()
	r.mu.Lock()
	r.ctx = nil
	r.mu.Unlock()
	r.running.Wait()
	return nil
}

// Plan says what a replay would do. See MakePlan.
func (r *Replays) Plan(ctx context.Context, request ReplayRequest, progress func(searched, calls int, share float64) error) (Plan, error) {
	target, err := r.target(request.Destination)
	if err != nil {
		return Plan{}, err
	}
	return MakePlan(ctx, r.log, target, request, progress)
}

func (r *Replays) target(destination string) (*Target, error) {
	if t := r.targets[destination]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("destination %q: %w", destination, journal.ErrNotFound)
}

// Start begins a replay. A destination has one that runs at a time. Errors: journal.ErrNotFound, ErrReplay, those of
// the journal.
func (r *Replays) Start(ctx context.Context, request ReplayRequest) (Replay, error) {
	target, err := r.target(request.Destination)
	if err != nil {
		return Replay{}, err
	}
	first, last, err := r.log.Extent(ctx)
	if err != nil {
		return Replay{}, err
	}
	now := time.Now().UTC()
	if err := target.complete(&request, last, now); err != nil {
		return Replay{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.free(request.Destination); err != nil {
		return Replay{}, err
	}
	job := &Replay{ReplayRequest: request, State: ReplayRunning, Created: now, Changed: now, From: first, ID: 1}
	for id := range r.jobs {
		job.ID = max(job.ID, id+1)
	}
	if err := r.create(ctx, job); err != nil {
		return Replay{}, err
	}
	r.jobs[job.ID] = job
	r.forget(ctx)
	if r.here(job.Destination) {
		r.begin(job)
	}
	return *job, nil
}

// create writes down a new job, with the next number that is free.
func (r *Replays) create(ctx context.Context, job *Replay) error {
	for {
		data, err := json.Marshal(job)
		if err != nil {
			return fmt.Errorf("encode replay %d: %w", job.ID, err)
		}
		err = r.log.CreateReplay(ctx, job.name(), data)
		if !errors.Is(err, journal.ErrExists) {
			return err
		}
		job.ID++ // another process was quicker
	}
}

// free says why no replay can be started for a destination. r.mu is held.
func (r *Replays) free(destination string) error {
	if r.ctx == nil {
		return journal.ErrClosed
	}
	for _, job := range r.jobs {
		_, runs := r.active[job.ID]
		if runs = runs || r.taken != nil && job.State == ReplayRunning; runs && job.Destination == destination {
			return fmt.Errorf("%w: replay %d to %s is running; wait for its end, or stop it", ErrReplay, job.ID, destination)
		}
	}
	return nil
}

// forget deletes the oldest of the jobs that have ended, if there are too many. r.mu is held.
func (r *Replays) forget(ctx context.Context) {
	ids := make([]int, 0, len(r.jobs))
	for id, job := range r.jobs {
		if job.State == ReplayDone {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for len(ids) > keptReplays {
		if err := r.log.DeleteReplay(ctx, r.jobs[ids[0]].name()); err != nil {
			r.logger.Warn("an old replay was not forgotten", "replay", ids[0], "error", err)
			return
		}
		delete(r.jobs, ids[0])
		ids = ids[1:]
	}
}

// begin lets a job run. r.mu is held.
func (r *Replays) begin(job *Replay) {
	if _, runs := r.active[job.ID]; runs || r.ctx == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	r.active[job.ID] = activeReplay{cancel, ended}
	r.logger.Info("replay runs", "replay", job.ID, "destination", job.Destination, "sent", job.Sent)
	run := &replayRun{replays: r, job: job, state: *job, target: r.targets[job.Destination]}
	r.running.Go(func() {
		defer close(ended)
		defer cancel()
		run.run(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.active, job.ID)
	})
}

// Stop interrupts a replay, until it is continued, and waits until it sends no more. Errors: journal.ErrNotFound,
// ErrReplay, the context's.
func (r *Replays) Stop(ctx context.Context, id int) (Replay, error) {
	if r.elsewhere(id) {
		return r.order(ctx, id, orderStop)
	}
	run, err := r.stop(ctx, id)
	if err != nil {
		return Replay{}, err
	}
	if run.cancel != nil {
		run.cancel()
		select {
		case <-run.ended:
		case <-ctx.Done():
			return Replay{}, ctx.Err()
		}
	}
	return r.Replay(id)
}

// stop notes that a replay is stopped.
func (r *Replays) stop(ctx context.Context, id int) (activeReplay, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.jobs[id]
	if job == nil {
		return activeReplay{}, fmt.Errorf("replay %d: %w", id, journal.ErrNotFound)
	}
	if job.State != ReplayRunning {
		return activeReplay{}, fmt.Errorf("%w: replay %d is not running, it is %s", ErrReplay, id, job.State)
	}
	stopped := *job
	stopped.State, stopped.Changed, stopped.Reason = ReplayStopped, time.Now().UTC(), ""
	if err := r.save(ctx, &stopped); err != nil {
		return activeReplay{}, err
	}
	*job = stopped
	return r.active[id], nil
}

// Continue carries on a replay that was stopped or has failed. Errors: journal.ErrNotFound, ErrReplay.
func (r *Replays) Continue(ctx context.Context, id int) (Replay, error) {
	if r.elsewhere(id) {
		return r.order(ctx, id, orderContinue)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.jobs[id]
	if job == nil {
		return Replay{}, fmt.Errorf("replay %d: %w", id, journal.ErrNotFound)
	}
	if job.State == ReplayDone || job.State == ReplayRunning {
		return *job, fmt.Errorf("%w: replay %d is %s", ErrReplay, id, job.State)
	}
	if err := r.free(job.Destination); err != nil {
		return *job, err
	}
	again := *job
	again.State, again.Changed, again.Reason = ReplayRunning, time.Now().UTC(), ""
	if err := r.save(ctx, &again); err != nil {
		return *job, err
	}
	*job = again
	r.begin(job)
	return again, nil
}

// Replay is one job. Error: journal.ErrNotFound.
func (r *Replays) Replay(id int) (Replay, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if job := r.jobs[id]; job != nil {
		return *job, nil
	}
	return Replay{}, fmt.Errorf("replay %d: %w", id, journal.ErrNotFound)
}

// List is all jobs that are remembered, the oldest first.
func (r *Replays) List() []Replay {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Replay, 0, len(r.jobs))
	for _, job := range r.jobs {
		list = append(list, *job)
	}
	slices.SortFunc(list, func(a, b Replay) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (r *Replays) save(ctx context.Context, job *Replay) error {
	data, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("encode replay %d: %w", job.ID, err)
	}
	return r.log.SaveReplay(ctx, job.name(), data)
}

// ParseReplayID reads the number of a job.
func ParseReplayID(text string) (int, error) {
	id, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is no number of a replay: tanker replay list shows them", text)
	}
	return id, nil
}

// Forget makes the users of jobs unknown that is names: those of jobs that run are stopped first. It says how many jobs
// that were.
func (r *Replays) Forget(ctx context.Context, is func(user string) bool) (int, error) {
	n := 0
	for _, job := range r.List() {
		if job.User == "" || job.User == forgotten || !is(job.User) {
			continue
		}
		if job.State == ReplayRunning {
			if _, err := r.Stop(ctx, job.ID); err != nil && !errors.Is(err, ErrReplay) {
				return n, err
			}
		}
		if err := r.forgetUser(ctx, job.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// forgotten stands in the place of the user of a job whom an erasure has made unknown. A job with it has nothing to send.
const forgotten = "(erased)"

func (r *Replays) forgetUser(ctx context.Context, id int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.jobs[id]
	if job == nil {
		return nil
	}
	changed := *job
	changed.User = forgotten
	if changed.State != ReplayDone {
		changed.State, changed.Reason, changed.Changed = ReplayDone, "its user was erased", time.Now().UTC()
	}
	if err := r.save(ctx, &changed); err != nil {
		return err
	}
	*job = changed
	return nil
}

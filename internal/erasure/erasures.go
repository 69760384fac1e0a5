package erasure

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tanker/internal/journal"
)

// Options configure Erasures.
type Options struct {
	// Log is the journal. Required.
	Log Log
	// Destinations are those at which users may have contacts.
	Destinations []Destination
	// ForgetReplays makes the users of replays unknown that is names, and says how many jobs that were. Required.
	ForgetReplays func(ctx context.Context, is func(user string) bool) (int, error)
	// Lead reports whether this process is the one to do the work. Zero means that there is no other.
	Lead func() bool
	// Grace is how long a request may be under way that was accepted before its user was suppressed. Zero means 15 s.
	Grace time.Duration
	// Logger gets what an operator should know; it never says whom an erasure is about. Zero means none.
	Logger *slog.Logger
}

const (
	// keptLifted is how many jobs that have failed or were lifted are remembered.
	keptLifted = 100
	// lookEvery is how often jobs are looked for that another process has taken in.
	lookEvery = 2 * time.Second
	// taking is how long it may take until a job that is being taken in has its names.
	taking = 30 * time.Second
)

// Erasures runs the jobs. What it knows of them is in the journal: those that were running go on after a restart.
type Erasures struct {
	o    Options
	wake chan struct{}

	working sync.Mutex // held by the job that reads or changes the log

	mu      sync.Mutex
	active  map[int]*run
	running sync.WaitGroup
}

// Open makes Erasures. Run carries on what was running.
func Open(o Options) *Erasures {
	if o.Grace == 0 {
		o.Grace = 15 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Lead == nil {
		o.Lead = func() bool { return true }
	}
	return &Erasures{o: o, wake: make(chan struct{}, 1), active: map[int]*run{}}
}

// Run carries on the jobs that were running, and runs those that are started, until ctx ends. It returns when all have
// written down how far they are.
func (r *Erasures) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	defer r.running.Wait()
	defer r.cancelAll()
	for {
		if !r.o.Lead() {
			r.cancelAll()
		} else if err := r.carryOn(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Warn("it is not known which users are to be erased", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

func (r *Erasures) cancelAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.active {
		run.cancel()
	}
}

// carryOn begins the jobs that are to run and do not.
func (r *Erasures) carryOn(ctx context.Context) error {
	named, err := r.o.Log.ErasingJobs(ctx) // first: a job that is being taken in has its record before its names
	if err != nil {
		return err
	}
	saved, err := r.saved(ctx)
	if err != nil {
		return err
	}
	if err := r.dropNames(ctx, named, saved); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, job := range saved {
		if job.State != Running || r.active[id] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		run := &run{erasures: r, o: &r.o, cancel: cancel, state: job}
		r.active[id] = run
		r.running.Go(func() {
			defer cancel()
			run.run(ctx)
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.active, id)
		})
	}
	return nil
}

// dropNames overwrites names that a crash has left of jobs which have ended.
func (r *Erasures) dropNames(ctx context.Context, named []string, saved map[int]Erasure) error {
	for _, name := range named {
		ended := true
		for _, job := range saved {
			ended = ended && (job.name() != name || job.State != Running)
		}
		if ended {
			if err := r.o.Log.DropErasureNames(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// saved reads what the journal knows of jobs.
func (r *Erasures) saved(ctx context.Context) (map[int]Erasure, error) {
	all, err := r.o.Log.SavedErasures(ctx)
	if err != nil {
		return nil, err
	}
	jobs := map[int]Erasure{}
	for key, data := range all {
		var job Erasure
		if err := json.Unmarshal(data, &job); err != nil || key != job.name() {
			return nil, fmt.Errorf("erasure %s: %w: %w", key, journal.ErrCorrupt, err)
		}
		jobs[job.ID] = job
	}
	return jobs, nil
}

// Start suppresses a user and begins to erase what there is. The user is suppressed when it returns. Errors: ErrErasure,
// journal.ErrNotFound if there is no such destination, journal.ErrTooMany, those of the journal.
func (r *Erasures) Start(ctx context.Context, request Request) (Erasure, error) {
	if err := r.checkRequest(&request); err != nil {
		return Erasure{}, err
	}
	saved, err := r.saved(ctx)
	if err != nil {
		return Erasure{}, err
	}
	names := newNameSet(request.User).list()
	suppressed := names.digests(r.o.Log.Suppression())
	for _, job := range saved {
		if job.State == Running && slices.ContainsFunc(suppressed, func(n journal.SuppressedName) bool { return slices.Contains(job.Suppressed, n) }) {
			return Erasure{}, fmt.Errorf("%w: erasure %d of this user is running already", ErrErasure, job.ID)
		}
	}
	r.forget(ctx, saved)
	now := time.Now().UTC()
	job := Erasure{Destinations: []DestinationReport{}, ID: 1, State: Running, Created: now, Changed: now, Destination: request.Destination, Suppressed: suppressed}
	for id := range saved {
		job.ID = max(job.ID, id+1)
	}
	if err := r.take(ctx, &job, request, names); err != nil {
		return Erasure{}, err
	}
	r.signal()
	job.User = request.User
	return job, nil
}

func (r *Erasures) checkRequest(request *Request) error {
	if err := request.check(); err != nil {
		return err
	}
	if request.Destination != "" && !slices.ContainsFunc(r.o.Destinations, func(d Destination) bool { return d.Name == request.Destination }) {
		return fmt.Errorf("destination %q: %w", request.Destination, journal.ErrNotFound)
	}
	return nil
}

// take writes a new job down: its record, then its names, then those that are suppressed.
func (r *Erasures) take(ctx context.Context, job *Erasure, request Request, names Names) error {
	for {
		added, err := r.o.Log.AddErasure(ctx, job.name(), encode(job))
		if err != nil {
			return err
		}
		if added {
			break
		}
		job.ID++ // another process was quicker
	}
	data, err := json.Marshal(part{User: request.User, Names: names})
	if err == nil {
		err = r.o.Log.AddErasureNames(ctx, job.name(), 0, data)
	}
	if err == nil {
		err = r.o.Log.Suppress(ctx, job.name(), job.Suppressed...)
	}
	if err != nil {
		return errors.Join(err, r.takeBack(context.WithoutCancel(ctx), job))
	}
	return nil
}

// takeBack undoes what was done of taking a job in.
func (r *Erasures) takeBack(ctx context.Context, job *Erasure) error {
	return errors.Join(
		r.o.Log.Lift(ctx, job.name(), job.Suppressed...),
		r.o.Log.DropErasureNames(ctx, job.name()),
		r.o.Log.DeleteErasure(ctx, job.name()),
	)
}

func (r *Erasures) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// part is names as the journal keeps them while a job runs.
type part struct {
	User  string `json:"user"` // as it was asked for
	Names Names  `json:"names"`
}

// encode writes what the journal keeps of a job: not of whom it is.
func encode(job *Erasure) []byte {
	kept := *job
	kept.User, kept.Names = "", nil
	data, err := json.Marshal(kept)
	if err != nil {
		panic(err) // nothing in it can fail
	}
	return data
}

// forget deletes the oldest of the jobs that have failed or were lifted, if there are too many.
func (r *Erasures) forget(ctx context.Context, saved map[int]Erasure) {
	var ended []Erasure
	for _, job := range saved {
		if job.State == Failed || job.State == Lifted {
			ended = append(ended, job)
		}
	}
	slices.SortFunc(ended, func(a, b Erasure) int { return cmp.Compare(a.ID, b.ID) })
	for i := range max(0, len(ended)-keptLifted) {
		if err := r.o.Log.DeleteErasure(ctx, ended[i].name()); err != nil {
			r.o.Logger.Warn("an old erasure was not forgotten", "erasure", ended[i].ID, "error", err)
			return
		}
	}
}

// Lift has events of a user taken again whose erasure is done. Errors: journal.ErrNotFound, ErrErasure, those of the journal.
func (r *Erasures) Lift(ctx context.Context, id int) (Erasure, error) {
	job, err := r.Erasure(ctx, id)
	if err != nil {
		return job, err
	}
	switch job.State {
	case Lifted:
		return job, nil
	case Running:
		return job, fmt.Errorf("%w: erasure %d is running; wait until it is done", ErrErasure, id)
	}
	if err := r.o.Log.Lift(ctx, job.name(), job.Suppressed...); err != nil {
		return job, err
	}
	job.State, job.Changed = Lifted, time.Now().UTC()
	job.Lifted, job.Suppressed = job.Changed, nil
	return job, r.o.Log.SaveErasure(ctx, job.name(), encode(&job))
}

// Erasure is one job. Errors: journal.ErrNotFound, those of the journal.
func (r *Erasures) Erasure(ctx context.Context, id int) (Erasure, error) {
	all, err := r.all(ctx)
	if err != nil {
		return Erasure{}, err
	}
	if job, ok := all[id]; ok {
		return job, nil
	}
	return Erasure{}, fmt.Errorf("erasure %d: %w", id, journal.ErrNotFound)
}

// List is all jobs that are remembered, the oldest first; with a user, those that have erased this user. Errors are those of
// the journal.
func (r *Erasures) List(ctx context.Context, user string) ([]Erasure, error) {
	all, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	names := newNameSet(user).list()
	digests := names.digests(r.o.Log.Suppression())
	list := make([]Erasure, 0, len(all))
	for _, job := range all {
		if user == "" || slices.ContainsFunc(digests, func(n journal.SuppressedName) bool { return slices.Contains(job.Suppressed, n) }) {
			list = append(list, job)
		}
	}
	slices.SortFunc(list, func(a, b Erasure) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// all is all jobs: as they are at this moment, those that run here.
func (r *Erasures) all(ctx context.Context) (map[int]Erasure, error) {
	saved, err := r.saved(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, run := range r.active {
		if job, ok := saved[id]; ok && job.State == Running {
			saved[id] = run.show()
		}
	}
	return saved, nil
}

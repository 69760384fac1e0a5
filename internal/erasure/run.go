package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tanker/internal/journal"
)

const (
	// saveEvery is how often a job that searches writes down how far it is.
	saveEvery = time.Second
	// tryAgain is how long to wait for a journal that fails, and before a destination is asked again; at most tryAgainMost.
	tryAgain     = 5 * time.Second
	tryAgainMost = time.Minute
	// settleEvery is how often it is asked whether nothing of the user is under way any more.
	settleEvery = 200 * time.Millisecond
)

// What becomes of a user's parked events, as package delivery has it.
const reasonSuppressed = "suppressed"

// run is one run of a job: from its start, or from where it was interrupted.
type run struct {
	erasures *Erasures
	o        *Options
	cancel   context.CancelFunc

	user       string
	names      *nameSet
	parts      int              // in which the journal keeps them
	suppressed time.Time        // when the last of them were suppressed
	version    uint64           // of the list, then
	considered *nameSet         // emails and ids that contacts at Refiner have shown
	leads      []Contact        // what these say that has not been searched for
	again      map[string]retry // when destinations may be asked again
	begun      time.Time
	saved      time.Time

	mu    sync.Mutex
	state Erasure
}

// retry is when to try again.
type retry struct {
	at   time.Time
	wait time.Duration
}

// show is the job as it is at this moment.
func (r *run) show() Erasure {
	r.mu.Lock()
	defer r.mu.Unlock()
	job := r.state.clone()
	job.User = r.user
	if r.names != nil {
		names := r.names.list()
		job.Names = &names
	}
	return job
}

// change changes what is known of the job.
func (r *run) change(change func(*Erasure)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

// step says what the job is doing.
func (r *run) step(ctx context.Context, step string) error {
	r.change(func(e *Erasure) { e.Step, e.Reason, e.Share, e.Left = step, "", 0, 0 })
	r.begun = time.Now()
	return r.save(ctx)
}

// save writes down how far the job is.
func (r *run) save(ctx context.Context) error {
	r.saved = time.Now()
	r.mu.Lock()
	data, name := encode(&r.state), r.state.name()
	r.mu.Unlock()
	return r.o.Log.SaveErasure(ctx, name, data)
}

// run works until the job is done, or ctx ends.
func (r *run) run(ctx context.Context) {
	r.o.Log.Overwriting(true)
	defer r.o.Log.Overwriting(false)
	log := r.o.Logger.With("erasure", r.state.ID)
	log.Info("erasure runs")
	for {
		err := r.work(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			log.Info("erasure is done", "events", r.state.Events, "letters", r.state.Letters)
			return
		case errors.Is(err, ErrErasure):
			log.Warn("erasure has failed", "error", err)
			if err = r.fail(ctx, err); err == nil {
				return
			}
		}
		log.Warn("erasure was interrupted", "error", err, "again_in", tryAgain)
		r.change(func(e *Erasure) { e.Reason = err.Error() })
		if sleep(ctx, tryAgain) != nil {
			return
		}
	}
}

// fail ends a job that is not possible, as if it had never been asked for.
func (r *run) fail(ctx context.Context, cause error) error {
	if err := r.o.Log.Lift(ctx, r.state.name(), r.state.Suppressed...); err != nil {
		return err
	}
	r.change(func(e *Erasure) {
		e.State, e.Reason, e.Step, e.Suppressed, e.Changed = Failed, cause.Error(), "", nil, time.Now().UTC()
	})
	if err := r.save(ctx); err != nil {
		return err
	}
	return r.o.Log.DropErasureNames(ctx, r.state.name())
}

// work does all there is to do. It may be called again after an error.
func (r *run) work(ctx context.Context) error {
	if !r.state.Checked.IsZero() {
		return r.close(ctx)
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	for {
		if err := r.search(ctx); err != nil {
			return err
		}
		if err := r.settle(ctx); err != nil {
			return err
		}
		more, err := r.contacts(ctx)
		if err == nil && !more {
			err = r.clean(ctx, "erasing")
		}
		if err == nil && !more {
			more, err = r.contactsLeft(ctx)
		}
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	return r.finish(ctx)
}

// begin reads the names that are known, and suppresses them.
func (r *run) begin(ctx context.Context) error {
	parts, err := r.o.Log.ErasureNames(ctx, r.state.name())
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		if time.Since(r.state.Created) < taking {
			return fmt.Errorf("erasure %d is being taken in: %w", r.state.ID, journal.ErrUnavailable)
		}
		return fmt.Errorf("%w: it was interrupted before it began; ask for it again", ErrErasure)
	}
	var names *nameSet
	for _, data := range parts {
		var p part
		if err := json.Unmarshal(data, &p); err != nil {
			return fmt.Errorf("names of erasure %d: %w: %w", r.state.ID, journal.ErrCorrupt, err)
		}
		if names == nil {
			names = newNameSet(p.User)
		}
		names.add(p.Names)
	}
	r.parts = len(parts)
	r.considered, r.again = newNameSet(""), map[string]retry{}
	r.mu.Lock()
	r.user, r.names = names.asked, names
	r.mu.Unlock()
	return r.suppress(ctx)
}

// suppress has no events taken that have one of the names.
func (r *run) suppress(ctx context.Context) error {
	names := r.names.list()
	digests := names.digests(r.o.Log.Suppression())
	r.change(func(e *Erasure) { e.Suppressed = digests })
	if err := r.save(ctx); err != nil {
		return err
	}
	if err := r.o.Log.Suppress(ctx, r.state.name(), digests...); err != nil {
		return err
	}
	r.suppressed, r.version = time.Now(), r.o.Log.Suppression().Version()
	return nil
}

// search finds the user's other names, and suppresses them.
func (r *run) search(ctx context.Context) error {
	r.erasures.working.Lock()
	defer r.erasures.working.Unlock()
	r.change(func(e *Erasure) { e.Rounds++ })
	if err := r.step(ctx, "searching"); err != nil {
		return err
	}
	found := newNameSet(r.user)
	found.add(r.names.list())
	s := newSearch(r.o.Log, found, func(p Progress) error { return r.progress(ctx, p) })
	s.lead(r.leads)
	if err := s.run(ctx); err != nil {
		return err
	}
	r.leads = nil
	more := found.without(r.names)
	if more.empty() {
		return nil
	}
	data, err := json.Marshal(part{User: r.user, Names: more})
	if err != nil {
		return fmt.Errorf("encode names: %w", err)
	}
	if err := r.o.Log.AddErasureNames(ctx, r.state.name(), r.parts, data); err != nil {
		return err
	}
	r.parts++
	r.mu.Lock()
	r.names = found
	for i := range r.state.Destinations {
		r.state.Destinations[i].Done = false // every contact is looked for by all names
	}
	r.mu.Unlock()
	return r.suppress(ctx)
}

// progress shows how far a search is.
func (r *run) progress(ctx context.Context, p Progress) error {
	took := time.Since(r.begun)
	r.change(func(e *Erasure) {
		e.Share, e.Searched = p.Share, p.Searched
		if p.Share > 0 {
			e.Left = time.Duration(float64(took) * (1 - p.Share) / p.Share)
		}
	})
	if time.Since(r.saved) >= saveEvery {
		return r.save(ctx)
	}
	return ctx.Err()
}

// settle waits until no call of the user is under way, and nothing of the user is parked.
func (r *run) settle(ctx context.Context) error {
	if err := r.step(ctx, "waiting until nothing of the user is under way"); err != nil {
		return err
	}
	m := newMatcher(r.names)
	for {
		reason, err := r.unsettled(ctx, m)
		if err != nil || reason == "" {
			return err
		}
		r.change(func(e *Erasure) { e.Reason = reason })
		if err := sleep(ctx, settleEvery); err != nil {
			return err
		}
	}
}

// unsettled says what is still under way.
func (r *run) unsettled(ctx context.Context, m *matcher) (string, error) {
	for i := range r.o.Destinations {
		d := &r.o.Destinations[i]
		if !d.Settled(r.version, r.suppressed) {
			return "destination " + d.Name + " has calls of the user under way", nil
		}
		if d.Drain != nil {
			if err := d.Drain(ctx, m.finds); err != nil {
				return "", err
			}
		}
	}
	left, err := r.o.Log.EraseParked(ctx, reasonSuppressed, m.finds, r.abandoned)
	for destination, n := range left {
		return fmt.Sprintf("destination %s has %d parked events of the user", destination, n), nil
	}
	return "", err
}

// abandoned reports whether a destination is not configured any more.
func (r *run) abandoned(destination string) bool {
	for i := range r.o.Destinations {
		if r.o.Destinations[i].Name == destination {
			return false
		}
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

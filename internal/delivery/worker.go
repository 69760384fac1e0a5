package delivery

import (
	"context"
	"errors"
	"sync"
	"time"
)

// recordGrace is how long outcomes may take to be stored after the calls' grace period.
const recordGrace = 5 * time.Second

// Worker delivers the events of one destination.
type Worker struct {
	o     Options
	board board
	pause pause

	ledger ledger

	questions chan question
	ended     chan struct{} // closed when Run returns
}

// New makes a worker. It reports everything that is wrong with the options.
func New(o Options) (*Worker, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	o.Logger = o.Logger.With("destination", o.Name)
	w := &Worker{o: o, questions: make(chan question), ended: make(chan struct{})}
	w.pause.set(o.PausedSince)
	w.ledger.begin(o.Recent)
	w.board.publish(State{Name: o.Name, Status: StatusStopped}, &[callClasses]uint64{}, time.Now().UTC())
	return w, nil
}

// State says what the worker is doing. It may be called at any time and does not disturb the delivery.
func (w *Worker) State() State { return w.board.read() }

// Run delivers until ctx is cancelled. Then it starts no more calls, waits up to the grace period for those
// under way, stores their outcomes and returns nil; or an error that says how many outcomes could not be
// stored. It returns before only if the log is closed or has been taken over by another process, or if the right to
// deliver is lost, which is ErrLost: then the calls under way are broken off. Every goroutine has ended when it returns. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	defer close(w.ended)
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	r := w.assemble(ctx, abort)
	defer r.dismiss()
	if o := w.o.Right; o != nil {
		defer r.heed(o, abort)()
	}

	w.recall(ctx, r.scheduler.known)
	err := r.work(ctx, abort)
	if cause := context.Cause(ctx); errors.Is(cause, ErrLost) {
		err = errors.Join(cause, err)
	}
	w.remember(ctx, r.scheduler.known)
	if err == nil {
		w.ledger.end()
	}
	state := w.board.read()
	state.Status, state.Reason, state.Since = StatusStopped, "", time.Time{}
	if err != nil {
		state.Reason = err.Error()
	}
	w.board.publish(state, &r.scheduler.calls, time.Now().UTC())
	return err
}

// run is one run of a worker: its parts, and the contexts of what outlives the order to stop.
type run struct {
	scheduler *scheduler
	reader    reader
	parker    parker
	recorder  recorder
	callers   sync.WaitGroup

	calls, recording             context.Context
	cancelCalls, cancelRecording context.CancelFunc
	timers                       []*time.Timer
}

// assemble makes the parts and ties them together.
func (w *Worker) assemble(ctx context.Context, abort func(error)) *run {
	o := &w.o
	s := newScheduler(o, &w.board)
	s.paused, s.questions = &w.pause, w.questions
	s.paused.tell(s.wake)
	s.ledger = &w.ledger
	s.ledger.tell(s.wake)
	woken := make(chan struct{}, 1)
	reading := &trouble{log: o.Logger, wake: s.wake}
	storing := &trouble{log: o.Logger, wake: s.wake}
	r := &run{
		scheduler: s,
		reader:    reader{o: o, out: s.intake, trouble: reading},
		recorder:  recorder{o: o, woken: woken, out: &s.recorded, trouble: storing, abort: abort},
	}
	r.calls, r.cancelCalls = context.WithCancel(context.WithoutCancel(ctx))
	r.recording, r.cancelRecording = context.WithCancel(context.WithoutCancel(ctx))
	r.assembleParker(o)
	r.recorder.in.wake = woken
	s.outbox = &r.recorder.in
	s.troubles = []*trouble{reading, storing, r.parker.storing, r.parker.reading}
	c := caller{o: o, ctx: r.calls, ended: &s.ended}
	s.employ = func() { r.callers.Go(func() { c.run(s.queue) }) }
	s.verify = func() {
		r.callers.Go(func() {
			_, err := o.Client.Verify(ctx)
			s.probed <- err
		})
	}
	s.measure = func() {
		r.callers.Go(func() {
			room, err := o.Log.LetterRoom(ctx)
			if err != nil {
				room = 0 // it is asked again
			}
			s.unburied.rooms <- room
		})
	}
	s.onStop = func() {
		r.timers = append(r.timers,
			time.AfterFunc(o.Grace, r.cancelCalls),
			time.AfterFunc(o.Grace+recordGrace, r.cancelRecording))
	}
	return r
}

// assembleParker makes the parker and ties it to the scheduler.
func (r *run) assembleParker(o *Options) {
	s, woken := r.scheduler, make(chan struct{}, 1)
	r.parker = parker{
		o: o, reader: &reader{o: o}, woken: woken,
		parked: &s.parking.parked, came: &s.parking.came,
		storing: &trouble{log: o.Logger, wake: s.wake}, reading: &trouble{log: o.Logger, wake: s.wake},
	}
	r.parker.parks.wake, r.parker.wishes.wake = woken, woken
	s.parking.trouble, s.parking.parks, s.parking.wishes = r.parker.storing, &r.parker.parks, &r.parker.wishes
}

// work runs the parts until all have ended.
func (r *run) work(ctx context.Context, abort func(error)) error {
	var parts sync.WaitGroup
	var readErr, parkErr, storeErr error
	allEnded := make(chan struct{})
	parts.Go(func() {
		if readErr = r.reader.run(ctx); readErr != nil {
			abort(readErr)
		}
	})
	parts.Go(func() {
		if parkErr = r.parker.run(ctx); parkErr != nil {
			abort(parkErr)
		}
	})
	parts.Go(func() { storeErr = r.recorder.run(r.recording, allEnded) })

	r.scheduler.run(ctx)
	close(r.scheduler.queue)
	r.callers.Wait()
	close(allEnded)
	parts.Wait()
	return errors.Join(readErr, parkErr, storeErr)
}

// ErrLost says that another process may deliver to the destination now.
var ErrLost = errors.New("the right to deliver was lost")

// lostGrace is how long outcomes may take to be stored after the right to deliver was lost. Mostly they are refused.
const lostGrace = 2 * time.Second

// heed ends everything when the right to deliver is lost. It returns what ends the heeding.
func (r *run) heed(right Right, abort func(error)) (end func()) {
	over := make(chan struct{})
	var heeding sync.WaitGroup
	heeding.Go(func() {
		select {
		case <-over:
			return
		case <-right.Lost():
		}
		r.cancelCalls()
		abort(ErrLost)
		timer := time.AfterFunc(lostGrace, r.cancelRecording)
		<-over
		timer.Stop()
	})
	return func() {
		close(over)
		heeding.Wait()
	}
}

// dismiss frees what is left of the run.
func (r *run) dismiss() {
	for _, t := range r.timers {
		t.Stop()
	}
	r.cancelCalls()
	r.cancelRecording()
}

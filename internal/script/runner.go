package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"tanker/event"
)

// Options says which script to run, and how.
type Options struct {
	// Source is the script; see Load. Required.
	Source Source

	// Limits bound what it may take for one event.
	Limits Limits

	// Command starts a child process: a program that calls Serve. Defaults to this very program with ChildArgument.
	Command []string

	// Logger is told when a process could not be started or has died. Defaults to none.
	Logger *slog.Logger
}

// Runner runs a script. It is safe for concurrent use; events are transformed one at a time.
type Runner struct {
	o      Options
	logger *slog.Logger

	mu      sync.Mutex
	process *process // nil if there is none at the moment
	closed  bool
}

// Input is an event that is to be transformed.
type Input struct {
	Event       *event.Event
	Envelope    event.Envelope // what the event is completed with before the script sees it; ReceivedAt must be set
	Source      string         // the name of where it comes from
	Destination string         // the name of where it goes to
}

// Output is what a script made of an event.
type Output struct {
	Events []*event.Event // none if the script left the event out
	Log    []string       // what it logged, a line each; also beside a Failure
}

// ErrClosed means that a Runner is used after Close.
var ErrClosed = errors.New("the transformation has been closed")

// New starts a process for the script. The error says in which line of which file something is wrong, if something is.
func New(o Options) (*Runner, error) {
	o.Limits = o.Limits.withDefaults()
	if len(o.Command) == 0 {
		self, err := thisProgram()
		if err != nil {
			return nil, err
		}
		o.Command = []string{self, ChildArgument}
	}
	r := &Runner{o: o, logger: o.Logger}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	r.process, err = start(o.Command, setup{o.Source, o.Limits})
	return r, err
}

// thisProgram is the file of this program. On Linux that is the very one that runs, also when it has been replaced.
func thisProgram() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// Transform runs the script for one event. The error is a *Failure if the script did something wrong, ctx's if that
// ended while no process could be started, or ErrClosed.
func (r *Runner) Transform(ctx context.Context, in Input) (Output, error) {
	original := event.Enrich(in.Event, in.Envelope)
	about := metadataOf(in)
	r.mu.Lock()
	defer r.mu.Unlock()
	for deaths := 0; ; {
		if err := r.ready(ctx); err != nil {
			return Output{}, err
		}
		written, reply, err := r.process.transform(about, original)
		if err == nil {
			return r.output(written, reply)
		}
		if failed := r.bury(err); failed != nil {
			return Output{}, failed
		}
		// Nobody knows why: an operator may have killed it. Twice is no accident.
		if deaths++; deaths == 2 {
			return Output{}, failure("%s: the process that runs it ended twice over this event", r.o.Source.Name)
		}
	}
}

func (r *Runner) output(written [][]byte, reply reply) (Output, error) {
	out := Output{Log: reply.Log}
	if reply.Failed != "" {
		return out, &Failure{reply.Failed}
	}
	for _, data := range written {
		e, err := event.Parse(data, anyEvent)
		if err != nil {
			return out, failure("%s: returned what is no event: %v", r.o.Source.Name, err)
		}
		out.Events = append(out.Events, e)
	}
	return out, nil
}

// ready sees to it that there is a process. It waits until one can be started.
func (r *Runner) ready(ctx context.Context) error {
	for wait := 100 * time.Millisecond; r.process == nil; wait = min(2*wait, 10*time.Second) {
		if r.closed {
			return ErrClosed
		}
		var err error
		if r.process, err = start(r.o.Command, setup{r.o.Source, r.o.Limits}); err == nil {
			return nil
		}
		r.logger.Error("starting the process of a transformation: trying again", "script", r.o.Source.Name, "error", err, "retry_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	if r.closed {
		return ErrClosed
	}
	return nil
}

// bury waits for a process that does not work any more and says what the script did to it, if it did.
func (r *Runner) bury(err error) *Failure {
	p := r.process
	r.process = nil
	failed := p.end()
	if failed == nil && p.overdue {
		failed = failure("no answer within %s", p.limits.Patience)
	}
	if failed == nil {
		r.logger.Error("the process of a transformation has ended: starting another", "script", r.o.Source.Name,
			"error", err, "state", p.cmd.ProcessState.String(), "said", p.said.firstLine())
		return nil
	}
	return failure("%s: %s", r.o.Source.Name, failed.Message)
}

// Close ends the process and waits for it.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if p := r.process; p != nil {
		r.process = nil
		if failed := p.end(); failed != nil {
			return fmt.Errorf("transformation: %w", failed)
		}
	}
	return nil
}

func metadataOf(in Input) Metadata {
	e := in.Event
	about := Metadata{
		Source: in.Source, Destination: in.Destination,
		MessageID: in.Envelope.MessageID, RudderID: event.RudderID(e.UserIDField(), e.AnonymousID()),
		EventName: e.EventName().Text(), EventType: in.Envelope.Type, ReceivedAt: in.Envelope.ReceivedAt,
	}
	if about.MessageID == "" {
		about.MessageID = e.MessageID()
	}
	if about.EventType == "" {
		about.EventType = e.Type()
	}
	return about
}

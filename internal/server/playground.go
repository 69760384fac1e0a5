package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tanker/internal/console"
	"tanker/internal/erasure"
	"tanker/internal/journal"
	"tanker/internal/playground"
	"tanker/internal/script"
)

// TryEvent says what an event would become at a destination.
func (b *backend) TryEvent(ctx context.Context, destination string, r playground.Request) (playground.Result, error) {
	l, err := b.line(destination)
	if err != nil {
		return playground.Result{}, err
	}
	d := playground.Destination{
		Name: destination, Filter: l.config.Filtering(), Mapping: l.config.Mapping(),
		Suppresses: erasure.NewGuard(b.journal.Suppression()).Suppresses,
	}
	if s := b.scripts[destination]; s != nil {
		d.Script = s
	}
	r.Limits = eventLimits(b.config.Gateway)
	return playground.Try(ctx, d, r), nil
}

// Playgrounds are the destinations that events can be tried for.
func (b *backend) Playgrounds() []console.Playground {
	list := make([]console.Playground, len(b.lines))
	for i, l := range b.lines {
		list[i] = console.Playground{
			Name: l.config.Name, Profile: l.config.Profile, Transformation: l.config.Transformation != "",
			Form: l.config.Encoding == "form",
		}
	}
	return list
}

// StoredEvent reads an event that the log still holds. Error: journal.ErrNotFound.
func (b *backend) StoredEvent(ctx context.Context, at journal.Position) (journal.Entry, error) {
	var found *journal.Entry
	err := b.journal.Lookup(ctx, []journal.Position{at}, func(e journal.Entry) error {
		found = &e
		return nil
	})
	switch {
	case err != nil:
	case found == nil:
		err = fmt.Errorf("event %s: %w", at, journal.ErrNotFound)
	case found.Erased():
		err = fmt.Errorf("event %s was erased: %w", at, journal.ErrNotFound)
	}
	if err != nil {
		return journal.Entry{}, err
	}
	return *found, nil
}

// trialScripts are the transformations of destinations, for trying events out.
func (f *fleet) trialScripts() map[string]*trialScript {
	scripts := map[string]*trialScript{}
	for _, l := range f.lines {
		if l.config.Transformation != "" {
			scripts[l.config.Name] = newTrialScript(l.config.Transformation, f.log.With("destination", l.config.Name, "part", "playground"))
		}
	}
	return scripts
}

// trialIdle is how long the process of a transformation is kept that nobody tries out.
const trialIdle = time.Minute

// trialScript runs a transformation for those who try events out, in a process of its own: a script that takes all the
// time it may holds up no delivery. The process is there while it is used.
type trialScript struct {
	path   string
	logger *slog.Logger
	slot   chan struct{} // holds one while the script runs; who waits for it can give up

	mu     sync.Mutex
	runner *script.Runner
	idle   *time.Timer
	closed bool
}

func newTrialScript(path string, logger *slog.Logger) *trialScript {
	return &trialScript{path: path, logger: logger, slot: make(chan struct{}, 1)}
}

// Transform runs the script for one event. Errors beside those of a script.Runner: the script cannot be used.
func (s *trialScript) Transform(ctx context.Context, in script.Input) (script.Output, error) {
	select {
	case s.slot <- struct{}{}:
		defer func() { <-s.slot }()
	case <-ctx.Done():
		return script.Output{}, ctx.Err()
	}
	runner, err := s.take()
	if err != nil {
		return script.Output{}, err
	}
	return runner.Transform(ctx, in)
}

// take starts the process if there is none.
func (s *trialScript) take() (*script.Runner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, script.ErrClosed
	}
	if s.runner == nil {
		var err error
		if s.runner, err = StartScript(s.path, s.logger); err != nil {
			return nil, err
		}
		s.idle = time.AfterFunc(trialIdle, func() { _ = s.rest() })
	}
	s.idle.Reset(trialIdle)
	return s.runner, nil
}

// rest ends the process until it is needed again. A script that runs ends first.
func (s *trialScript) rest() error {
	s.slot <- struct{}{}
	defer func() { <-s.slot }()
	s.mu.Lock()
	defer s.mu.Unlock()
	runner := s.runner
	if s.runner = nil; runner == nil {
		return nil
	}
	s.idle.Stop()
	return runner.Close()
}

// close ends the process for good.
func (s *trialScript) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.rest()
}

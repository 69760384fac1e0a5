package series

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// maxSeries bounds how many series there are, at half a megabyte each when everything happens at any time. What is named
// later counts for nothing.
const maxSeries = 256

// Prefixes of the keys that series are saved under.
const (
	destinationPrefix = "destination."
	sourcePrefix      = "source."
)

// Shelf is where series are kept while nothing runs.
type Shelf interface {
	// AllSeries reads everything, by key.
	AllSeries(ctx context.Context) (map[string][]byte, error)
	// PutSeries keeps one, in the place of the one before.
	PutSeries(ctx context.Context, key string, data []byte) error
	// DropSeries removes one.
	DropSeries(ctx context.Context, key string) error
}

// Store holds the series of a server. Its methods are safe for concurrent use.
type Store struct {
	node string

	mu     sync.Mutex
	series map[string]*Series // by key
}

// New makes a store with nothing in it. node names the process where several share a shelf, "" where it is alone: each has
// a part of what comes in by a source, and delivers to destinations of its own.
func New(node string) *Store { return &Store{node: node, series: map[string]*Series{}} }

// Destination is the series of a destination.
func (s *Store) Destination(name string) *Series { return s.get(destinationPrefix + name) }

// Source is the series of a source: of what comes in, nothing else.
func (s *Store) Source(name string) *Series {
	if s.node != "" {
		name += "." + s.node
	}
	one := s.get(sourcePrefix + name)
	one.source.Store(true)
	return one
}

func (s *Store) get(key string) *Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, ok := s.series[key]; ok {
		return found
	}
	made := newSeries()
	if len(s.series) < maxSeries {
		s.series[key] = made
	}
	return made
}

// Sample takes down what has happened since it was called last. It is to be called every Every.
func (s *Store) Sample(now time.Time) {
	for _, each := range s.all() {
		each.sample(now)
	}
}

// all is a copy of the list.
func (s *Store) all() map[string]*Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.series)
}

// Load reads what was saved. What is older than all spans is removed for good, and what cannot be read is left out: the
// error says so, and nothing else is missing.
func (s *Store) Load(ctx context.Context, from Shelf, now time.Time) error {
	saved, err := from.AllSeries(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for key, data := range saved {
		if known := strings.HasPrefix(key, destinationPrefix) || strings.HasPrefix(key, sourcePrefix); !known {
			errs = append(errs, from.DropSeries(ctx, key))
			continue
		}
		decoded := newSeries()
		if err := decoded.decode(data); err != nil {
			errs = append(errs, fmt.Errorf("series %s: %w", key, err))
			continue
		}
		if now.Sub(decoded.rings[Week].newest()) > Week.Step()*time.Duration(spans[Week].slots) {
			errs = append(errs, from.DropSeries(ctx, key))
			continue
		}
		s.get(key).replace(decoded)
	}
	return errors.Join(errs...)
}

// Sync keeps what has changed since the last time, and where several processes share the shelf reads what the others have
// kept: so each shows how all destinations go, and knows it when it takes one over.
func (s *Store) Sync(ctx context.Context, with Shelf, now time.Time) error {
	err := s.Save(ctx, with)
	if s.node == "" {
		return err
	}
	return errors.Join(err, s.Load(ctx, with, now))
}

// Save keeps for the next start what has changed since the last time.
func (s *Store) Save(ctx context.Context, to Shelf) error {
	var errs []error
	for key, each := range s.all() {
		if data := each.change(); data != nil {
			errs = append(errs, to.PutSeries(ctx, key, data))
		}
	}
	return errors.Join(errs...)
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoJournal says that there is no journal where one is to be read.
var ErrNoJournal = errors.New("no journal")

// Store is a journal at rest: its streams and buckets as they are stored, with nobody working on them. It is for copies.
// Nothing in it takes part in what a Journal does, so it changes nothing by itself.
type Store struct {
	journal *Journal // connected, and not started
}

// OpenStore opens a journal at rest that is there. Errors: ErrNoJournal, ErrLocked when a process uses the journal,
// ErrUnfinished, ErrUnavailable.
func OpenStore(ctx context.Context, opts Options) (*Store, error) {
	if opts.Cluster.URL == "" {
		if _, err := os.Stat(filepath.Join(opts.Dir, "jetstream")); err != nil {
			return nil, fmt.Errorf("%s: %w", opts.Dir, ErrNoJournal)
		}
	}
	s, err := openStore(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := s.journal.refuseUnfinished(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openStore(ctx context.Context, opts Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{newJournal(o)}
	if err := s.journal.connect(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Place says where the journal is.
func (s *Store) Place() string { return s.journal.place() }

// place says where the journal is.
func (j *Journal) place() string {
	if j.opts.Cluster.URL != "" {
		return j.opts.Cluster.Servers()
	}
	return j.opts.Dir
}

// Close gives the journal back.
func (s *Store) Close() error { return s.journal.Close() }

// Streams are the streams and buckets that are there. Errors: ErrNoJournal if there is none, ErrUnavailable.
func (s *Store) Streams(ctx context.Context) ([]StoredStream, error) {
	var all []StoredStream
	for _, name := range storedStreams() {
		stream, err := s.journal.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w: %w", name, ErrUnavailable, err)
		}
		state := stream.CachedInfo().State
		all = append(all, StoredStream{
			Name: name, First: firstOf(state), Last: state.LastSeq, Messages: state.Msgs, Bytes: state.Bytes,
		})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: %w", s.Place(), ErrNoJournal)
	}
	return all, nil
}

func firstOf(state jetstream.StreamState) uint64 {
	if state.Msgs == 0 {
		return state.LastSeq + 1
	}
	return state.FirstSeq
}

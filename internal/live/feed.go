package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"tanker/internal/journal"
)

// Log is the journal as it is watched. A *journal.Journal is one.
type Log interface {
	Extent(ctx context.Context) (first, last uint64, err error)
	OutcomesExtent(ctx context.Context) (first, last uint64, err error)
	Pack(ctx context.Context, seq uint64) (journal.StoredPack, error)
	Follow(ctx context.Context, after uint64, do func(journal.FollowedPack) error) error
	FollowOutcomes(ctx context.Context, after uint64, do func(journal.OutcomeBatch) error) error
}

// mostWatchers is how many may watch at a time.
const mostWatchers = 32

// Errors of Watch.
var (
	// ErrCrowded says that too many are watching.
	ErrCrowded = errors.New("too many are watching")
	// ErrClosed says that the feed was closed.
	ErrClosed = errors.New("the live view was closed")
)

// Feed shows what happens. It reads the journal while somebody watches.
type Feed struct {
	log    Log
	logger *slog.Logger

	mu       sync.Mutex
	reader   *reader // nil while nobody watches
	watchers int
	closed   bool
}

// New makes a feed of a journal. logger is told of errors; nil means nobody is.
func New(log Log, logger *slog.Logger) *Feed {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Feed{log: log, logger: logger}
}

// Watch hands emit what happens, in frames of a quarter of a second, until ctx ends or emit returns an error, which it
// returns. The first frame has the latest rows there are. A watcher who is slow misses some and is then shown the
// latest rows again. Errors beside those: ErrCrowded, ErrClosed.
func (f *Feed) Watch(ctx context.Context, filter Filter, emit func(Frame) error) error {
	r, err := f.enter()
	if err != nil {
		return err
	}
	defer f.leave()
	select {
	case <-r.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	w := newWatcher(filter)
	if err := emit(r.join(w)); err != nil {
		return err
	}
	defer r.part(w)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case t, open := <-w.ticks:
			if !open {
				return ErrClosed
			}
			frame, worth := w.frame(t)
			if r.lost(w) {
				frame, worth = r.again(w), true
			}
			if !worth {
				continue
			}
			if err := emit(frame); err != nil {
				return err
			}
		}
	}
}

// Latest is the first frame of Watch.
func (f *Feed) Latest(ctx context.Context, filter Filter) (frame Frame, err error) {
	err = f.Watch(ctx, filter, func(first Frame) error {
		frame = first
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return frame, err
}

var errEnough = errors.New("enough")

// Close ends all watching, and waits until nothing is read any more.
func (f *Feed) Close() error {
	f.mu.Lock()
	f.closed = true
	r := f.reader
	f.mu.Unlock()
	if r != nil {
		r.stop()
	}
	return nil
}

// enter counts a watcher. The first one has the reading begin.
func (f *Feed) enter() (*reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, ErrClosed
	case f.watchers == mostWatchers:
		return nil, ErrCrowded
	}
	if f.reader == nil {
		f.reader = startReader(f.log, f.logger)
	}
	f.watchers++
	return f.reader, nil
}

// leave ends the reading when the last watcher goes.
func (f *Feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers--; f.watchers == 0 {
		f.reader.stop()
		f.reader = nil
	}
}

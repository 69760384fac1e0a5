package dead

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tanker/internal/history"
	"tanker/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a log in memory, and the clerk of its letters.
type memory struct {
	mu      sync.Mutex
	letters []stored
	last    uint64
	scans   int // how many were begun
	read    int // letters that were read
	err     error

	replayed []string        // message ids
	gate     chan struct{}   // each letter that is read takes one, if it is there
	mapless  map[string]bool // message ids of events that make no call
}

type stored struct {
	seq    uint64
	letter journal.DeadLetter
}

func (m *memory) add(letters ...journal.DeadLetter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range letters {
		m.last++
		l.Position = journal.At(m.last, 0)
		m.letters = append(m.letters, stored{m.last, l})
	}
}

func (m *memory) DeadExtent(context.Context) (journal.DeadExtent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return journal.DeadExtent{Letters: uint64(len(m.letters)), Last: m.last}, m.err
}

func (m *memory) ScanDead(ctx context.Context, s journal.DeadScan, do func(uint64, journal.DeadLetter) error) error {
	m.mu.Lock()
	m.scans++
	letters := slices.Clone(m.letters)
	m.mu.Unlock()
	for _, l := range letters {
		if l.seq <= s.After || s.UpTo != 0 && l.seq > s.UpTo || s.Destination != "" && s.Destination != l.letter.Destination {
			continue
		}
		if m.gate != nil {
			select {
			case <-m.gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m.mu.Lock()
		m.read++
		m.mu.Unlock()
		if err := do(l.seq, l.letter); err == journal.ErrStop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// take removes a letter.
func (m *memory) take(at journal.Position) (journal.DeadLetter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, l := range m.letters {
		if l.letter.Position == at {
			m.letters = slices.Delete(m.letters, i, i+1)
			return l.letter, m.err
		}
	}
	return journal.DeadLetter{}, fmt.Errorf("letter: %w", journal.ErrNotFound)
}

func (m *memory) PreviewDead(_ context.Context, _ string, at journal.Position, _ []byte) (history.Mapped, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.letters {
		if l.letter.Position != at {
			continue
		}
		if m.mapless[l.letter.MessageID] {
			return history.Mapped{Kind: journal.Rejected, Reason: "no_identity"}, nil
		}
		return history.Mapped{Method: "POST", Path: "/v1/track-event", Body: []byte(`{"id":"` + l.letter.User + `"}`)}, nil
	}
	return history.Mapped{}, fmt.Errorf("letter: %w", journal.ErrNotFound)
}

func (m *memory) ReplayDead(ctx context.Context, destination string, at journal.Position, _ []byte) error {
	mapped, err := m.PreviewDead(ctx, destination, at, nil)
	if err != nil {
		return err
	}
	if !mapped.Callable() {
		return fmt.Errorf("%w: no", history.ErrEvent)
	}
	l, err := m.take(at)
	if err == nil {
		m.replayed = append(m.replayed, l.MessageID)
	}
	return err
}

func (m *memory) DiscardDead(_ context.Context, _ string, at journal.Position) error {
	_, err := m.take(at)
	return err
}

// letter is one of a user, refused with a message.
func letter(id, user, message string) journal.DeadLetter {
	return journal.DeadLetter{
		Destination: "production", MessageID: id, User: user, Reason: "refused_422", Status: 422,
		Answer: fmt.Sprintf(`{"message":%q}`, message), At: time.UnixMilli(1_700_000_000_000).UTC(),
	}
}

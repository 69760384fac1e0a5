package journal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// MostSuppressed is how many names can be suppressed: each takes some 50 bytes of memory.
const MostSuppressed = 200_000

// SuppressedName stands for the name of a user whose events are suppressed: a digest made with a key that only the journal
// has, so that the list of names is no list of persons.
type SuppressedName [16]byte

// String is the name in hexadecimal digits.
func (n SuppressedName) String() string { return hex.EncodeToString(n[:]) }

// MarshalText writes the form of String.
func (n SuppressedName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the form of String.
func (n *SuppressedName) UnmarshalText(text []byte) error {
	if len(text) != 2*len(n) {
		return fmt.Errorf("suppressed name of %d letters: %w", len(text), ErrCorrupt)
	}
	if _, err := hex.Decode(n[:], text); err != nil {
		return fmt.Errorf("suppressed name: %w: %w", ErrCorrupt, err)
	}
	return nil
}

// Suppression is the names of the users whose events are not to be kept or delivered, as the journal knows them at the
// moment. What another process suppresses is known here soon after. Its methods are safe for concurrent use.
type Suppression struct {
	version atomic.Uint64
	count   atomic.Int64
	secret  [32]byte

	mu    sync.RWMutex
	names map[SuppressedName]struct{}
}

// Empty reports whether nobody is suppressed.
func (s *Suppression) Empty() bool { return s.count.Load() == 0 }

// Version grows when names are added or lifted. It is the same in all processes that know the same of the list.
func (s *Suppression) Version() uint64 { return s.version.Load() }

// Name is what stands for a name of a kind.
func (s *Suppression) Name(kind, name string) SuppressedName {
	text := make([]byte, 0, 128)
	text = append(text, s.secret[:]...)
	text = append(append(append(text, kind...), 0), name...)
	sum := sha256.Sum256(text)
	return SuppressedName(sum[:16])
}

// Has reports whether a name is suppressed.
func (s *Suppression) Has(name SuppressedName) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, has := s.names[name]
	return has
}

// set takes over a change, as of a revision of the list; 0 if that is not known.
func (s *Suppression) set(name SuppressedName, suppressed bool, revision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.version.Store(max(s.version.Load(), revision)) }()
	if _, has := s.names[name]; has == suppressed {
		return
	}
	if suppressed {
		s.names[name] = struct{}{}
	} else {
		delete(s.names, name)
	}
	s.count.Store(int64(len(s.names)))
}

// Suppression is the list of suppressed names.
func (j *Journal) Suppression() *Suppression { return j.suppression }

// ErrTooMany says that no more names can be suppressed.
var ErrTooMany = errors.New("too many names are suppressed")

// Suppress adds names to the list, each with a note of at most 1 KiB. It is on disk when Suppress returns. Errors:
// ErrTooMany, ErrUnavailable.
func (j *Journal) Suppress(ctx context.Context, note string, names ...SuppressedName) error {
	for _, name := range names {
		if j.suppression.count.Load() >= MostSuppressed {
			return fmt.Errorf("%w: at most %d can be; lift those that are not needed any more", ErrTooMany, MostSuppressed)
		}
		revision, err := j.suppressed.PutString(ctx, name.String(), note)
		if err != nil {
			return writeError("suppress a name", err)
		}
		j.suppression.set(name, true, revision)
	}
	return nil
}

// Lift takes names off the list whose note is the one given. Names that are not on it are passed over.
func (j *Journal) Lift(ctx context.Context, note string, names ...SuppressedName) error {
	for _, name := range names {
		entry, err := j.suppressed.Get(ctx, name.String())
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err == nil && string(entry.Value()) != note {
			continue
		}
		if err == nil {
			err = j.suppressed.Delete(ctx, name.String(), jetstream.LastRevision(entry.Revision()))
		}
		if err != nil {
			return writeError("lift a suppression", err)
		}
		j.suppression.set(name, false, 0)
	}
	return nil
}

// suppressionSecret is the key in the bucket ERASURES under which the secret of the digests is.
const suppressionSecret = "secret"

// loadSuppression reads the list and keeps it up to date until the journal is closed.
func (j *Journal) loadSuppression(ctx context.Context) error {
	j.suppression = &Suppression{names: map[SuppressedName]struct{}{}}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	if _, err := j.erasures.Create(ctx, suppressionSecret, secret); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return writeError("make the secret of suppressed names", err)
	}
	entry, err := j.erasures.Get(ctx, suppressionSecret)
	if err != nil {
		return fmt.Errorf("read the secret of suppressed names: %w: %w", ErrUnavailable, err)
	}
	if len(entry.Value()) != len(secret) {
		return fmt.Errorf("secret of suppressed names: %w", ErrCorrupt)
	}
	copy(j.suppression.secret[:], entry.Value())
	watcher, err := j.suppressed.WatchAll(context.WithoutCancel(ctx))
	if err != nil {
		return fmt.Errorf("read suppressed names: %w: %w", ErrUnavailable, err)
	}
	for entry := range watcher.Updates() {
		if entry == nil { // that was what there is
			break
		}
		if err := j.suppression.follow(entry); err != nil {
			return err
		}
	}
	j.wg.Go(func() { j.followSuppression(watcher) })
	return nil
}

// follow takes over a change that some process has made.
func (s *Suppression) follow(entry jetstream.KeyValueEntry) error {
	var name SuppressedName
	if err := name.UnmarshalText([]byte(entry.Key())); err != nil {
		return err
	}
	s.set(name, entry.Operation() == jetstream.KeyValuePut, entry.Revision())
	return nil
}

// followSuppression takes over changes until the journal stops. A watcher that ends is replaced.
func (j *Journal) followSuppression(watcher jetstream.KeyWatcher) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		j.applyUpdates(watcher)
		_ = watcher.Stop() // it may have ended already
		for watcher = nil; watcher == nil; {
			select {
			case <-j.stop:
				return
			case <-time.After(time.Second):
			}
			if next, err := j.suppressed.WatchAll(ctx); err == nil {
				watcher = next
			}
		}
	}
}

// applyUpdates takes over changes until the watcher ends or the journal stops.
func (j *Journal) applyUpdates(watcher jetstream.KeyWatcher) {
	for {
		select {
		case <-j.stop:
			return
		case entry, open := <-watcher.Updates():
			if !open {
				return
			}
			if entry == nil {
				continue
			}
			if err := j.suppression.follow(entry); err != nil {
				j.opts.Logger.Error("a suppressed name cannot be read", "error", err)
			}
		}
	}
}

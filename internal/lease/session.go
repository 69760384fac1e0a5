package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// session is a membership from its first good sign of life to its end. It is believed in until a time that each good
// sign of life moves on, and never again after that.
type session struct {
	keeper *Keeper
	id     string

	until    atomic.Int64 // by the keeper's clock
	over     atomic.Bool
	lost     chan struct{} // closed when it is over
	once     sync.Once
	revision uint64 // of the member's record; belongs to keep
	beats    uint64 // belongs to keep
	hurry    chan struct{}

	announced announcement // belongs to Run
}

// announcement is what of a member the others have to know soon.
type announcement struct {
	offer   int
	leaving bool
}

func newSession(k *Keeper) *session {
	return &session{keeper: k, id: rand.Text(), lost: make(chan struct{}), hurry: make(chan struct{}, 1)}
}

// valid reports whether the session can be believed in at this moment.
func (s *session) valid() bool {
	return !s.over.Load() && s.keeper.now() < time.Duration(s.until.Load())
}

// end ends the session for good.
func (s *session) end() {
	s.once.Do(func() {
		s.over.Store(true)
		close(s.lost)
	})
}

// show writes the member's record. revision is that of the record in whose place it comes.
func (s *session) show(ctx context.Context, revision uint64) error {
	k := s.keeper
	record := memberRecord{MemberInfo: k.info(), Session: s.id, Beat: s.beats + 1, Leaving: k.leaving.Load()}
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	sent := k.now()
	ctx, cancel := context.WithTimeout(ctx, k.times.answer)
	defer cancel()
	revision, err = k.options.Bucket.Update(ctx, memberKey(k.options.Name), data, revision)
	if err != nil {
		return err
	}
	s.revision = revision
	s.beats++
	s.until.Store(int64(sent + k.times.believe))
	return nil
}

// keep gives signs of life until ctx ends or the session is over.
func (s *session) keep(ctx context.Context) {
	k := s.keeper
	tick := time.NewTicker(k.times.beat)
	defer tick.Stop()
	defer k.signal()
	defer s.end()
	for s.valid() {
		select {
		case <-ctx.Done():
			return
		case <-s.lost:
			return
		case <-tick.C:
		case <-s.hurry:
		}
		if !s.valid() {
			return
		}
		if err := s.show(ctx, s.revision); err != nil && !s.recover(ctx, err) {
			return
		}
	}
}

// recover deals with a sign of life of which nobody knows whether it was stored. It says false if the session is over.
func (s *session) recover(ctx context.Context, err error) bool {
	k := s.keeper
	k.log.Debug("no answer to a sign of life", "error", err)
	m := k.view.member(k.options.Name)
	if entry, err := k.get(ctx, memberKey(k.options.Name)); err == nil && entry.Revision() > m.revision {
		var r memberRecord
		if json.Unmarshal(entry.Value(), &r) == nil {
			m = seenMember{record: r, revision: entry.Revision()}
		}
	}
	if m.revision <= s.revision {
		return true // nothing newer is known: try again
	}
	if m.gone || m.record.Session != s.id {
		k.log.Warn("this process was taken for dead by others of the cluster: it lets go of all it held", "name", k.options.Name)
		return false
	}
	s.revision = m.revision // it was stored after all
	return true
}

// leave deletes the member's record.
func (s *session) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.keeper.times.answer)
	defer cancel()
	return s.keeper.options.Bucket.Delete(ctx, memberKey(s.keeper.options.Name), jetstream.LastRevision(s.revision))
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// writer writes the packs of one subject, one after the other: while one is on its way the next one fills.
// That keeps the order without further ado, and one write of many events costs hardly more than one of few.
type writer struct {
	journal *Journal
	subject string
	wake    chan struct{}

	anew atomic.Bool // look up where the subject stands, whoever wrote to it last

	mu     sync.Mutex
	closed bool
	queue  []*appending
	queued int // bytes in queue

	// The rest belongs to run.
	entries []Entry // of the pack being made
	ids     []idHash
	inPack  map[idHash]struct{}
	packs   packWriter
	next    uint64 // events the subject holds
	last    uint64 // sequence of the subject's last pack, if it is known; see settle
	unsure  bool   // the last write failed and may have been stored nevertheless
	recent  *recentIDs
	shared  *sharedSubject // nil if nobody else can write to the subject
	taken   error          // somebody else does
}

// run writes until the journal stops, and then what waits.
func (w *writer) run() {
	for {
		select {
		case <-w.wake:
			w.commit()
		case <-w.journal.stop:
			w.mu.Lock()
			w.closed = true
			w.mu.Unlock()
			w.commit()
			return
		}
	}
}

// write stores one pack of the entries that are new.
func (w *writer) write(entries []Entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.journal.writeTimeout)
	defer cancel()
	for {
		w.next = max(w.next, w.journal.storedOf(w.subject)) // a mark may have been set
		fence, err := w.settle(ctx)
		if err != nil {
			return err
		}
		entries = w.unique(entries)
		if len(entries) == 0 {
			return nil
		}
		msg := nats.Msg{Subject: w.subject, Data: w.packs.encode(w.next, entries)}
		if w.shared != nil {
			msg.Header = w.shared.header(w.next+uint64(len(entries)), w.ids)
		}
		start := time.Now()
		ack, err := w.journal.js.PublishMsg(ctx, &msg, fence...)
		if err != nil {
			w.unsure = true
			if overtaken(err) {
				continue
			}
			return writeError("append to the journal", err)
		}
		w.journal.opts.Observer.Appended(len(entries), len(msg.Data), time.Since(start))
		w.stored(tally{w.next + uint64(len(entries)), ack.Sequence})
		for _, id := range w.ids {
			w.recent.add(id, start)
		}
		return nil
	}
}

// settle finds out where the subject stands, if that is not certain, and returns the fence for the next write. A write that
// failed may be stored, so that its events would be stored twice when their sender repeats them; or it may still be stored
// when it is thought lost, which the fence prevents.
//
// Where others can write to the subject every write is fenced, so that one by somebody else does not go unnoticed.
func (w *writer) settle(ctx context.Context) (fence []jetstream.PublishOpt, err error) {
	if w.anew.CompareAndSwap(true, false) {
		w.taken, w.unsure, w.shared.known = nil, true, false
	}
	if w.taken != nil {
		return nil, w.taken
	}
	if w.unsure {
		if err := w.lookUp(ctx); err != nil {
			return nil, err
		}
	}
	if !w.unsure && w.shared == nil {
		return nil, nil
	}
	return []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(w.last)}, nil
}

// lookUp reads the last pack of the subject.
func (w *writer) lookUp(ctx context.Context) error {
	last, err := w.journal.lastPack(ctx, w.subject)
	if err != nil {
		return err
	}
	if w.shared != nil {
		if w.taken = w.claim(last); w.taken != nil {
			return w.taken
		}
	}
	if last.seq == 0 && w.shared != nil { // the janitor has deleted it
		if last.count, err = w.journal.storedBefore(ctx, w.subject); err != nil {
			return err
		}
		w.next = max(w.next, last.count)
	}
	if last.count <= w.next {
		w.last = last.seq
		return nil
	}
	p, err := decodePack(last.data)
	if err != nil {
		return fmt.Errorf("last pack of %s at %d: %w", w.subject, last.seq, err)
	}
	w.remember(p.entries)
	w.stored(tally{last.count, last.seq})
	return nil
}

// overtaken says whether the fence refused a write.
func overtaken(err error) bool {
	const wrongLastSequence, wrongLastSequenceUnnamed = 10071, 10164
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == wrongLastSequence || api.ErrorCode == wrongLastSequenceUnnamed)
}

// stored notes what the subject holds.
func (w *writer) stored(t tally) {
	w.next, w.last, w.unsure = t.events, t.seq, false
	w.journal.setStored(w.subject, t)
}

// remember notes the ids of stored events.
func (w *writer) remember(entries []Entry) {
	if w.recent == nil {
		return
	}
	at := time.Now()
	for i := range entries {
		if entries[i].Erased() {
			continue
		}
		w.recent.add(w.recent.hash(entries[i].MessageID), at)
	}
}

// unique drops the events that are stored already or stand in the pack twice, and notes the ids of the rest.
func (w *writer) unique(entries []Entry) []Entry {
	w.ids = w.ids[:0]
	if w.recent == nil {
		return entries
	}
	clear(w.inPack)
	fresh := entries[:0]
	for i := range entries {
		id := w.recent.hash(entries[i].MessageID)
		if _, twice := w.inPack[id]; twice || w.recent.has(id) || w.shared.has(id) {
			continue
		}
		w.inPack[id] = struct{}{}
		w.ids = append(w.ids, id)
		fresh = append(fresh, entries[i])
	}
	return fresh
}

// rememberedIDs is a new writer's memory of ids. Events that are replayed are meant to come again.
func (j *Journal) rememberedIDs(subject string) *recentIDs {
	if !strings.HasPrefix(subject, subjectEvents) {
		return nil
	}
	recent := newRecentIDs(j.opts.DedupWindow, j.opts.DedupIDs)
	if j.cluster != nil {
		recent.hash = sharedHash
	}
	return recent
}

// remember reads the ids of the last minutes' events back into the writers' memories after a restart. The last minutes
// are the log's own: the system's clock may have been set meanwhile.
func (j *Journal) remember(ctx context.Context) error {
	info, err := j.events.Info(ctx)
	if err != nil {
		return err
	}
	if info.State.Msgs == 0 {
		return j.rememberRewritten(ctx, time.Now().Add(-j.opts.DedupWindow))
	}
	since := info.State.LastTime.Add(-j.opts.DedupWindow)
	if err := j.rememberRewritten(ctx, since); err != nil {
		return err
	}
	return j.scan(ctx, j.events, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjectEvents + ">"}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	}, func(msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
		return j.rememberPack(msg.Subject(), msg.Data())
	})
}

// rememberRewritten does that for packs that were rewritten.
func (j *Journal) rememberRewritten(ctx context.Context, since time.Time) error {
	_, seq := j.rewrites.bounds()
	for ; seq > 0; seq = j.rewrites.before(seq) {
		p, err := j.readRewritten(ctx, seq)
		if err != nil {
			return err
		}
		if p == nil || !strings.HasPrefix(p.subject, subjectEvents) {
			continue
		}
		if p.stored.Before(since) {
			return nil
		}
		if err := j.rememberPack(p.subject, p.data); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) rememberPack(subject string, data []byte) error {
	p, err := decodePack(data)
	if err != nil {
		return nil //nolint:nilerr // who has to deliver its events says so
	}
	w, err := j.writerFor(subject)
	if err != nil {
		return err
	}
	w.remember(p.entries)
	return nil
}

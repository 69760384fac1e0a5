package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// writer writes the packs of one subject, one after the other: while one is on its way the next one fills.
// That keeps the order without further ado, and one write of many events costs hardly more than one of few.
type writer struct {
	journal *Journal
	subject string
	wake    chan struct{}

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
	unsure  bool   // the last write failed and may have been stored nevertheless; see settle
	recent  *recentIDs
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
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
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
		data := w.packs.encode(w.next, entries)
		start := time.Now()
		ack, err := w.journal.js.Publish(ctx, w.subject, data, fence...)
		if err != nil {
			w.unsure = true
			if overtaken(err) {
				continue
			}
			return writeError("append to the journal", err)
		}
		w.journal.opts.Observer.Appended(len(entries), len(data), time.Since(start))
		w.stored(tally{w.next + uint64(len(entries)), ack.Sequence})
		for _, id := range w.ids {
			w.recent.add(id, start)
		}
		return nil
	}
}

// settle finds out what became of a write that failed. Its events may be stored, so that they would be stored twice when
// their sender repeats them; or they may still be stored when they are thought lost, which the fence for the next write
// prevents.
func (w *writer) settle(ctx context.Context) (fence []jetstream.PublishOpt, err error) {
	if !w.unsure {
		return nil, nil
	}
	last, err := w.journal.lastPack(ctx, w.subject)
	if err != nil {
		return nil, err
	}
	if last.count > w.next {
		p, err := decodePack(last.data)
		if err != nil {
			return nil, fmt.Errorf("last pack of %s at %d: %w", w.subject, last.seq, err)
		}
		w.remember(p.entries)
		w.stored(tally{last.count, last.seq})
		return nil, nil
	}
	return []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(last.seq)}, nil
}

// overtaken says whether the fence refused a write.
func overtaken(err error) bool {
	const wrongLastSequence, wrongLastSequenceUnnamed = 10071, 10164
	api, ok := errors.AsType[*jetstream.APIError](err)
	return ok && (api.ErrorCode == wrongLastSequence || api.ErrorCode == wrongLastSequenceUnnamed)
}

func (w *writer) stored(t tally) {
	w.next, w.unsure = t.events, false
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
		if _, twice := w.inPack[id]; twice || w.recent.has(id) {
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
	return newRecentIDs(j.opts.DedupWindow, j.opts.DedupIDs)
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
	cons, err := j.events.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjectEvents + ">"}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	})
	if err != nil {
		return err
	}
	return eachMessage(ctx, cons, func(msg jetstream.Msg) error { return j.rememberPack(msg.Subject(), msg.Data()) })
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

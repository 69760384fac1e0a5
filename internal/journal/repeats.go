package journal

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// repeats finds the events of a destination that were stored twice, by two processes that did not know of each other in
// time. It judges by the order and the times at which they were stored, which are the same for everybody who reads them, so
// that it comes to the same result after every restart: an event is a repetition if one of the same source and id was
// stored no longer than the window before it. Not safe for concurrent use.
type repeats struct {
	window time.Duration
	max    int // of one generation of ids
	young  map[repeatKey]int64
	old    map[repeatKey]int64
	turned int64
}

// clockMargin is how far the clocks of the servers may be apart, which say when something was stored.
const clockMargin = time.Minute

// repeatKey stands for a source and an id.
type repeatKey [2]uint64

func newRepeats(o Options) *repeats {
	return &repeats{window: o.DedupWindow, max: o.DedupIDs, young: map[repeatKey]int64{}}
}

// keyOf makes use of the 48 bits that an id's digest leaves.
func keyOf(source string, id idHash) repeatKey {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source))
	return repeatKey{id[0], id[1] | h.Sum64()<<16}
}

// note remembers an id that was stored at a time and says whether it is a repetition.
func (r *repeats) note(key repeatKey, at time.Time) bool {
	ms := at.UnixMilli()
	if ms-r.turned > (r.window+clockMargin).Milliseconds() || len(r.young) >= r.max {
		r.old, r.young, r.turned = r.young, make(map[repeatKey]int64, len(r.young)), ms
	}
	before, known := r.young[key]
	if !known {
		before, known = r.old[key]
	}
	r.young[key] = max(ms, before)
	return known && ms-before <= r.window.Milliseconds()
}

// noteAll says of the events of a pack which are repetitions; nil if none is.
func (r *repeats) noteAll(source string, ids []idHash, at time.Time) bitset {
	var found bitset
	for i, id := range ids {
		if id != (idHash{}) && r.note(keyOf(source, id), at) {
			found, _ = found.with(i)
		}
	}
	return found
}

// idsOf is the digests of the ids of a pack's events: those in its header, or, if it comes from one machine alone, made
// from the events. Of those that were erased it is not known, and zero.
func idsOf(header string, entries []Entry) []idHash {
	if ids, err := decodeIDs(header); err == nil && len(ids) == len(entries) {
		return ids
	}
	ids := make([]idHash, len(entries))
	for i := range entries {
		if !entries[i].Erased() {
			ids[i] = sharedHash(entries[i].MessageID)
		}
	}
	return ids
}

// recallRepeats reads the ids that were stored in the window before the first event that will be read.
func (c *Cursor) recallRepeats(ctx context.Context) error {
	if c.journal.cluster == nil {
		return nil
	}
	c.repeats = newRepeats(c.journal.opts)
	since := time.Now()
	next, err := c.journal.nextOf(ctx, c.prefixes, c.state.floor)
	if err != nil {
		return err
	}
	if next != nil {
		since = next.stored
	}
	since = since.Add(-c.journal.opts.DedupWindow - clockMargin)
	config := jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, HeadersOnly: true,
	}
	for _, prefix := range c.prefixes {
		if strings.HasPrefix(prefix, subjectEvents) {
			config.FilterSubjects = append(config.FilterSubjects, prefix+">")
		}
	}
	if config.FilterSubjects == nil {
		return nil
	}
	if err := c.recallRewritten(ctx, since); err != nil {
		return err
	}
	return c.journal.scan(ctx, c.journal.events, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		seq, source := meta.Sequence.Stream, sourceOf(msg.Subject())
		if seq > c.state.floor {
			return ErrStop
		}
		if !c.place.wants(source, seq) {
			return nil
		}
		ids, err := decodeIDs(msg.Headers().Get(headerIDs))
		if err != nil || len(ids) == 0 {
			entries, err := c.journal.storedEntries(ctx, seq)
			if err != nil {
				return fmt.Errorf("event pack %d: %w", seq, err)
			}
			ids = idsOf("", entries)
		}
		c.repeats.noteAll(source, ids, meta.Timestamp)
		return nil
	})
}

// recallRewritten does that for packs that were rewritten. They are noted before all others, which makes no difference as
// long as no id comes twice among them and the others.
func (c *Cursor) recallRewritten(ctx context.Context, since time.Time) error {
	from := uint64(1)
	for {
		p, err := c.journal.nextRewritten(ctx, from, c.state.floor, c.filters()...)
		if err != nil || p == nil {
			return err
		}
		from = p.seq + 1
		if !strings.HasPrefix(p.subject, subjectEvents) || p.stored.Before(since) || !c.place.wants(sourceOf(p.subject), p.seq) {
			continue
		}
		unfolded, err := decodePack(p.data)
		if err != nil {
			return fmt.Errorf("event pack %d: %w", p.seq, err)
		}
		c.repeats.noteAll(sourceOf(p.subject), idsOf("", unfolded.entries), p.stored)
	}
}

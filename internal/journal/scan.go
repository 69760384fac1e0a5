package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Scan says which stored events to read. The zero value reads all.
type Scan struct {
	// Sources are those whose events are read. Nil means all, and all replays.
	Sources []string
	// Since passes over packs that were stored before.
	Since time.Time
	// After passes over packs up to this sequence.
	After uint64
	// UpTo is the sequence of the last pack to read. Zero means the last that is stored when the scan begins.
	UpTo uint64
}

// StoredPack is a part of the log: events that were stored together.
type StoredPack struct {
	Seq      uint64
	Stored   time.Time
	ReplayTo string // the destination that these replays are for; "" if they are no replays
	Entries  []Entry
	Damaged  int // events that it held and that cannot be read; then there are no entries
}

// ErrStop ends a scan without an error, when what it calls returns it.
var ErrStop = errors.New("enough")

// Scan reads stored events in the order they were accepted and hands them to do, a pack at a time. It changes nothing
// and holds a few packs in memory. What the janitor deletes meanwhile is left out. Errors: what do returns, ErrUnavailable,
// ErrCorrupt.
func (j *Journal) Scan(ctx context.Context, s Scan, do func(StoredPack) error) error {
	_, last, err := j.extent(ctx)
	if err != nil {
		return err
	}
	if s.UpTo != 0 {
		last = min(last, s.UpTo)
	}
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.After + 1}
	if s.After == 0 && !s.Since.IsZero() {
		config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &s.Since
	}
	for _, source := range s.Sources {
		if !ValidName(source) {
			return fmt.Errorf("source %q: %w", source, ErrNotFound)
		}
		config.FilterSubjects = append(config.FilterSubjects, subjectEvents+source+".>")
	}
	if s.Sources != nil && len(s.Sources) == 0 {
		return nil
	}
	if err := j.loadRewritten(ctx); err != nil {
		return err
	}
	m := &merger{journal: j, next: s.After + 1, last: last, filters: config.FilterSubjects, do: do}
	if s.After == 0 {
		m.since = s.Since
	}
	err = j.scan(ctx, j.events, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		return m.stored(ctx, &loggedPack{seq: meta.Sequence.Stream, subject: msg.Subject(), stored: meta.Timestamp.UTC(), data: msg.Data()})
	})
	if err == nil && !m.stopped {
		err = m.rewritten(ctx, last)
	}
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// merger puts what was rewritten where it belongs among the packs that are read from EVENTS.
type merger struct {
	journal *Journal
	filters []string  // of subjects; nil means all
	since   time.Time // when the first pack may have been stored
	next    uint64    // sequence from which on packs are to be handed out
	last    uint64    // up to which
	do      func(StoredPack) error
	stopped bool // there is no more to hand out
}

// stored takes a pack of EVENTS.
func (m *merger) stored(ctx context.Context, p *loggedPack) error {
	if m.journal.shared() && p.seq > m.next { // another process may have taken what is missing
		if err := m.journal.loadRewritten(ctx); err != nil {
			return err
		}
	}
	if err := m.rewritten(ctx, min(p.seq, m.last)); err != nil {
		return err
	}
	if p.seq > m.last {
		m.stopped = true
		return ErrStop
	}
	if p.seq < m.next { // it was rewritten
		return nil
	}
	return m.hand(p)
}

// rewritten hands out what was rewritten, up to a sequence.
func (m *merger) rewritten(ctx context.Context, upTo uint64) error {
	for m.next <= upTo {
		p, err := m.journal.nextRewritten(ctx, m.next, upTo, m.filters...)
		if err != nil || p == nil {
			return err
		}
		if p.stored.Before(m.since) {
			m.next = p.seq + 1
			continue
		}
		if err := m.hand(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) hand(p *loggedPack) error {
	m.next = p.seq + 1
	pack := p.unfold()
	var err error
	if len(pack.Entries) > 0 || pack.Damaged > 0 {
		err = m.do(pack)
	}
	m.stopped = err != nil
	return err
}

// unfold reads what a pack holds.
func (p *loggedPack) unfold() StoredPack {
	pack := StoredPack{Seq: p.seq, Stored: p.stored}
	if unfolded, err := decodePack(p.data); err == nil {
		pack.Entries = unfolded.entries
	} else {
		pack.Damaged = damagedEvents(p.data)
	}
	for i := range pack.Entries {
		pack.Entries[i].Position = At(p.seq, i)
	}
	if to, ok := strings.CutPrefix(p.subject, subjectReplay); ok {
		pack.ReplayTo, _, _ = strings.Cut(to, ".")
	}
	return pack
}

// damagedEvents is how many events a pack held that cannot be read, 1 if not even that can be read.
func damagedEvents(data []byte) int {
	before, upTo, err := packExtent(data)
	if err != nil {
		return 1
	}
	return int(upTo - before)
}

// Standing is where an event stands at a destination, as the destination's cursor knows it.
type Standing struct {
	Finished bool  // it has its outcome, or is parked: ScanOutcomes tells which
	Retry    Retry // of an event that has no outcome: what is known of its attempts
}

// Standing says where an event stands at a destination. It says false if the destination does not get the event, or
// has no open cursor.
func (j *Journal) Standing(destination string, pack *StoredPack, pos Position) (Standing, bool) {
	c, err := j.cursorOf(destination)
	if err != nil || pack.ReplayTo != "" && pack.ReplayTo != destination {
		return Standing{}, false
	}
	conn := replays
	if pack.ReplayTo == "" {
		conn = pack.Entries[0].Source
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.place.wants(conn, pos.Seq()) {
		return Standing{}, false
	}
	return Standing{Finished: c.state.finished(pos), Retry: c.retries[pos]}, true
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The log is EVENTS, and in the place of some packs of it those that were rewritten, which are in REWRITTEN. A pack that is
// in both counts as rewritten: its deletion from EVENTS is still to come. Whoever reads the log reads both, by what is here.

// loggedPack is a pack as the log has it.
type loggedPack struct {
	seq     uint64
	subject string // in EVENTS
	stored  time.Time
	data    []byte
	version uint64 // sequence in REWRITTEN; 0 if it was not rewritten
	ids     string // the header with the digests of the ids; "" if there is none
	life    string // of the process that wrote it, on a cluster; of packs of EVENTS
}

// What the headers of a message in REWRITTEN say of the pack that it replaces.
const (
	headerSubject = "Tanker-Subject"
	headerStored  = "Tanker-Stored" // nanoseconds since 1970
)

func rewrittenSubject(seq uint64) string { return subjectRewritten + strconv.FormatUint(seq, 10) }

func (p *loggedPack) header() nats.Header {
	return nats.Header{headerSubject: {p.subject}, headerStored: {strconv.FormatInt(p.stored.UnixNano(), 10)}}
}

func ofRewritten(seq uint64, header nats.Header, data []byte) (*loggedPack, error) {
	nanos, err := strconv.ParseInt(header.Get(headerStored), 10, 64)
	if err != nil || header.Get(headerSubject) == "" {
		return nil, fmt.Errorf("rewritten pack %d: headers: %w", seq, ErrCorrupt)
	}
	return &loggedPack{seq: seq, subject: header.Get(headerSubject), stored: time.Unix(0, nanos).UTC(), data: data}, nil
}

func ofEvents(msg *jetstream.RawStreamMsg) *loggedPack {
	return &loggedPack{
		seq: msg.Sequence, subject: msg.Subject, stored: msg.Time.UTC(), data: msg.Data,
		ids: msg.Header.Get(headerIDs), life: msg.Header.Get(headerLife),
	}
}

// readRewritten reads a pack that was rewritten; nil if the janitor has deleted it.
func (j *Journal) readRewritten(ctx context.Context, seq uint64) (*loggedPack, error) {
	msg, err := j.rewritten.GetLastMsgForSubject(ctx, rewrittenSubject(seq))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		j.rewrites.drop(seq)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	p, err := ofRewritten(seq, msg.Header, msg.Data)
	if err != nil {
		return nil, err
	}
	p.version = msg.Sequence
	return p, nil
}

// readLogged reads a pack; nil if it is deleted.
func (j *Journal) readLogged(ctx context.Context, seq uint64) (*loggedPack, error) {
	if j.rewrites.has(seq) {
		if p, err := j.readRewritten(ctx, seq); p != nil || err != nil {
			return p, err
		}
	}
	msg, err := j.events.GetMsg(ctx, seq)
	if err == nil {
		return ofEvents(msg), nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	return j.readRewritten(ctx, seq) // another process may have rewritten it
}

// nextLogged is the first pack from a sequence on whose subject a filter names, nil if there is none. The filter is a
// subject, or the beginning of one and ">".
func (j *Journal) nextLogged(ctx context.Context, from uint64, filter string) (*loggedPack, error) {
	msg, err := j.events.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter))
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	end := uint64(math.MaxUint64)
	if err == nil {
		end = msg.Sequence
	}
	p, missing := j.nextRewritten(ctx, from, end, filter)
	if p != nil || missing != nil {
		return p, missing
	}
	if err != nil {
		return nil, nil
	}
	return ofEvents(msg), nil
}

// nextRewritten is the first pack between two sequences that was rewritten and whose subject one of the filters names, nil if
// there is none.
func (j *Journal) nextRewritten(ctx context.Context, from, upTo uint64, filters ...string) (*loggedPack, error) {
	for {
		seq := j.rewrites.next(from, upTo, filters...)
		if seq == 0 {
			return nil, nil
		}
		if p, err := j.readRewritten(ctx, seq); p != nil || err != nil {
			return p, err
		}
	}
}

// lastLogged is the last pack of a subject, and the last one that EVENTS itself holds; each nil if there is none.
func (j *Journal) lastLogged(ctx context.Context, subject string) (p, inEvents *loggedPack, err error) {
	msg, err := j.events.GetLastMsgForSubject(ctx, subject)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil, fmt.Errorf("read last pack of %s: %w: %w", subject, ErrUnavailable, err)
	}
	var end uint64
	if err == nil {
		inEvents = ofEvents(msg)
		end = inEvents.seq
	}
	if seq := j.rewrites.last(subject); seq != 0 && seq >= end {
		if rewritten, err := j.readRewritten(ctx, seq); rewritten != nil || err != nil {
			return rewritten, inEvents, err
		}
	}
	return inEvents, inEvents, nil
}

// extent is the sequences of the first pack of the log, and of the last one that there ever was. If the log is empty, the
// first is the one behind the last.
func (j *Journal) extent(ctx context.Context) (first, last uint64, err error) {
	info, err := j.events.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	first, last = max(info.State.FirstSeq, 1), info.State.LastSeq
	if info.State.Msgs == 0 {
		first = last + 1
	}
	if rewritten, _ := j.rewrites.bounds(); rewritten != 0 {
		first = min(first, rewritten)
	}
	return first, last, nil
}

// loadRewritten reads which packs are rewritten, as far as that is not known yet. Other processes rewrite packs too.
func (j *Journal) loadRewritten(ctx context.Context) error {
	info, err := j.rewritten.Info(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	j.rewrites.mu.RLock()
	applied := j.rewrites.applied
	j.rewrites.mu.RUnlock()
	if info.State.LastSeq <= applied {
		return nil
	}
	err = j.scan(ctx, j.rewritten, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: applied + 1, HeadersOnly: true,
	}, func(msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
		seq, err := strconv.ParseUint(msg.Subject()[len(subjectRewritten):], 10, 64)
		if err != nil || msg.Headers().Get(headerSubject) == "" {
			return fmt.Errorf("rewritten pack %s: %w", msg.Subject(), ErrCorrupt)
		}
		j.rewrites.add(seq, msg.Headers().Get(headerSubject))
		return nil
	})
	if err != nil {
		return err
	}
	j.rewrites.mu.Lock()
	defer j.rewrites.mu.Unlock()
	j.rewrites.applied = max(j.rewrites.applied, info.State.LastSeq)
	return nil
}

// shared reports whether other processes may change the journal.
func (j *Journal) shared() bool { return j.embedded == nil }

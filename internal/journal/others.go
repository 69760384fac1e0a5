package journal

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// watchOthers follows what other processes store, until the journal is closed: how many events, and which ids.
func (j *Journal) watchOthers() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j.wg.Go(func() {
		defer cancel()
		select {
		case <-j.stop:
		case <-ctx.Done():
		}
	})
	for ctx.Err() == nil {
		err := j.follow(ctx, j.events, jetstream.OrderedConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: j.cluster.seen + 1, HeadersOnly: true,
		}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error { return j.noteOther(ctx, msg, meta) })
		if ctx.Err() != nil {
			return
		}
		j.opts.Logger.Warn("what other processes store is not known at the moment", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// readOthers reads what was stored within the last minutes, also by this process before it was started.
func (j *Journal) readOthers(ctx context.Context) error {
	info, err := j.events.Info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	j.cluster.seen = info.State.LastSeq
	since := time.Now().Add(-j.opts.DedupWindow)
	return j.scan(ctx, j.events, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, HeadersOnly: true,
	}, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error { return j.noteOther(ctx, msg, meta) })
}

// noteOther takes up what the headers of a pack say.
func (j *Journal) noteOther(ctx context.Context, msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
	j.cluster.seen = max(j.cluster.seen, meta.Sequence.Stream)
	header, subject := msg.Headers(), msg.Subject()
	if header.Get(headerLife) == j.cluster.life {
		return nil
	}
	stored, err := strconv.ParseUint(header.Get(headerTotal), 10, 64)
	if err != nil { // from one machine alone, where packs have no headers
		return j.noteWhole(ctx, subject, meta.Sequence.Stream)
	}
	j.raiseStored(subject, tally{stored, meta.Sequence.Stream})
	if header.Get(headerIDs) == "" {
		return nil
	}
	ids, err := decodeIDs(header.Get(headerIDs))
	if err != nil {
		return fmt.Errorf("event pack %d: %w", meta.Sequence.Stream, err)
	}
	j.cluster.others.add(sourceOf(subject), ids, time.Now())
	return nil
}

// noteWhole reads a pack for what its headers do not say.
func (j *Journal) noteWhole(ctx context.Context, subject string, seq uint64) error {
	entries, err := j.storedEntries(ctx, seq)
	if err != nil || len(entries) == 0 {
		return err
	}
	last, err := j.lastPack(ctx, subject)
	if err != nil {
		return err
	}
	j.raiseStored(subject, tally{last.count, last.seq})
	if !strings.HasPrefix(subject, subjectEvents) {
		return nil
	}
	ids := make([]idHash, len(entries))
	for i := range entries {
		ids[i] = sharedHash(entries[i].MessageID)
	}
	j.cluster.others.add(sourceOf(subject), ids, time.Now())
	return nil
}

// sourceOf is the source of a subject of EVENTS: its second word.
func sourceOf(subject string) string {
	_, rest, _ := strings.Cut(subject, ".")
	source, _, _ := strings.Cut(rest, ".")
	return source
}

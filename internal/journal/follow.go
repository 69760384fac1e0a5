package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// FollowedPack is a pack that has just been stored. Its events are unfolded only when they are asked for, so that one
// who cannot keep up loses nothing but the sight of them.
type FollowedPack struct {
	Seq      uint64
	Stored   time.Time
	ReplayTo string // the destination that these replays are for; "" if they are no replays
	Events   int

	data []byte
}

// Unfold reads the events. Error: ErrCorrupt.
func (p *FollowedPack) Unfold() ([]Entry, error) {
	unfolded, err := decodePack(p.data)
	if err != nil {
		return nil, fmt.Errorf("event pack %d: %w", p.Seq, err)
	}
	for i := range unfolded.entries {
		unfolded.entries[i].Position = At(p.Seq, i)
	}
	return unfolded.entries, nil
}

// Follow hands the packs behind a sequence to do, in order, as they are stored, by whatever process, until ctx ends or do
// returns an error, which it returns. It changes nothing and holds up nobody. Errors beside those: ErrUnavailable,
// ErrCorrupt; whoever wants to go on calls it again.
func (j *Journal) Follow(ctx context.Context, after uint64, do func(FollowedPack) error) error {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1}
	return j.follow(ctx, j.events, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		p := FollowedPack{Seq: meta.Sequence.Stream, Stored: meta.Timestamp.UTC(), data: msg.Data()}
		count, err := packCount(p.data)
		if err != nil {
			return fmt.Errorf("event pack %d: %w", p.Seq, err)
		}
		p.Events = int(count - binary.LittleEndian.Uint64(p.data[2:]))
		if to, ok := strings.CutPrefix(msg.Subject(), subjectReplay); ok {
			p.ReplayTo, _, _ = strings.Cut(to, ".")
		}
		return do(p)
	})
}

// FollowOutcomes hands what becomes of events, at any destination, to do as Follow does.
func (j *Journal) FollowOutcomes(ctx context.Context, after uint64, do func(OutcomeBatch) error) error {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1}
	return j.follow(ctx, j.outcomes, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		batch, err := outcomeBatch(msg, meta)
		if err != nil {
			return err
		}
		return do(batch)
	})
}

// follow calls do for the messages that a consumer has and those that come.
func (j *Journal) follow(ctx context.Context, stream jetstream.Stream, config jetstream.OrderedConsumerConfig, do func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	reader := j.read(stream, config)
	defer reader.Stop()
	for {
		msg, meta, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := do(msg, meta); err != nil {
			return err
		}
	}
}

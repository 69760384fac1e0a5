package journal

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// DeadScan says which dead letters to read. The zero value reads all.
type DeadScan struct {
	Destination string // only this one's; "" means all
	After       uint64 // passes over letters up to this sequence
	UpTo        uint64 // the sequence of the last letter; zero means the last that is stored when the scan begins
}

// ScanDead reads dead letters in the order in which they were stored and hands them to do, each with its sequence, until
// that returns ErrStop. It changes nothing and holds a few letters in memory. What is deleted meanwhile may be left
// out. Errors: what do returns, ErrNotFound for a destination that cannot be, ErrUnavailable, ErrCorrupt.
func (j *Journal) ScanDead(ctx context.Context, s DeadScan, do func(seq uint64, letter DeadLetter) error) error {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.After + 1}
	if s.Destination != "" {
		if !ValidName(s.Destination) {
			return fmt.Errorf("destination %q: %w", s.Destination, ErrNotFound)
		}
		config.FilterSubjects = []string{subjectDead + s.Destination + ".>"}
	}
	extent, err := j.DeadExtent(ctx)
	if err != nil {
		return err
	}
	last := extent.Last
	if s.UpTo != 0 {
		last = min(last, s.UpTo)
	}
	if last <= s.After {
		return nil
	}
	return j.scan(ctx, j.dead, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		seq := meta.Sequence.Stream
		if seq > last {
			return ErrStop
		}
		var letter DeadLetter
		if err := json.Unmarshal(msg.Data(), &letter); err != nil {
			return fmt.Errorf("dead letter %d: %w: %w", seq, ErrCorrupt, err)
		}
		return do(seq, letter)
	})
}

// DeadExtent is what there is of dead letters.
type DeadExtent struct {
	Letters  uint64 // how many there are
	Last     uint64 // the sequence of the latest one that was ever stored
	Bytes    uint64 // what they take on disk
	MaxBytes int64  // what they may take
}

// DeadExtent reads how many dead letters there are. Error: ErrUnavailable.
func (j *Journal) DeadExtent(ctx context.Context) (DeadExtent, error) {
	info, err := j.dead.Info(ctx)
	if err != nil {
		return DeadExtent{}, fmt.Errorf("read dead letters: %w: %w", ErrUnavailable, err)
	}
	return DeadExtent{
		Letters: info.State.Msgs, Last: info.State.LastSeq, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes,
	}, nil
}

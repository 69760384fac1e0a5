package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// OutcomeScan says which outcomes to read.
type OutcomeScan struct {
	// Destination is whose. Required.
	Destination string
	// Since passes over what was stored before.
	Since time.Time
	// After passes over batches up to this sequence; Since does not count then.
	After uint64
	// UpTo is the sequence of the last batch to read. Zero means the last that is stored when the scan begins.
	UpTo uint64
}

// OutcomeBatch is outcomes that were stored together.
type OutcomeBatch struct {
	Seq         uint64
	Stored      time.Time
	Destination string
	Outcomes    []Outcome
}

// ReadOutcomes reads what became of events at a destination, as far back as outcomes are kept, and hands it to do in the
// order in which it was stored. An event that was parked comes with the kind Parked before it comes with its outcome.
// Errors are those of Scan.
func (j *Journal) ReadOutcomes(ctx context.Context, s OutcomeScan, do func(OutcomeBatch) error) error {
	if !ValidName(s.Destination) {
		return fmt.Errorf("destination %q: %w", s.Destination, ErrNotFound)
	}
	config := jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subjectOutcomes + s.Destination},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: s.After + 1,
	}
	if s.After == 0 && !s.Since.IsZero() {
		config.DeliverPolicy, config.OptStartSeq, config.OptStartTime = jetstream.DeliverByStartTimePolicy, 0, &s.Since
	}
	return j.scan(ctx, j.outcomes, config, func(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if s.UpTo != 0 && meta.Sequence.Stream > s.UpTo {
			return ErrStop
		}
		batch, err := outcomeBatch(msg, meta)
		if err != nil {
			return err
		}
		return do(batch)
	})
}

// ScanOutcomes reads all that became of events at a destination since a time. See ReadOutcomes.
func (j *Journal) ScanOutcomes(ctx context.Context, destination string, since time.Time, do func([]Outcome) error) error {
	return j.ReadOutcomes(ctx, OutcomeScan{Destination: destination, Since: since}, func(b OutcomeBatch) error {
		return do(b.Outcomes)
	})
}

// OutcomesExtent is the sequences of the first and the last batch of outcomes, of all destinations.
func (j *Journal) OutcomesExtent(ctx context.Context) (first, last uint64, err error) {
	info, err := j.outcomes.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read outcomes: %w: %w", ErrUnavailable, err)
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

func outcomeBatch(msg jetstream.Msg, meta *jetstream.MsgMetadata) (OutcomeBatch, error) {
	stored, err := decodeOutcomes(msg.Data())
	if err != nil {
		return OutcomeBatch{}, fmt.Errorf("outcomes %d: %w", meta.Sequence.Stream, err)
	}
	outcomes := make([]Outcome, len(stored))
	for i := range stored {
		outcomes[i] = stored[i].Outcome
		outcomes[i].Place = stored[i].place
	}
	return OutcomeBatch{
		Seq: meta.Sequence.Stream, Stored: meta.Timestamp.UTC(), Outcomes: outcomes,
		Destination: strings.TrimPrefix(msg.Subject(), subjectOutcomes),
	}, nil
}

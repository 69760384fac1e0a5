package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What EVENTS does not hold of a user: dead letters, parked events, and what was remembered of calls.

// EraseDead overwrites and deletes the dead letters that which names, and says how many they were. Their outcomes stay
// counted as dead.
func (j *Journal) EraseDead(ctx context.Context, which func(*DeadLetter) bool) (int, error) {
	n := 0
	for seq := uint64(1); ; seq++ {
		msg, err := j.dead.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subjectDead+">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("read dead letters: %w: %w", ErrUnavailable, err)
		}
		seq = msg.Sequence
		letter, err := decodeLetter(msg)
		if err != nil {
			return n, err
		}
		if !which(&letter) {
			continue
		}
		if err := j.overwrite(ctx, j.dead, seq); err != nil {
			return n, err
		}
		n++
	}
}

// Overwriting has parked events overwritten when they are deleted, for as long as one more call with true than with false was
// made. Otherwise their bytes stay on the disk until the room is used again.
func (j *Journal) Overwriting(on bool) {
	if on {
		j.overwriting.Add(1)
		return
	}
	j.overwriting.Add(-1)
}

// EraseParked says how many events there are in PARKED that which names, by destination: whoever delivers there has still to
// finish them. Where nobody does, because the destination is abandoned, they get their outcome, filtered for the reason
// given, and are overwritten.
func (j *Journal) EraseParked(ctx context.Context, reason string, which func(*Entry) bool, abandoned func(destination string) bool) (map[string]int, error) {
	left := map[string]int{}
	for seq := uint64(1); ; seq++ {
		msg, err := j.parked.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subjectParked+">"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return left, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read parked events: %w: %w", ErrUnavailable, err)
		}
		seq = msg.Sequence
		events, err := decodeParked(msg.Data)
		if err != nil {
			return nil, fmt.Errorf("parked events %d: %w", seq, err)
		}
		var outcomes []storedOutcome
		for i := range events {
			if e := &events[i]; which(&e.Entry) {
				outcomes = append(outcomes, storedOutcome{
					Outcome:    Outcome{Position: e.Position, Kind: Filtered, Reason: reason, Attempts: e.Retry.Attempts, At: time.Now()},
					connection: e.connection, place: At(seq, i),
				})
			}
		}
		if len(outcomes) == 0 {
			continue
		}
		destination, _, _ := strings.Cut(strings.TrimPrefix(msg.Subject, subjectParked), ".")
		if !abandoned(destination) || len(outcomes) < len(events) {
			left[destination] += len(outcomes)
			continue
		}
		if err := j.finishParked(ctx, destination, seq, outcomes); err != nil {
			return nil, err
		}
	}
}

// finishParked records what became of a message of PARKED whose destination is abandoned, and deletes it. Should the
// destination come back, its cursor takes note of the record.
func (j *Journal) finishParked(ctx context.Context, destination string, seq uint64, outcomes []storedOutcome) error {
	data, err := encodeOutcomes(outcomes)
	if err != nil {
		return err
	}
	if _, err := j.js.Publish(ctx, subjectOutcomes+destination, data); err != nil {
		return writeError("store outcomes", err)
	}
	return j.overwrite(ctx, j.parked, seq)
}

// ForgetMemories drops what was remembered for all destinations. See Cursor.Remember.
func (j *Journal) ForgetMemories(ctx context.Context) error {
	stream, err := j.js.Stream(ctx, "KV_"+bucketMemories)
	if err == nil {
		err = stream.Purge(ctx)
	}
	if err != nil {
		return fmt.Errorf("forget delivered calls: %w: %w", ErrUnavailable, err)
	}
	return nil
}

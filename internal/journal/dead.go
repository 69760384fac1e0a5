package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// maxLetter bounds a stored dead letter: an event of the largest size, and its call.
const maxLetter = maxPayload - 64<<10

// DeadFilter selects dead letters. Zero fields select all.
type DeadFilter struct {
	Destination string
	Reason      string
	User        string
	Since       time.Time // died at or after
	Until       time.Time // died before
	After       uint64    // continue a listing: the Next of the page before
	Limit       int       // letters on the page; zero means 100
}

// DeadPage is a part of a listing, oldest first.
type DeadPage struct {
	Letters []DeadLetter `json:"letters"`
	Next    uint64       `json:"next,omitempty"` // After for the next page; 0 if this is the last
}

// Selects reports whether a letter of the filter's destination is meant. After and Limit do not count.
func (f *DeadFilter) Selects(l *DeadLetter) bool {
	return (f.Reason == "" || l.Reason == f.Reason) &&
		(f.User == "" || l.User == f.User) &&
		(f.Since.IsZero() || !l.At.Before(f.Since)) &&
		(f.Until.IsZero() || l.At.Before(f.Until))
}

// DeadLetter reads one dead letter. Error: ErrNotFound.
func (j *Journal) DeadLetter(ctx context.Context, destination string, pos Position) (DeadLetter, error) {
	msg, err := j.deadMessage(ctx, destination, pos)
	if err != nil {
		return DeadLetter{}, err
	}
	return decodeLetter(msg)
}

// DiscardDead deletes a dead letter for good. Its outcome stays counted as dead. Error: ErrNotFound.
func (j *Journal) DiscardDead(ctx context.Context, destination string, pos Position) error {
	msg, err := j.deadMessage(ctx, destination, pos)
	if err != nil {
		return err
	}
	if err := j.dead.DeleteMsg(ctx, msg.Sequence); err != nil {
		return fmt.Errorf("discard dead letter: %w: %w", ErrUnavailable, err)
	}
	return nil
}

// ReplayDead sends a dead event to its destination again: it is accepted anew, behind everything accepted so far, and
// the letter is deleted. If the process dies between the two, the letter stays. change may alter the event before, or
// refuse with an error, which is returned as it is; it may be nil. Error: ErrNotFound, or those of Append.
func (j *Journal) ReplayDead(ctx context.Context, destination string, pos Position, change func(*Entry) error) error {
	letter, err := j.DeadLetter(ctx, destination, pos)
	if err != nil {
		return err
	}
	entry := letter.Entry()
	if change != nil {
		if err := change(&entry); err != nil {
			return err
		}
	}
	if err := j.replay(ctx, destination, j.opts.Writer, []Entry{entry}); err != nil {
		return fmt.Errorf("replay dead letter %s: %w", pos, err)
	}
	return j.DiscardDead(ctx, destination, pos)
}

// LetterRoom is how many bytes of dead letters, those of all destinations, there is room for.
func (c *Cursor) LetterRoom(ctx context.Context) (int64, error) {
	info, err := c.journal.dead.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("read room for dead letters: %w: %w", ErrUnavailable, err)
	}
	return max(info.Config.MaxBytes-int64(info.State.Bytes), 0), nil
}

// buryDead stores the letters of the dead events and leaves those out that find no room: unburied says how large these are.
func (c *Cursor) buryDead(ctx context.Context, outcomes []storedOutcome) (rest []storedOutcome, unburied map[Position]int64, err error) {
	rest = outcomes[:0]
	for i := range outcomes {
		if o := &outcomes[i]; o.Kind == Dead {
			size, err := c.journal.bury(ctx, c.destination, o.Outcome)
			if errors.Is(err, ErrFull) {
				if unburied == nil {
					unburied = map[Position]int64{}
				}
				unburied[o.Position] = size
				continue
			}
			if err != nil {
				return nil, nil, err
			}
		}
		rest = append(rest, outcomes[i])
	}
	return rest, unburied, nil
}

// letterOverhead is at least what a stored letter takes beside its data and its subject.
const letterOverhead = 64

// bury stores the letter of a dead event and returns what it takes on the disk. Storing it again replaces it. Error:
// ErrFull if it finds no room.
func (j *Journal) bury(ctx context.Context, destination string, o Outcome) (size int64, err error) {
	if o.Letter == nil {
		return 0, fmt.Errorf("dead event %s has no letter", o.Position)
	}
	letter := *o.Letter
	data, err := encodeLetter(letter)
	if err == nil && len(data) > maxLetter {
		letter.Call = nil // the event says what the call was
		data, err = encodeLetter(letter)
	}
	if err != nil {
		return 0, fmt.Errorf("dead letter %s: %w", o.Position, err)
	}
	subject := deadSubject(destination, o.Position)
	size = int64(len(data) + len(subject) + letterOverhead)
	if _, err := j.js.Publish(ctx, subject, data); err != nil {
		err = writeError("store dead letter", err)
		if _, stored := j.deadMessage(ctx, destination, o.Position); stored == nil && errors.Is(err, ErrFull) {
			return size, nil // from before a crash
		}
		return size, err
	}
	return size, nil
}

func (j *Journal) deadMessage(ctx context.Context, destination string, pos Position) (*jetstream.RawStreamMsg, error) {
	if !ValidName(destination) {
		return nil, fmt.Errorf("destination %q: %w", destination, ErrNotFound)
	}
	msg, err := j.dead.GetLastMsgForSubject(ctx, deadSubject(destination, pos))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("dead letter %s of %s: %w", pos, destination, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read dead letter: %w: %w", ErrUnavailable, err)
	}
	return msg, nil
}

// encodeLetter leaves the event's own bytes alone, as far as JSON lets it: <, > and & stay as they are.
func encodeLetter(letter DeadLetter) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(letter)
	return buf.Bytes(), err
}

func decodeLetter(msg *jetstream.RawStreamMsg) (DeadLetter, error) {
	var letter DeadLetter
	if err := json.Unmarshal(msg.Data, &letter); err != nil {
		return letter, fmt.Errorf("dead letter %d: %w: %w", msg.Sequence, ErrCorrupt, err)
	}
	return letter, nil
}

func deadSubject(destination string, pos Position) string {
	return subjectDead + destination + "." + strings.ReplaceAll(pos.String(), ".", "-")
}

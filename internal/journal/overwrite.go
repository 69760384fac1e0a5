package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// JetStream overwrites a message by marking it as deleted and then writing the file anew that holds it. A kill in between
// leaves the bytes, and the message cannot be deleted any more. Which message that may be is written down before, in ERASURES.
// After a kill everything else that the file may hold is moved away: JetStream deletes files that hold nothing.
//
// On a cluster it is the server that overwrites, whatever happens to this process.

// doubtKey is where the message is named that is being overwritten.
const doubtKey = "doubt"

// reservedErasureKey reports whether a key of ERASURES names no job.
func reservedErasureKey(key string) bool {
	return key == suppressionSecret || key == replaysCopy || key == doubtKey
}

// overwrite deletes a message so that nothing of it stays on the disk. That it is gone already is no error.
func (j *Journal) overwrite(ctx context.Context, stream jetstream.Stream, seq uint64) error {
	j.overwritingOne.Lock()
	defer j.overwritingOne.Unlock()
	name := stream.CachedInfo().Config.Name
	if !j.shared() {
		if _, err := j.erasures.PutString(ctx, doubtKey, name+" "+strconv.FormatUint(seq, 10)); err != nil {
			return writeError("overwrite", err)
		}
	}
	if err := stream.SecureDeleteMsg(ctx, seq); err != nil {
		if _, again := stream.GetMsg(ctx, seq); !errors.Is(again, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("overwrite message %d of %s: %w: %w", seq, name, ErrUnavailable, err)
		}
	}
	if j.shared() {
		return nil
	}
	if err := j.erasures.Delete(ctx, doubtKey); err != nil {
		return writeError("overwrite", err)
	}
	return nil
}

const (
	// fileBytes is more than a file of JetStream's holds.
	fileBytes = 9 << 20
	// fillerBytes is so much that the second of two messages of this size is in a file of its own.
	fillerBytes = maxPayload - 128<<10
)

// loadErased reads what was rewritten, and finishes what a kill has left unfinished.
func (j *Journal) loadErased(ctx context.Context) error {
	name, seq, err := j.doubtful(ctx)
	if err == nil && name != "" {
		err = j.purgeFillers(ctx)
	}
	if err == nil {
		err = j.loadRewritten(ctx)
	}
	if err == nil && name != "" {
		err = j.settleDoubt(ctx, name, seq)
	}
	if err == nil {
		err = j.finishErasing(ctx)
	}
	if err == nil {
		err = j.restoreReplays(ctx)
	}
	return err
}

// doubtful is the message that was being overwritten when the process was killed; "" and 0 if there is none.
func (j *Journal) doubtful(ctx context.Context) (stream string, seq uint64, err error) {
	entry, err := j.erasures.Get(ctx, doubtKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("read what was being overwritten: %w: %w", ErrUnavailable, err)
	}
	stream, number, _ := strings.Cut(string(entry.Value()), " ")
	if seq, err = strconv.ParseUint(number, 10, 64); err != nil {
		return "", 0, fmt.Errorf("what was being overwritten: %w: %w", ErrCorrupt, err)
	}
	return stream, seq, nil
}

// settleDoubt sees to it that nothing is left of the message that was being overwritten when the process was killed.
func (j *Journal) settleDoubt(ctx context.Context, name string, seq uint64) error {
	j.opts.Logger.Info("an erasure was interrupted while it overwrote something, finishing that", "stream", name, "sequence", seq)
	var err error
	switch name {
	case streamEvents:
		err = j.moveAway(ctx, j.events, seq, j.moveToRewritten)
	case streamRewritten:
		err = j.evacuate(ctx, j.rewritten, subjectRewritten+filler, seq)
	case streamDead:
		err = j.evacuate(ctx, j.dead, subjectDead+filler, seq)
	case streamErasing:
		err = j.evacuate(ctx, j.names, subjectErasing+filler, seq)
	default: // what is parked has its place: its file goes when all of it is delivered
		j.opts.Logger.Warn("something of a user may be left until what else is in the same file has been delivered", "stream", name)
	}
	if err != nil {
		return fmt.Errorf("finish overwriting message %d of %s: %w", seq, name, err)
	}
	if err := j.erasures.Delete(ctx, doubtKey); err != nil {
		return writeError("finish overwriting", err)
	}
	return nil
}

// moveAway hands the messages to move, in order, that may be in one file with another, and that other too, if it is still
// there; and deletes them.
func (j *Journal) moveAway(ctx context.Context, stream jetstream.Stream, seq uint64, move func(context.Context, *jetstream.RawStreamMsg) error) error {
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	from := seq
	for bytes := 0; from > max(info.State.FirstSeq, 1) && bytes < fileBytes; from-- {
		msg, err := messageAt(ctx, stream, from-1)
		if err != nil {
			return err
		}
		if msg != nil {
			bytes += len(msg.Data)
		}
	}
	for bytes := 0; from <= info.State.LastSeq && bytes < fileBytes; from++ {
		msg, err := messageAt(ctx, stream, from)
		if err != nil {
			return err
		}
		if msg == nil {
			continue
		}
		if err := move(ctx, msg); err != nil {
			return err
		}
		if err := stream.DeleteMsg(ctx, from); err != nil {
			if again, _ := messageAt(ctx, stream, from); again != nil {
				return fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
		}
		if from >= seq {
			bytes += len(msg.Data)
		}
	}
	return nil
}

// messageAt reads a message; nil if there is none.
func messageAt(ctx context.Context, stream jetstream.Stream, seq uint64) (*jetstream.RawStreamMsg, error) {
	msg, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return msg, nil
}

// moveToRewritten puts a pack of EVENTS as it is beside those that were rewritten.
func (j *Journal) moveToRewritten(ctx context.Context, msg *jetstream.RawStreamMsg) error {
	if j.rewrites.has(msg.Sequence) {
		return nil
	}
	p := ofEvents(msg)
	_, err := j.js.PublishMsg(ctx, &nats.Msg{Subject: rewrittenSubject(p.seq), Header: p.header(), Data: p.data})
	if err != nil {
		return writeError("move pack "+strconv.FormatUint(p.seq, 10), err)
	}
	j.rewrites.add(p.seq, p.subject)
	return nil
}

// filler is the end of the subject of messages that only take room.
const filler = "-.filler"

// evacuate stores the messages anew that may be in one file with another. They come into a file of their own: two fillers
// see to that.
func (j *Journal) evacuate(ctx context.Context, stream jetstream.Stream, fillers string, seq uint64) error {
	for range 2 {
		if _, err := j.js.Publish(ctx, fillers, make([]byte, fillerBytes)); err != nil {
			return writeError("begin a new file", err)
		}
	}
	err := j.moveAway(ctx, stream, seq, func(ctx context.Context, msg *jetstream.RawStreamMsg) error {
		if msg.Subject == fillers || msg.Sequence == seq {
			return nil
		}
		header := nats.Header{}
		for name, values := range msg.Header {
			if !strings.HasPrefix(name, "Nats-") { // those were for the server, when it was stored first
				header[name] = values
			}
		}
		if _, err := j.js.PublishMsg(ctx, &nats.Msg{Subject: msg.Subject, Header: header, Data: msg.Data}); err != nil {
			return writeError("move a message", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return j.purgeFillers(ctx)
}

// purgeFillers deletes the fillers that there are.
func (j *Journal) purgeFillers(ctx context.Context) error {
	for subject, stream := range map[string]jetstream.Stream{
		subjectRewritten + filler: j.rewritten, subjectDead + filler: j.dead, subjectErasing + filler: j.names,
	} {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("delete fillers: %w: %w", ErrUnavailable, err)
		}
	}
	return nil
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Erasing events leaves their places: positions, order and counts stay, and the other events of the pack too. JetStream
// cannot replace a message. So the pack without the events goes to REWRITTEN, and the old one is overwritten on the disk and
// deleted. A kill in between leaves both, and the rewritten one wins; the next start deletes the other.

// Erase blanks those events of a pack that which names, and says how many they were. Of an event that is blanked the log keeps
// its place, its source and when it was accepted. It is on disk when Erase returns. Errors: ErrUnavailable, ErrFull,
// ErrCorrupt.
func (j *Journal) Erase(ctx context.Context, seq uint64, which func(*Entry) bool) (int, error) {
	j.erasing.Lock()
	defer j.erasing.Unlock()
	for {
		n, err := j.rewrite(ctx, seq, which)
		if !overtaken(err) { // by another process that erases something else
			return n, err
		}
	}
}

func (j *Journal) rewrite(ctx context.Context, seq uint64, which func(*Entry) bool) (int, error) {
	p, err := j.readLogged(ctx, seq)
	if err != nil || p == nil {
		return 0, err
	}
	unfolded, err := decodePack(p.data)
	if err != nil {
		return 0, fmt.Errorf("event pack %d: %w", seq, err)
	}
	n := 0
	for i := range unfolded.entries {
		e := &unfolded.entries[i]
		e.Position = At(seq, i)
		if !e.Erased() && which(e) {
			*e = Entry{Source: e.Source, ReceivedAt: e.ReceivedAt, ReplayOf: e.ReplayOf}
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	var packs packWriter
	_, err = j.js.PublishMsg(ctx, &nats.Msg{
		Subject: rewrittenSubject(seq), Header: p.header(), Data: packs.encode(unfolded.ordinal, unfolded.entries),
	}, jetstream.WithExpectLastSequencePerSubject(p.version))
	if err != nil {
		return 0, writeError("rewrite pack "+strconv.FormatUint(seq, 10), err)
	}
	j.rewrites.add(seq, p.subject)
	if err := j.overwrite(ctx, j.events, seq); err != nil {
		return 0, err
	}
	if p.version != 0 {
		if err := j.overwrite(ctx, j.rewritten, p.version); err != nil {
			return 0, err
		}
	}
	for _, c := range j.openCursors() {
		c.lookAgain(seq)
	}
	return n, nil
}

// overwriteAgain is how many of the packs that were rewritten last a start looks at. A crash leaves one that is still in
// EVENTS.
const overwriteAgain = 16

// finishErasing deletes what a crash has left of packs that were rewritten.
func (j *Journal) finishErasing(ctx context.Context) error {
	info, err := j.rewritten.Info(ctx)
	if err != nil {
		return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	for version := info.State.LastSeq; version > 0 && version+overwriteAgain > info.State.LastSeq; version-- {
		msg, err := j.rewritten.GetMsg(ctx, version)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
		}
		seq, err := strconv.ParseUint(msg.Subject[len(subjectRewritten):], 10, 64)
		if err != nil {
			return fmt.Errorf("rewritten pack %s: %w", msg.Subject, ErrCorrupt)
		}
		if _, err := j.events.GetMsg(ctx, seq); err == nil {
			if err := j.overwrite(ctx, j.events, seq); err != nil {
				return err
			}
		}
		if first, err := j.rewritten.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(msg.Subject)); err == nil && first.Sequence < version {
			if err := j.overwrite(ctx, j.rewritten, first.Sequence); err != nil {
				return err
			}
		}
	}
	return nil
}

// purgeRewritten deletes what was rewritten of packs up to a sequence.
func (j *Journal) purgeRewritten(ctx context.Context, seq uint64) error {
	for _, old := range j.rewrites.upTo(seq) {
		if err := j.rewritten.Purge(ctx, jetstream.WithPurgeSubject(rewrittenSubject(old))); err != nil {
			return fmt.Errorf("tidy: delete rewritten pack %d: %w: %w", old, ErrUnavailable, err)
		}
		j.rewrites.drop(old)
	}
	return nil
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// tally is what is known of a subject of EVENTS. COUNTS holds it as two numbers, in case its last pack is deleted, or lost.
type tally struct {
	events uint64 // that it has ever held
	seq    uint64 // of its last pack; 0 if that is not known
}

func (t tally) String() string { return fmt.Sprintf("%d %d", t.events, t.seq) }

// parseCount reads a tally. Older ones are only the first number.
func parseCount(text string) (t tally, err error) {
	events, seq, two := strings.Cut(text, " ")
	if t.events, err = strconv.ParseUint(events, 10, 64); err == nil && two {
		t.seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return t, nil
}

// setStored notes what a writer of this process has stored.
func (j *Journal) setStored(subject string, t tally) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored[subject] = t
	j.counted[subject] = true
}

// countsEvery is how often counts are saved that have changed: what is lost of the end of EVENTS is noticed but for so much.
const countsEvery = time.Second

// keepCounts saves the counts while they change.
func (j *Journal) keepCounts() {
	tick := time.NewTicker(countsEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
		}
		if err := j.saveCounts(); err != nil && !closedConn(err) {
			j.opts.Logger.Warn("counts not saved", "error", err)
		}
	}
}

// saveCounts saves what has changed.
func (j *Journal) saveCounts() error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	j.mu.Lock()
	changed := make(map[string]tally, len(j.counted))
	for subject := range j.counted {
		changed[subject] = j.stored[subject]
	}
	clear(j.counted)
	j.mu.Unlock()
	for subject, t := range changed {
		if err := j.writeCount(ctx, subject, t); err != nil {
			j.mu.Lock()
			j.counted[subject] = true
			j.mu.Unlock()
			return err
		}
	}
	return nil
}

// writeCount notes a tally, unless what is noted says as much or more already.
func (j *Journal) writeCount(ctx context.Context, subject string, t tally) error {
	entry, err := j.counts.Get(ctx, subject)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		_, err = j.counts.Create(ctx, subject, []byte(t.String()))
		return err
	}
	if err != nil {
		return err
	}
	if noted, err := parseCount(string(entry.Value())); err == nil && (noted == t || noted.events > t.events) && j.shared() || string(entry.Value()) == t.String() {
		return nil
	}
	_, err = j.counts.Update(ctx, subject, []byte(t.String()), entry.Revision())
	return err
}

// mostFillers bounds what is written to keep numbers of lost packs from being used again.
const mostFillers = 100_000

// subjectFiller is that of packs that are of no source.
const subjectFiller = subjectEvents + "~.filler"

// mark notes in EVENTS that events are lost: the next pack of each subject comes behind all that it is known to have held, and
// no new event gets a position up to a sequence, which may be known as that of a lost one. A journal that has no room for that
// opens nevertheless: then the next event shows what is lost.
func (j *Journal) mark(ctx context.Context, lost map[string]uint64, upTo uint64) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := j.fill(ctx, upTo)
	for subject, events := range lost {
		source, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(subject, subjectEvents), subjectReplay), ".")
		t := tally{events: events}
		if err == nil {
			var ack *jetstream.PubAck
			if ack, err = j.js.Publish(ctx, subject, encodeMark(events, source)); err == nil {
				t.seq = ack.Sequence
			}
		}
		j.setStored(subject, t)
	}
	if err != nil {
		j.opts.Logger.Warn("what is lost could not be noted in the journal", "error", err)
	}
}

// fill writes packs without events until EVENTS has a sequence.
func (j *Journal) fill(ctx context.Context, upTo uint64) error {
	info, err := j.events.Info(ctx)
	if err != nil {
		return err
	}
	last := info.State.LastSeq
	if last >= upTo || upTo-last > mostFillers {
		return nil
	}
	data := encodeMark(0, "")
	for ; last < upTo; last++ {
		if _, err := j.js.PublishAsync(subjectFiller, data); err != nil {
			return err
		}
	}
	select {
	case <-j.js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lostTail finds out which subjects have lost their last packs, by what was noted of them, and marks them.
func (j *Journal) lostTail(ctx context.Context, noted map[string]tally) error {
	first, _, err := j.extent(ctx)
	if err != nil {
		return err
	}
	lost, upTo := map[string]uint64{}, uint64(0)
	for subject, t := range noted {
		last, err := j.lastPack(ctx, subject)
		if err != nil {
			return err
		}
		if t.seq < first || last.count >= t.events {
			continue // the janitor has deleted it, or it is there
		}
		lost[subject], upTo = t.events, max(upTo, t.seq)
		j.opts.Logger.Error("the end of the journal is gone: the disk has lost it, or an old copy was put in place; events are missing",
			"subject", subject, "events", t.events-last.count, "after", At(last.seq, 0), "up_to", At(t.seq, 0))
	}
	if len(lost) > 0 {
		j.mark(ctx, lost, upTo)
	}
	return nil
}

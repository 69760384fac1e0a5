package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// loadCounts reads how many events each subject has ever held: from the last pack of the subject, or, when the
// janitor has deleted that, from what it wrote down before.
func (j *Journal) loadCounts(ctx context.Context) error {
	noted := map[string]tally{}
	err := j.eachKey(ctx, j.counts, func(subject string, value []byte) error {
		if strings.HasPrefix(subject, begunKey) {
			return nil
		}
		t, err := parseCount(string(value))
		if err != nil {
			return fmt.Errorf("count of %s: %w", subject, err)
		}
		noted[subject] = t
		j.raiseStored(subject, t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	if err := j.readCounts(ctx, ""); err != nil || j.shared() {
		return err
	}
	return j.lostTail(ctx, noted)
}

// readCounts reads how many events the subjects with a prefix hold, as far as the log still says it.
func (j *Journal) readCounts(ctx context.Context, prefix string) error {
	info, err := j.events.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return fmt.Errorf("read subjects: %w: %w", ErrUnavailable, err)
	}
	subjects := slices.Collect(maps.Keys(info.State.Subjects))
	for _, subject := range j.rewrites.allSubjects() {
		if strings.HasPrefix(subject, prefix) {
			subjects = append(subjects, subject)
		}
	}
	for _, subject := range subjects {
		last, err := j.lastPack(ctx, subject)
		if err != nil {
			return err
		}
		j.raiseStored(subject, tally{last.count, last.seq})
	}
	return nil
}

// refreshCounts sees to it that the counts of subjects with a prefix include all that is stored now. On one machine they
// always do; on a cluster others write, and what is known of that is some milliseconds old.
func (j *Journal) refreshCounts(ctx context.Context, prefix string) error {
	if !j.shared() {
		return nil
	}
	return j.readCounts(ctx, prefix)
}

// raiseStored notes that a subject holds at least so much.
func (j *Journal) raiseStored(subject string, t tally) {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := j.stored[subject]
	j.stored[subject] = tally{max(t.events, known.events), max(t.seq, known.seq)}
}

// storedBefore is how many events a subject has held none of which is stored any more.
func (j *Journal) storedBefore(ctx context.Context, subject string) (uint64, error) {
	if j.shared() {
		entry, err := j.counts.Get(ctx, subject)
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return 0, fmt.Errorf("read count of %s: %w: %w", subject, ErrUnavailable, err)
		}
		if err == nil {
			t, err := parseCount(string(entry.Value()))
			if err != nil {
				return 0, fmt.Errorf("count of %s: %w", subject, err)
			}
			j.raiseStored(subject, t)
		}
	}
	return j.storedOf(subject), nil
}

// lastPack is the last pack of a subject; zero if there is none.
type lastPack struct {
	seq   uint64 // of the last pack that EVENTS itself holds
	life  string // of the process that wrote that, on a cluster
	count uint64 // events that the subject holds up to and including the last pack
	data  []byte
}

func (j *Journal) lastPack(ctx context.Context, subject string) (lastPack, error) {
	p, inEvents, err := j.lastLogged(ctx, subject)
	if err != nil || p == nil {
		return lastPack{}, err
	}
	n, err := packCount(p.data)
	if err != nil {
		return lastPack{}, fmt.Errorf("last pack of %s at %d: %w", subject, p.seq, err)
	}
	last := lastPack{count: n, data: p.data}
	if inEvents != nil {
		last.seq, last.life = inEvents.seq, inEvents.life
	}
	return last, nil
}

// countStored adds up how many events the writers of a source, or the replays for a destination, have stored.
// The prefix is the subject without the writer: "events.web." or "replay.production.".
func (j *Journal) countStored(prefix string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var n uint64
	for subject, stored := range j.stored {
		if strings.HasPrefix(subject, prefix) {
			n += stored.events
		}
	}
	return n
}

// countUpTo is how many events the subjects with a prefix held up to and including a sequence.
func (j *Journal) countUpTo(ctx context.Context, prefix string, seq uint64) (uint64, error) {
	if err := j.refreshCounts(ctx, prefix); err != nil {
		return 0, err
	}
	var n uint64
	for _, subject := range j.subjectsOf(prefix) {
		count, err := j.countOfUpTo(ctx, subject, seq)
		if err != nil {
			return 0, err
		}
		n += count
	}
	return n, nil
}

// countOfUpTo is how many events a subject held up to and including a sequence.
func (j *Journal) countOfUpTo(ctx context.Context, subject string, seq uint64) (uint64, error) {
	stored := j.storedOf(subject) // first: if there is nothing after seq, nothing was stored there then
	next, err := j.nextLogged(ctx, seq+1, subject)
	switch {
	case err != nil:
		return 0, err
	case next == nil:
		return stored, nil
	case len(next.data) < packHeader:
		return 0, fmt.Errorf("pack %d: %w", next.seq, ErrCorrupt)
	}
	return binary.LittleEndian.Uint64(next.data[2:]), nil
}

// subjectsOf are the subjects that begin so.
func (j *Journal) subjectsOf(prefix string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var subjects []string
	for subject := range j.stored {
		if strings.HasPrefix(subject, prefix) {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}

// storedOf is how many events a subject has ever held.
func (j *Journal) storedOf(subject string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stored[subject].events
}

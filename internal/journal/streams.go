package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Names of streams and buckets, and the first words of subjects.
const (
	streamEvents     = "EVENTS"
	streamOutcomes   = "OUTCOMES"
	streamDead       = "DEAD"
	streamParked     = "PARKED"
	streamErasing    = "ERASING"
	streamRewritten  = "REWRITTEN"
	bucketCursors    = "CURSORS"
	bucketCounts     = "COUNTS"
	bucketPaused     = "PAUSED"
	bucketMemories   = "MEMORIES"
	bucketErasures   = "ERASURES"
	bucketSuppressed = "SUPPRESSED"
	bucketReplays    = "REPLAYS"
	bucketSeries     = "SERIES"

	subjectEvents    = "events."
	subjectReplay    = "replay."
	subjectOutcomes  = "outcomes."
	subjectDead      = "dead."
	subjectParked    = "parked."
	subjectErasing   = "erasing."
	subjectRewritten = "rewritten."
)

// sizes says how the room on disk is divided.
type sizes struct{ events, outcomes, dead, parked, small int64 }

// splitRoom gives the events what they are allowed and the rest in proportion: an outcome is a hundredth of
// an event, a dead letter two or three events, and few events are parked.
func splitRoom(events int64) sizes {
	return sizes{
		events:   events,
		outcomes: max(events/16, 64<<20),
		dead:     max(events/8, 64<<20),
		parked:   max(events/8, 64<<20),
		small:    64 << 20,
	}
}

func (j *Journal) openStreams(ctx context.Context, s sizes) error {
	streams := []struct {
		into   *jetstream.Stream
		config jetstream.StreamConfig
	}{
		{&j.events, jetstream.StreamConfig{
			Name: streamEvents, Subjects: []string{subjectEvents + ">", subjectReplay + ">"},
			MaxBytes: s.events, Discard: jetstream.DiscardNew,
		}},
		// Outcomes older than the events they belong to say nothing to anyone.
		{&j.outcomes, jetstream.StreamConfig{
			Name: streamOutcomes, Subjects: []string{subjectOutcomes + ">"},
			MaxBytes: s.outcomes, Discard: jetstream.DiscardOld, MaxAge: max(2*j.opts.Retention, 24*time.Hour),
		}},
		{&j.dead, jetstream.StreamConfig{
			Name: streamDead, Subjects: []string{subjectDead + ">"},
			MaxBytes: s.dead, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1,
		}},
		{&j.parked, jetstream.StreamConfig{
			Name: streamParked, Subjects: []string{subjectParked + ">"},
			MaxBytes: s.parked, Discard: jetstream.DiscardNew,
		}},
		{&j.rewritten, jetstream.StreamConfig{ // what is here was in EVENTS before
			Name: streamRewritten, Subjects: []string{subjectRewritten + ">"},
			MaxBytes: s.events, Discard: jetstream.DiscardNew,
		}},
		{&j.names, jetstream.StreamConfig{
			Name: streamErasing, Subjects: []string{subjectErasing + ">"},
			MaxBytes: s.small, Discard: jetstream.DiscardNew,
		}},
	}
	for _, st := range streams {
		st.config.Storage = jetstream.FileStorage
		st.config.Replicas = j.opts.Cluster.Replicas
		st.config.AllowDirect = j.cluster == nil // a replica may not have yet what was acknowledged
		st.config.Duplicates = time.Second       // ids are remembered here, not by the server
		stream, err := j.js.CreateOrUpdateStream(ctx, st.config)
		if err != nil {
			return fmt.Errorf("open stream %s: %w", st.config.Name, err)
		}
		*st.into = stream
	}
	for _, b := range []struct {
		name string
		into *jetstream.KeyValue
		room int64
	}{
		{bucketCursors, &j.cursors, s.small}, {bucketCounts, &j.counts, s.small}, {bucketPaused, &j.paused, pausedRoom},
		{bucketMemories, &j.memories, s.small},
		{bucketReplays, &j.replays, s.small}, {bucketSeries, &j.series, s.small},
		{bucketErasures, &j.erasures, s.small}, {bucketSuppressed, &j.suppressed, s.small},
	} {
		kv, err := j.openBucket(ctx, b.name, b.room)
		if err != nil {
			return fmt.Errorf("open bucket %s: %w", b.name, err)
		}
		*b.into = kv
	}
	return nil
}

// openBucket makes a bucket as the client does, except that on a cluster only the leader of its stream is read: a replica
// may not have yet what was acknowledged.
func (j *Journal) openBucket(ctx context.Context, name string, room int64) (jetstream.KeyValue, error) {
	_, err := j.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"}, MaxMsgsPerSubject: 1, MaxBytes: room,
		MaxMsgs: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Storage: jetstream.FileStorage, Replicas: j.opts.Cluster.Replicas, AllowRollup: true, DenyDelete: true,
		Duplicates: 2 * time.Minute, Discard: jetstream.DiscardNew, AllowDirect: j.cluster == nil,
	})
	if err != nil {
		return nil, err
	}
	return j.js.KeyValue(ctx, name)
}

// loadCounts reads how many events each subject has ever held: from the last pack of the subject, or, when the
// janitor has deleted that, from what it wrote down before.
func (j *Journal) loadCounts(ctx context.Context) error {
	noted := map[string]tally{}
	keys, err := j.counts.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	for key := range keys.Keys() {
		if strings.HasPrefix(key, begunKey) {
			continue
		}
		entry, err := j.counts.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("read count of %s: %w", key, err)
		}
		t, err := parseCount(string(entry.Value()))
		if err != nil {
			return fmt.Errorf("count of %s: %w", key, err)
		}
		j.stored[key], noted[key] = t, t
	}
	info, err := j.events.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return fmt.Errorf("read subjects: %w", err)
	}
	subjects := maps.Clone(info.State.Subjects)
	for _, subject := range j.rewrites.allSubjects() {
		if subjects == nil {
			subjects = map[string]uint64{}
		}
		subjects[subject]++
	}
	for subject := range subjects {
		last, err := j.lastPack(ctx, subject)
		if err != nil {
			return err
		}
		j.stored[subject] = tally{max(last.count, j.stored[subject].events), max(last.seq, j.stored[subject].seq)}
	}
	if j.shared() {
		return nil
	}
	return j.lostTail(ctx, noted)
}

// lastPack is the last pack of a subject; zero if there is none.
type lastPack struct {
	seq   uint64 // of the last pack that EVENTS itself holds
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
	return lastPack{seq: inEvents, count: n, data: p.data}, nil
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

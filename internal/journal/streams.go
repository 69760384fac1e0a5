package journal

import (
	"context"
	"fmt"
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
		j.complete(&st.config)
		st.config.Duplicates = time.Second // ids are remembered here, not by the server
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

// openBucket makes a bucket as the client does, but for who is asked on a cluster.
func (j *Journal) openBucket(ctx context.Context, name string, room int64) (jetstream.KeyValue, error) {
	config := bucketConfig(name, room)
	j.complete(&config)
	if _, err := j.js.CreateOrUpdateStream(ctx, config); err != nil {
		return nil, err
	}
	return j.js.KeyValue(ctx, name)
}

// complete adds to a stream's configuration what all have in common. On a cluster only the leader is asked: a replica may
// not have yet what was acknowledged.
func (j *Journal) complete(config *jetstream.StreamConfig) {
	config.Storage = jetstream.FileStorage
	config.Replicas = j.opts.Cluster.Replicas
	config.AllowDirect = j.cluster == nil
}

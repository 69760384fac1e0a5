package journal

import (
	"context"
	"fmt"
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

// kept is a stream or a bucket, and where it is opened to.
type kept struct {
	config jetstream.StreamConfig
	stream *jetstream.Stream
	bucket *jetstream.KeyValue
}

// all is everything that the journal consists of. Of a bucket only the name and the room are said.
func (j *Journal) all() []kept {
	s := splitRoom(j.opts.MaxBytes)
	all := []kept{
		{stream: &j.events, config: jetstream.StreamConfig{
			Name: streamEvents, Subjects: []string{subjectEvents + ">", subjectReplay + ">"},
			MaxBytes: s.events, Discard: jetstream.DiscardNew,
		}},
		// Outcomes older than the events they belong to say nothing to anyone.
		{stream: &j.outcomes, config: jetstream.StreamConfig{
			Name: streamOutcomes, Subjects: []string{subjectOutcomes + ">"},
			MaxBytes: s.outcomes, Discard: jetstream.DiscardOld, MaxAge: max(2*j.opts.Retention, 24*time.Hour),
		}},
		{stream: &j.dead, config: jetstream.StreamConfig{
			Name: streamDead, Subjects: []string{subjectDead + ">"},
			MaxBytes: s.dead, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1,
		}},
		{stream: &j.parked, config: jetstream.StreamConfig{
			Name: streamParked, Subjects: []string{subjectParked + ">"},
			MaxBytes: s.parked, Discard: jetstream.DiscardNew,
		}},
		{stream: &j.rewritten, config: jetstream.StreamConfig{ // what is here was in EVENTS before
			Name: streamRewritten, Subjects: []string{subjectRewritten + ">"},
			MaxBytes: s.events, Discard: jetstream.DiscardNew,
		}},
		{stream: &j.names, config: jetstream.StreamConfig{
			Name: streamErasing, Subjects: []string{subjectErasing + ">"},
			MaxBytes: s.small, Discard: jetstream.DiscardNew,
		}},
	}
	for i := range all {
		all[i].config.Duplicates = time.Second // ids are remembered here, not by the server
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
		all = append(all, kept{bucket: b.into, config: bucketConfig(b.name, b.room)})
	}
	for i := range all {
		j.complete(&all[i].config)
	}
	return all
}

// configs are those of all streams, also of that which the processes on a cluster agree by.
func (j *Journal) configs() []jetstream.StreamConfig {
	var configs []jetstream.StreamConfig
	for _, k := range j.all() {
		configs = append(configs, k.config)
	}
	if j.cluster != nil {
		leases := bucketConfig(bucketLeases, splitRoom(j.opts.MaxBytes).small)
		j.complete(&leases)
		configs = append(configs, leases)
	}
	return configs
}

// openStreams opens all that the journal consists of, and makes what is not there.
func (j *Journal) openStreams(ctx context.Context) error {
	for _, k := range j.all() {
		stream, err := j.ensure(ctx, k.config)
		if err != nil {
			return fmt.Errorf("open stream %s: %w", k.config.Name, err)
		}
		if k.stream != nil {
			*k.stream = stream
			continue
		}
		if *k.bucket, err = j.js.KeyValue(ctx, strings.TrimPrefix(k.config.Name, bucketStream)); err != nil {
			return fmt.Errorf("open bucket %s: %w", k.config.Name, err)
		}
	}
	return nil
}

// openBucket makes a bucket as the client does, but for who is asked on a cluster.
func (j *Journal) openBucket(ctx context.Context, name string, room int64) (jetstream.KeyValue, error) {
	config := bucketConfig(name, room)
	j.complete(&config)
	if _, err := j.ensure(ctx, config); err != nil {
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

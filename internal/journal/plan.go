package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Streams of a cluster are made where there are none, by whoever comes first. Those that are there belong to everybody, so
// a process that is configured differently uses them as they are; they are changed by Apply alone.

// ErrUnfit says that a stream on the cluster cannot be used as it is.
var ErrUnfit = errors.New("stream cannot be used as it is")

// Change is what would be done to a stream of a cluster.
type Change struct {
	Stream  string   `json:"stream"`
	Create  bool     `json:"create"`            // it is not there
	What    []string `json:"what,omitempty"`    // in words, what would be changed of one that is
	Shrinks bool     `json:"shrinks,omitempty"` // some of that takes room or replicas away from what is stored
}

// Plan is what Apply would do on a cluster.
type Plan struct {
	Servers string   `json:"servers"` // the version of the one that answered
	Streams int      `json:"streams"` // how many there are to be
	Bytes   int64    `json:"bytes"`   // what they may take together, on each of the servers that keep them
	Changes []Change `json:"changes"` // of those that are not as they are to be
}

// MakePlan compares the streams of a cluster with what the options ask for. It changes nothing. Errors: ErrUnavailable, ErrUnfit,
// also for a cluster that cannot keep a journal at all.
func MakePlan(ctx context.Context, opts Options) (Plan, error) {
	return planned(ctx, opts, func(*Journal, Plan) error { return nil })
}

// Apply makes and changes the streams of a cluster, as MakePlan says. What makes a stream smaller is refused with ErrUnfit
// unless shrink is true: JetStream may delete what has no room then.
func Apply(ctx context.Context, opts Options, shrink bool) (Plan, error) {
	return planned(ctx, opts, func(j *Journal, p Plan) error {
		for _, c := range p.Changes {
			if c.Shrinks && !shrink {
				return fmt.Errorf("%s: %w: %s would take away from it; nothing was changed", c.Stream, ErrUnfit, strings.Join(c.What, ", "))
			}
		}
		for _, config := range j.configs() {
			if _, err := j.js.CreateOrUpdateStream(ctx, config); err != nil {
				return fmt.Errorf("%s: %w: %w", config.Name, ErrUnavailable, err)
			}
		}
		return nil
	})
}

// planned makes a plan and hands it to do.
func planned(ctx context.Context, opts Options, do func(*Journal, Plan) error) (p Plan, err error) {
	o, err := opts.withDefaults()
	if err != nil {
		return p, err
	}
	if o.Cluster.URL == "" {
		return p, errors.New("plans are for clusters: name one with journal.url")
	}
	j := newJournal(o)
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := j.connect(ctx); err != nil {
		return p, err
	}
	if err := j.checkServers(ctx); err != nil {
		return p, err
	}
	p.Servers, p.Changes = j.cluster.conn.ConnectedServerVersion(), []Change{}
	for _, config := range j.configs() {
		p.Streams++
		p.Bytes += config.MaxBytes
		stream, err := j.js.Stream(ctx, config.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			p.Changes = append(p.Changes, Change{Stream: config.Name, Create: true})
		case err != nil:
			return p, fmt.Errorf("%s: %w: %w", config.Name, ErrUnavailable, err)
		default:
			if c := compare(stream.CachedInfo().Config, config); len(c.What) > 0 {
				p.Changes = append(p.Changes, c)
			}
		}
	}
	return p, do(j, p)
}

// compare says what would be changed of a stream.
func compare(have, want jetstream.StreamConfig) Change {
	c := Change{Stream: want.Name}
	note := func(shrinks bool, format string, args ...any) {
		c.What = append(c.What, fmt.Sprintf(format, args...))
		c.Shrinks = c.Shrinks || shrinks
	}
	if have.MaxBytes != want.MaxBytes {
		unbounded := have.MaxBytes <= 0
		note(unbounded || want.MaxBytes < have.MaxBytes, "max_bytes from %s to %s", mebibytes(have.MaxBytes), mebibytes(want.MaxBytes))
	}
	if have.Replicas != want.Replicas {
		note(want.Replicas < have.Replicas, "replicas from %d to %d", have.Replicas, want.Replicas)
	}
	if have.MaxAge != want.MaxAge {
		note(false, "max_age from %v to %v", have.MaxAge, want.MaxAge)
	}
	if have.Duplicates != want.Duplicates {
		note(false, "duplicate_window from %v to %v", have.Duplicates, want.Duplicates)
	}
	if problem := unfit(have, want); problem != "" {
		note(false, "%s", problem)
	}
	return c
}

// unfit says why a stream cannot be used as it is; "" if it can.
func unfit(have, want jetstream.StreamConfig) string {
	switch {
	case have.AllowDirect != want.AllowDirect:
		return fmt.Sprintf("allow_direct is to be %t: replicas answer otherwise that have not got everything yet", want.AllowDirect)
	case have.Discard != want.Discard:
		return fmt.Sprintf("discard is to be %s", want.Discard)
	case !slices.Equal(slices.Sorted(slices.Values(have.Subjects)), slices.Sorted(slices.Values(want.Subjects))):
		return fmt.Sprintf("subjects are to be %s", strings.Join(want.Subjects, ", "))
	case max(have.MaxMsgsPerSubject, 0) != max(want.MaxMsgsPerSubject, 0):
		return fmt.Sprintf("max_msgs_per_subject is to be %d", want.MaxMsgsPerSubject)
	}
	return ""
}

func mebibytes(n int64) string {
	if n <= 0 {
		return "no limit"
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// ensure opens a stream, and makes it if it is not there. On a cluster one that is there is not changed, but for how long
// outcomes are kept.
func (j *Journal) ensure(ctx context.Context, config jetstream.StreamConfig) (jetstream.Stream, error) {
	if j.cluster == nil || j.adapts {
		return j.js.CreateOrUpdateStream(ctx, config)
	}
	stream, err := j.js.Stream(ctx, config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = j.js.CreateStream(ctx, config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was quicker
			stream, err = j.js.Stream(ctx, config.Name)
		}
	}
	if err != nil {
		return nil, explainStream(err, config)
	}
	have := stream.CachedInfo().Config
	if problem := unfit(have, config); problem != "" {
		return nil, fmt.Errorf("%w: %s; run tanker journal apply", ErrUnfit, problem)
	}
	if have.MaxAge != config.MaxAge {
		have.MaxAge = config.MaxAge
		return j.js.UpdateStream(ctx, have)
	}
	if c := compare(have, config); len(c.What) > 0 {
		j.opts.Logger.Warn("a stream is not as it is configured, and is used as it is: tanker journal apply changes it",
			"stream", config.Name, "to_change", strings.Join(c.What, ", "))
	}
	return stream, nil
}

// explainStream adds to the server's refusal to make a stream what to do about it.
func explainStream(err error, config jetstream.StreamConfig) error {
	const noPeers, noStorage, noResources = 10005, 10047, 10023
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch api.ErrorCode {
	case noPeers, noStorage, noResources:
		return fmt.Errorf("%w: %w: it needs %s on each of %d servers: give JetStream more room (max_file), or lower journal.max_bytes or journal.replicas",
			ErrUnfit, err, mebibytes(config.MaxBytes), config.Replicas)
	}
	return err
}

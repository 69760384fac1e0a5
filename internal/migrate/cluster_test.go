package migrate_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tanker/internal/journal"
	"tanker/internal/lease"
	"tanker/internal/migrate"
	"tanker/internal/natstest"
)

// onCluster is how a test opens a journal on a cluster.
func onCluster(c *natstest.Cluster) journal.Options {
	return journal.Options{Cluster: journal.Cluster{URL: c.URL()}, MaxBytes: 512 << 20, Writer: "one"}
}

func TestToAClusterAndBack(t *testing.T) {
	c := natstest.Start(t, natstest.Options{})
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 3000)
	there, err := copyPlace(t.Context(), directory(from), onCluster(c))
	must(t, err)
	back, err := copyPlace(t.Context(), onCluster(c), directory(to))
	must(t, err)
	if there != back {
		t.Errorf("there %+v, back %+v", there, back)
	}
	want := portray(t, directory(from))
	for name, opts := range map[string]journal.Options{"cluster": onCluster(c), "directory": directory(to)} {
		if diff := cmp.Diff(want, portray(t, opts)); diff != "" {
			t.Errorf("%s (-source +copy):\n%s", name, diff)
		}
	}
}

// The process is killed while the cluster restores a stream: it goes on at once, over another way.
func TestKilledCopyToAClusterGoesOn(t *testing.T) {
	c := natstest.Start(t, natstest.Options{})
	from := temp(t, "from")
	lived(t, from, 500)
	source, err := journal.OpenStore(t.Context(), directory(from))
	must(t, err)
	defer func() { must(t, source.Close()) }()
	for n, stream := range []string{"DEAD", "EVENTS", "KV_CURSORS"} {
		link, err := natstest.NewLink(c.Servers[n].Address())
		must(t, err)
		defer link.Close()
		opts := onCluster(c)
		opts.Cluster.URL = "nats://" + link.Address()
		ctx, cancel := context.WithCancel(t.Context())
		_, err = copyFrom(ctx, &killed{Source: source, stream: stream, kill: func() { link.Cut(); cancel() }}, "a source", opts)
		cancel()
		if err == nil {
			t.Fatal("nothing was cut")
		}
	}
	totals, err := copyFrom(t.Context(), source, "a source", onCluster(c))
	must(t, err)
	if totals.Kept == 0 {
		t.Error("everything was copied anew")
	}
	must(t, source.Close())
	if diff := cmp.Diff(fingerprint(t, directory(from)), fingerprint(t, onCluster(c))); diff != "" {
		t.Errorf("(-source +copy):\n%s", diff)
	}
}

// killed is a source that calls kill in the middle of a stream.
type killed struct {
	migrate.Source
	stream string
	kill   func()
}

func (k *killed) Read(ctx context.Context, stream string, do func(*journal.StoredMessage) error) error {
	return k.Source.Read(ctx, stream, func(m *journal.StoredMessage) error {
		err := do(m)
		if stream == k.stream {
			k.kill()
			return ctx.Err()
		}
		return err
	})
}

// A process that gives signs of life is noticed, and one that has died is not waited for longer than that takes.
func TestClusterInUse(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Servers: 1})
	opts := onCluster(c)
	opts.Cluster.Replicas = 1
	conn, err := nats.Connect(c.URL())
	must(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	must(t, err)
	bucket, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "LEASES"})
	must(t, err)
	idle := func() error {
		store, err := journal.OpenStore(t.Context(), opts)
		must(t, err)
		defer func() { must(t, store.Close()) }()
		return store.CheckIdle(t.Context(), 300*time.Millisecond)
	}
	must(t, idle()) // nobody has ever been there

	keeper, err := lease.New(lease.Options{Bucket: bucket, Name: "somebody", TTL: time.Second})
	must(t, err)
	must(t, keeper.Attach(lease.Offer{
		Info: lease.MemberInfo{Items: []string{"destination.d"}},
		Hold: func(ctx context.Context, _ *lease.Lease) error { <-ctx.Done(); return nil },
	}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- keeper.Run(ctx) }()
	for !slices.ContainsFunc(mustKeys(t, bucket), func(key string) bool { return strings.HasPrefix(key, "member.") }) {
		runtime.Gosched()
	}
	if err := idle(); !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), "by process somebody") {
		t.Errorf("somebody works with the journal: %v", err)
	}
	cancel()
	<-ended
	_, err = bucket.PutString(t.Context(), "member.dead", "{}")
	must(t, err)
	must(t, idle())
}

func mustKeys(t *testing.T, bucket jetstream.KeyValue) []string {
	t.Helper()
	keys, err := bucket.Keys(t.Context())
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil
	}
	must(t, err)
	return keys
}

package journal_test

import (
	"flag"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tanker/internal/journal"
	"tanker/internal/journal/journaltest"
	"tanker/internal/natstest"
)

var wholeCluster = flag.Bool("cluster", false, "test all that a journal must do on a cluster, not only a part")

// TestCluster runs what every journal must do against three servers, with three replicas.
func TestCluster(t *testing.T) {
	c := natstest.Start(t, natstest.Options{})
	part := []string{
		"events come back as they were, in order", "an event that comes twice is stored once",
		"what is finished does not come again", "parked events survive a crash and a restart", "a pause lasts until it is ended",
		"dead letters", "the janitor deletes what is finished and old",
	}
	// The disk is others', and a stream is never made smaller by opening it.
	never := []string{"a full disk refuses events", "a journal may be given less room than before"}
	journaltest.Run(t, func(t testing.TB) journaltest.Place { return newClusterPlace(t, c) }, func(name string) bool {
		return !slices.Contains(never, name) && (*wholeCluster || slices.Contains(part, name))
	})
}

// clusterPlace is the Place of a journal on a cluster. Each process reaches it by a link of its own.
type clusterPlace struct {
	cluster *natstest.Cluster
	crashed *atomic.Bool
	link    *natstest.Link
}

// newClusterPlace empties the cluster.
func newClusterPlace(t testing.TB, c *natstest.Cluster) journaltest.Place {
	t.Helper()
	conn, err := nats.Connect(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return newProcess(t, c)
}

// Shared implements journaltest.Place.
func (p clusterPlace) Shared() bool { return true }

// Fresh implements journaltest.Place.
func (p clusterPlace) Fresh(t testing.TB) journaltest.Place { return newClusterPlace(t, p.cluster) }

func newProcess(t testing.TB, c *natstest.Cluster) clusterPlace {
	t.Helper()
	link, err := natstest.NewLink(c.Servers[0].Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return clusterPlace{c, new(atomic.Bool), link}
}

// Open implements journaltest.Place.
func (p clusterPlace) Open(t testing.TB, change func(*journal.Options)) *journal.Journal {
	t.Helper()
	opts := journal.Options{Cluster: journal.Cluster{URL: "nats://" + p.link.Address()}, MaxBytes: 512 << 20, MinFree: 1 << 20}
	if change != nil {
		change(&opts)
	}
	j, err := journal.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !p.crashed.Load() {
			t.Error(err)
		}
	})
	return j
}

// Crash implements journaltest.Place: nothing of the process reaches the cluster any more.
func (p clusterPlace) Crash(t testing.TB) journaltest.Place {
	t.Helper()
	p.crashed.Store(true)
	p.link.Cut()
	return newProcess(t, p.cluster)
}

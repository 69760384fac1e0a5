package clustertest_test

import (
	"flag"
	"slices"
	"sync/atomic"
	"testing"

	"tanker/internal/journal"
	"tanker/internal/journal/journaltest"
	"tanker/internal/natstest"
)

var everything = flag.Bool("everything", false, "test all that a journal must do, not only a part")

// TestJournal runs what every journal must do against three servers, with three replicas.
func TestJournal(t *testing.T) {
	part := []string{
		"events come back as they were, in order", "an event that comes twice is stored once",
		"what is finished does not come again", "parked events survive a crash and a restart", "dead letters",
		"the janitor deletes what is finished and old",
	}
	// The disk is others', and a stream is never made smaller by opening it.
	never := []string{"a full disk refuses events", "a journal may be given less room than before"}
	journaltest.Run(t, func(t testing.TB) journaltest.Place { return newPlace(t, emptyCluster(t)) }, func(name string) bool {
		return !slices.Contains(never, name) && (*everything || slices.Contains(part, name))
	})
}

// place is the Place of a journal on a cluster. Each process reaches that by a link of its own.
type place struct {
	cluster *natstest.Cluster
	crashed *atomic.Bool
	link    *natstest.Link
}

func newPlace(t testing.TB, c *natstest.Cluster) place {
	t.Helper()
	link, err := natstest.NewLink(c.Servers[0].Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	return place{c, new(atomic.Bool), link}
}

// Open implements journaltest.Place.
func (p place) Open(t testing.TB, change func(*journal.Options)) *journal.Journal {
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
func (p place) Crash(t testing.TB) journaltest.Place {
	t.Helper()
	p.crashed.Store(true)
	p.link.Cut()
	return newPlace(t, p.cluster)
}

// Shared implements journaltest.Place.
func (p place) Shared() bool { return true }

// Fresh implements journaltest.Place.
func (p place) Fresh(t testing.TB) journaltest.Place {
	t.Helper()
	empty(t, p.cluster)
	return newPlace(t, p.cluster)
}

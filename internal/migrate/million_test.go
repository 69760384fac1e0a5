package migrate_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/archive"
	"tanker/internal/journal"
	"tanker/internal/natstest"
)

var many = flag.Int("events", 0, "measure how long it takes to copy a journal of so many events to a cluster and back")

// TestManyToAClusterAndBack measures, and compares digests, cursors and totals.
func TestManyToAClusterAndBack(t *testing.T) {
	if *many == 0 {
		t.Skip("measures; give it -events 1000000")
	}
	c := natstest.Start(t, natstest.Options{SyncAlways: true})
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, *many)
	want := fingerprint(t, directory(from))
	for _, step := range []struct {
		name     string
		from, to journal.Options
	}{{"directory to cluster", directory(from), onCluster(c)}, {"cluster to directory", onCluster(c), directory(to)}} {
		start := time.Now()
		totals, err := copyPlace(t.Context(), step.from, step.to)
		must(t, err)
		took := time.Since(start)
		t.Logf("%s: %d events in %d messages, %s, %.0f events/s", step.name, totals.Events, totals.Messages,
			took.Round(time.Millisecond), float64(totals.Events)/took.Seconds())
		if diff := cmp.Diff(want, fingerprint(t, step.to)); diff != "" {
			t.Errorf("%s (-source +copy):\n%s", step.name, diff)
		}
	}
	measureFile(t, from, want)
	t.Log(standings(t, directory(from)))
	if diff := cmp.Diff(standings(t, directory(from)), standings(t, directory(to))); diff != "" {
		t.Errorf("(-source +copy):\n%s", diff)
	}
}

// measureFile measures export and import.
func measureFile(t *testing.T, from string, want map[string]string) {
	t.Helper()
	path, to := temp(t, "backup"), temp(t, "restored")
	start := time.Now()
	must(t, os.WriteFile(path, exported(t, from), 0o600))
	info, err := os.Stat(path)
	must(t, err)
	t.Logf("export: %s, %.0f MB", time.Since(start).Round(time.Millisecond), float64(info.Size())/1e6)
	start = time.Now()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	reader, err := archive.NewReader(f)
	must(t, err)
	_, err = copyFrom(t.Context(), reader, "an export", directory(to))
	must(t, err)
	t.Logf("import: %s", time.Since(start).Round(time.Millisecond))
	if diff := cmp.Diff(want, fingerprint(t, directory(to))); diff != "" {
		t.Errorf("imported (-source +copy):\n%s", diff)
	}
}

// fingerprint is the digest of each stream.
func fingerprint(t testing.TB, opts journal.Options) map[string]string {
	t.Helper()
	store, err := journal.OpenStore(t.Context(), opts)
	must(t, err)
	defer func() { must(t, store.Close()) }()
	streams, err := store.Streams(t.Context())
	must(t, err)
	digests := map[string]string{}
	for _, s := range streams {
		d := journal.NewDigest(s.Name)
		must(t, store.Read(t.Context(), s.Name, d.Add))
		digests[s.Name] = fmt.Sprintf("%d to %d, %d messages, %d events, %x", s.First, s.Last, d.Messages, d.Events, d.Sum())
	}
	return digests
}

// standings is where the destinations stand.
func standings(t testing.TB, opts journal.Options) map[string]journal.Status {
	t.Helper()
	j := open(t, opts)
	defer closed(t, j)
	all := map[string]journal.Status{}
	for name, sources := range map[string][]string{"fast": {"web", "app"}, "slow": {"web"}} {
		c := cursor(t, j, name, sources...)
		status, err := c.Status(t.Context())
		must(t, err)
		must(t, c.Close())
		all[name] = status
	}
	return all
}

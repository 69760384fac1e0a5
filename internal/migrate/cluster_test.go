package migrate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
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

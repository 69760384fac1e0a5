package clustertest_test

import (
	"errors"
	"strings"
	"testing"

	"tanker/internal/journal"
	"tanker/internal/natstest"
)

// TestPlan makes, compares and changes the streams of a cluster.
func TestPlan(t *testing.T) {
	c := emptyCluster(t)
	o := journal.Options{Cluster: journal.Cluster{URL: c.URL()}, MaxBytes: 256 << 20}
	plan, err := journal.MakePlan(t.Context(), o)
	if err != nil || len(plan.Changes) != plan.Streams || !plan.Changes[0].Create || plan.Bytes < 512<<20 {
		t.Fatalf("where nothing is: %+v, %v", plan, err)
	}
	if _, err := journal.Apply(t.Context(), o, false); err != nil {
		t.Fatal(err)
	}
	if plan, err := journal.MakePlan(t.Context(), o); err != nil || len(plan.Changes) != 0 {
		t.Errorf("after it was applied: %+v, %v", plan, err)
	}

	smaller := o
	smaller.MaxBytes, smaller.Cluster.Replicas = 128<<20, 1
	p := begin(t, c, "a", func(o *journal.Options) { o.MaxBytes, o.Cluster.Replicas = 128<<20, 1 })
	if u, err := p.Usage(t.Context()); err != nil || u.MaxBytes != 256<<20 {
		t.Errorf("opened with less room: %+v, %v; want what is there", u, err)
	}
	plan, err = journal.MakePlan(t.Context(), smaller)
	if err != nil || len(plan.Changes) == 0 || !plan.Changes[0].Shrinks || !strings.Contains(strings.Join(plan.Changes[0].What, " "), "from 256 MiB to 128 MiB replicas from 3 to 1") {
		t.Errorf("with less room: %+v, %v", plan, err)
	}
	if _, err := journal.Apply(t.Context(), smaller, false); !errors.Is(err, journal.ErrUnfit) {
		t.Errorf("made smaller: %v", err)
	}
	if _, err := journal.Apply(t.Context(), smaller, true); err != nil {
		t.Error(err)
	}
	if plan, err := journal.MakePlan(t.Context(), smaller); err != nil || len(plan.Changes) != 0 {
		t.Errorf("after it was made smaller: %+v, %v", plan, err)
	}
}

// TestUnfitServers refuses what cannot keep a journal, and says why.
func TestUnfitServers(t *testing.T) {
	for name, test := range map[string]struct {
		options natstest.Options
		user    string
		want    string
	}{
		"no JetStream":    {natstest.Options{Servers: 1, JetStream: "-"}, "", "JetStream is not enabled"},
		"small messages":  {natstest.Options{Servers: 1, MaxPayload: 1 << 20}, "", "max_payload: 8MB"},
		"a small store":   {natstest.Options{Servers: 1, JetStream: "max_mem: 1MB, max_file: 100MB"}, "", "max_file"},
		"a small account": {natstest.Options{Servers: 1, Config: "accounts: {A: {jetstream: {max_file: 100MB}, users: [{user: a, password: pw}]}}\n"}, "a:pw@", "the account may store"},
		"few streams":     {natstest.Options{Servers: 1, Config: "accounts: {A: {jetstream: {max_streams: 3}, users: [{user: a, password: pw}]}}\n"}, "a:pw@", "the account may have 3 streams"},
		"a wrong user":    {natstest.Options{Servers: 1, Config: "accounts: {A: {jetstream: enabled, users: [{user: a, password: pw}]}}\n"}, "a:wrong@", "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			c := natstest.Start(t, test.options)
			_, err := journal.Open(t.Context(), journal.Options{
				Cluster: journal.Cluster{URL: "nats://" + test.user + c.Servers[0].Address(), Replicas: 1}, MaxBytes: 256 << 20,
			})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want that it says %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "pw") || strings.Contains(err.Error(), "wrong@")) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

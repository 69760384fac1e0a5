package cluster

import (
	"syscall"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/history"
	"tanker/internal/tankertest"
)

// TestOneView asks and steers by the process that does not deliver.
func TestOneView(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 20})
	g.startAll()
	owner := g.owned(g.tankers...)
	other := g.tankers[0]
	if other == owner {
		other = g.tankers[1]
	}
	client := admin.NewClient(other.Admin, config.NewSecret(tankertest.AdminToken))

	if err := client.Pause(t.Context(), "refiner"); err != nil {
		t.Fatal(err)
	}
	g.await("the owner obeys", 20*time.Second, func() bool {
		s, err := g.status(owner)
		return err == nil && s.Destinations[0].State == "paused"
	})
	g.send(5, 0)
	g.await("all is accepted", 30*time.Second, func() bool {
		s, err := g.status(other)
		return err == nil && s.Destinations[0].Pending == 100 && s.Destinations[0].State == "paused" && len(s.Members) == 2
	})
	if n := g.refiner.Events.Load(); n != 0 {
		t.Errorf("%d events arrived while the destination was paused", n)
	}
	waiting := 0
	_, err := client.Trace(t.Context(), history.TraceOptions{Selection: history.Selection{User: "user-3"}}, func(history.Traced) error { waiting++; return nil })
	if err != nil || waiting != 5 {
		t.Errorf("%d events of the user are traced, %v; want 5", waiting, err)
	}
	if err := client.Resume(t.Context(), "refiner"); err != nil {
		t.Fatal(err)
	}
	g.holds(time.Minute)
	g.replay(client)
}

// TestConfigurationsDiffer changes the configuration of one process, then of the other, while events come in: they say so, and
// nothing changes hands.
func TestConfigurationsDiffer(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 40})
	g.startAll()
	g.send(10, 60)
	g.arrives(50, 30*time.Second)
	owner := g.owned(g.tankers...)
	differs := func(want bool) func() bool {
		return func() bool {
			for _, tk := range g.tankers {
				s, err := g.status(tk)
				if err != nil || len(s.Members) != 2 || (s.Members[0].Differs || s.Members[1].Differs) != want {
					return false
				}
			}
			return true
		}
	}
	g.await("both say that they have the same configuration", 20*time.Second, differs(false))
	for i, tk := range g.tankers {
		if err := tk.Configure(g.settings() + "    retry_for: 71h\n"); err != nil {
			t.Fatal(err)
		}
		if err := tk.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		g.await("both say whether they differ", 20*time.Second, differs(i == 0))
	}
	if now := g.owned(g.tankers...); now != owner {
		t.Errorf("%s delivers after the change, before it was %s", now.name, owner.name)
	}
	g.holds(time.Minute)
}

// replay starts, stops and continues a replay by a process that does not deliver.
func (g *group) replay(client *admin.Client) {
	g.Helper()
	job, err := client.StartReplay(g.Context(), history.ReplayRequest{Destination: "refiner", Rate: 600})
	if err != nil {
		g.Fatal(err)
	}
	g.arrives(110, 30*time.Second)
	if job, err = client.StopReplay(g.Context(), job.ID); err != nil || job.State != history.ReplayStopped {
		g.Fatalf("%+v, %v; want it to be stopped", job, err)
	}
	if job, err = client.ContinueReplay(g.Context(), job.ID); err != nil || job.State != history.ReplayRunning {
		g.Fatalf("%+v, %v; want it to run", job, err)
	}
	g.await("all is sent again", time.Minute, func() bool {
		job, err := client.Replay(g.Context(), job.ID)
		return err == nil && job.State == history.ReplayDone && job.Sent == 100
	})
	g.arrives(200, 30*time.Second)
}

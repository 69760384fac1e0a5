package cluster

import (
	"syscall"
	"testing"
	"time"
)

// TestOwnerIsKilled kills the process that delivers, again and again: the other one goes on.
func TestOwnerIsKilled(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 40, lease: 1500 * time.Millisecond})
	g.startAll()
	g.send(15, 100)
	for _, events := range []int64{100, 300} {
		g.arrives(events, time.Minute)
		owner := g.owned(g.tankers...)
		g.kill(owner)
		g.arrives(events+100, 30*time.Second)
		g.launch(owner)
	}
	g.holds(2 * time.Minute)
}

// TestOwnerIsStopped stops the process that delivers in order: the other one goes on at once, and nothing comes twice.
func TestOwnerIsStopped(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 40, lease: 10 * time.Minute})
	g.startAll()
	g.send(15, 100)
	g.arrives(100, time.Minute)
	owner := g.owned(g.tankers...)
	if err := owner.Stop(); err != nil {
		t.Fatal(err)
	}
	if code := owner.Wait(); code != 0 {
		t.Errorf("%s ends with %d, want 0", owner.name, code)
	}
	g.arrives(300, 30*time.Second)
	g.launch(owner)
	g.holds(2 * time.Minute)
}

// TestOwnerStandsStill stops the process that delivers with SIGSTOP for longer than its lease: it sends nothing more when it goes
// on.
func TestOwnerStandsStill(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 40, lease: 1500 * time.Millisecond})
	g.refiner.Become(slow)
	g.startAll()
	g.send(15, 100)
	g.arrives(100, time.Minute)
	owner := g.owned(g.tankers...)
	g.faults++
	if err := owner.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	g.arrives(300, 30*time.Second)
	if err := owner.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	g.holds(2 * time.Minute)
}

// TestOwnerLosesItsWay cuts the way of the process that delivers to all of NATS.
func TestOwnerLosesItsWay(t *testing.T) {
	t.Parallel()
	g := newGroup(t, setup{servers: 1, users: 40, lease: 1500 * time.Millisecond})
	g.refiner.Become(slow)
	g.startAll()
	g.send(15, 100)
	g.arrives(100, time.Minute)
	owner := g.owned(g.tankers...)
	g.faults++
	owner.link.Stall()
	g.arrives(300, time.Minute)
	owner.link.Heal()
	g.holds(2 * time.Minute)
}

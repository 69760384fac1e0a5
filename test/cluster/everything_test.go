package cluster

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestEverything lets everything happen, one after the other, to three Tankers on three NATS servers while events come in
// through all of them: each process is killed and started again, one server is down for a minute, a way to NATS is cut, and the
// Tanker that delivers stands still for half a minute.
func TestEverything(t *testing.T) {
	if !*full {
		t.Skip("takes a quarter of an hour: make faults-cluster")
	}
	const users, each, perSecond = 1500, 20, 60
	g := newGroup(t, setup{tankers: 3, users: users, limit: 4000, lease: 10 * time.Second})
	g.refiner.Become(slow)
	g.startAll()
	g.send(each, perSecond)
	g.arrives(500, time.Minute)
	for i, tk := range g.tankers {
		g.then(fmt.Sprintf("%s is killed", tk.name), func() {
			g.kill(tk)
			g.pass(time.Duration(i) * 8 * time.Second)
			g.launch(tk)
		})
	}
	for _, s := range g.nats.Servers {
		g.then(fmt.Sprintf("NATS server %s is killed", s.Name), func() {
			s.Kill()
			g.pass(2 * time.Second)
			g.serve(s)
		})
	}
	g.then("a NATS server is down for a minute", func() {
		s := g.nats.Servers[1]
		s.Stop()
		g.pass(time.Minute)
		g.serve(s)
	})
	g.then("the owner's way to its server is cut", func() {
		owner := g.owned(g.tankers...)
		owner.link.Cut()
		g.pass(30 * time.Second)
		owner.link.Heal()
	})
	g.then("a NATS server reaches no other", func() {
		s := g.nats.Servers[2]
		s.Pause()
		g.pass(15 * time.Second)
		s.Resume()
	})
	g.then("the owner stands still", func() {
		owner := g.owned(g.tankers...)
		if err := owner.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		g.pass(30 * time.Second)
		if err := owner.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	})
	g.then("the owner is killed once more", func() {
		owner := g.owned(g.tankers...)
		g.kill(owner)
		g.pass(5 * time.Second)
		g.launch(owner)
	})
	g.holds(20 * time.Minute)
}

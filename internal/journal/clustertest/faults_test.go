package clustertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tanker/internal/journal"
	"tanker/internal/natstest"
)

// slow leaves out what takes more than some seconds, unless everything is wanted.
func slow(t *testing.T) {
	t.Helper()
	if !*everything {
		t.Skip("takes a while: -everything runs it")
	}
}

// TestConnectionCut separates a process from all servers and lets it back.
func TestConnectionCut(t *testing.T) {
	c := emptyCluster(t)
	p := begin(t, c, "a", nil)
	cursor := openCursor(t, p, "d")
	p.store(t, "1")
	p.cut()
	eventually(t, func() error { // refused, without waiting
		if err := p.Append(t.Context(), events("2")); !errors.Is(err, journal.ErrUnavailable) {
			return fmt.Errorf("got %w, want ErrUnavailable", err)
		}
		if err := p.Health(); !errors.Is(err, journal.ErrUnavailable) {
			return fmt.Errorf("healthy: %w", err)
		}
		return nil
	})
	p.heal()
	p.store(t, "2")
	eventually(t, p.Health)
	wantStored(t, p, "1", "2")
	got := take(t, cursor, 2)
	finish(t, cursor, got)
	p.store(t, "3")
	finish(t, cursor, take(t, cursor, 1))
	if s, err := cursor.Status(t.Context()); err != nil || s.Totals.Delivered != 3 || s.Pending != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestAnswerLost has a write arrive late, of which the process knows only that it got no answer: it is stored once, whoever
// its sender turns to.
func TestAnswerLost(t *testing.T) {
	c := emptyCluster(t)
	a, b := begin(t, c, "a", nil), begin(t, c, "b", nil)
	a.store(t, "1")
	a.stall()
	if err := a.Append(t.Context(), events("2", "3")); !errors.Is(err, journal.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	a.heal()
	a.store(t, "2", "4")
	eventually(t, func() error { return knows(t, b, uint64(len(scanned(t, a)))) })
	b.store(t, "3", "5")
	eventually(t, func() error { return knows(t, a, uint64(len(scanned(t, b)))) })
	a.store(t, "3") // which it may not have had
	got := scanned(t, a)
	slices.Sort(got)
	if want := []string{"1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("stored %v, want each of %v once", got, want)
	}
}

// TestConsumersVanish deletes what the servers know of the readers, and has them change their leaders.
func TestConsumersVanish(t *testing.T) {
	c := emptyCluster(t)
	p := begin(t, c, "a", nil)
	cursor := openCursor(t, p, "d")
	conn, js := client(t, c)
	for n := range 3 {
		p.store(t, strconv.Itoa(2*n))
		if got := idsOf(take(t, cursor, 1)); got[0] != strconv.Itoa(2*n) {
			t.Fatalf("got %v in round %d", got, n)
		}
		stream, err := js.Stream(t.Context(), "EVENTS")
		if err != nil {
			t.Fatal(err)
		}
		consumers := stream.ConsumerNames(t.Context())
		for name := range consumers.Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := conn.Request("$JS.API.STREAM.LEADER.STEPDOWN.EVENTS", nil, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		p.store(t, strconv.Itoa(2*n+1))
		if got := idsOf(take(t, cursor, 1)); got[0] != strconv.Itoa(2*n+1) {
			t.Fatalf("got %v in round %d, after its consumer was deleted", got, n)
		}
	}
	other := begin(t, c, "b", nil)
	eventually(t, func() error { return knows(t, other, 6) })
	other.store(t, "0") // what it knows of others has survived that, too
	wantStored(t, p, "0", "1", "2", "3", "4", "5")
}

// TestLeadersChange moves the leader of EVENTS while two processes write.
func TestLeadersChange(t *testing.T) {
	c := emptyCluster(t)
	underLoad(t, c, func() {
		conn, _ := client(t, c)
		for range 5 {
			for _, stream := range []string{"EVENTS", "OUTCOMES", "KV_CURSORS"} {
				_, _ = conn.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil, 10*time.Second)
			}
		}
	})
}

// TestLameDuck has a server send its clients away before it stops.
func TestLameDuck(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	underLoad(t, c, func() {
		c.Servers[1].LameDuck()
		c.Servers[1].Wait()
	})
}

// TestServersKilled kills each server once.
func TestServersKilled(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	underLoad(t, c, func() {
		for _, s := range c.Servers {
			s.Kill()
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			if err := c.AwaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestServersStop stops each server in order, so that the others go on without it for a while.
func TestServersStop(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	underLoad(t, c, func() {
		for _, s := range c.Servers {
			s.Stop()
			writable(t, c)
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			if err := c.AwaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestServerStandsStill has the leader of EVENTS stand still, its connections open, until another has taken its place.
func TestServerStandsStill(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	underLoad(t, c, func() {
		s := leaderOf(t, c, "EVENTS")
		s.Pause()
		writable(t, c)
		s.Resume()
	})
}

// TestLeaderIsolated separates the leader of EVENTS from the other servers, but not from its clients.
func TestLeaderIsolated(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	underLoad(t, c, func() {
		s := leaderOf(t, c, "EVENTS")
		s.Isolate()
		writable(t, c)
		s.Rejoin()
	})
}

// writable waits until a stream whose leader is not one of those that cannot lead takes writes.
func writable(t testing.TB, c *natstest.Cluster) {
	t.Helper()
	p := begin(t, c, "probe", nil)
	p.store(t, "probe")
	eventually(t, func() error { return p.Append(t.Context(), events("probe "+time.Now().String())) })
}

// TestStaleLeader asks for a cursor where nobody can know whether it is still right.
func TestStaleLeader(t *testing.T) {
	slow(t)
	c := emptyCluster(t)
	whole := begin(t, c, "whole", nil)
	cursor := openCursor(t, whole, "d")
	whole.store(t, "1", "2")
	finish(t, cursor, take(t, cursor, 2)[:1])
	if err := cursor.Close(); err != nil {
		t.Fatal(err)
	}
	s := leaderOf(t, c, "KV_CURSORS")
	alone := begin(t, c, "alone", func(o *journal.Options) { o.Cluster.URL = "nats://" + s.Address() })
	s.Isolate()
	if cursor, err := alone.OpenCursor(t.Context(), journal.CursorOptions{Destination: "d", Sources: []string{"web"}}); err == nil {
		t.Errorf("the cursor was opened with %v", idsOf(take(t, cursor, 1)))
	}
	s.Rejoin()
	var again *journal.Cursor
	eventually(t, func() (err error) {
		again, err = alone.OpenCursor(t.Context(), journal.CursorOptions{Destination: "d", Sources: []string{"web"}})
		return err
	})
	if got := idsOf(take(t, again, 1)); got[0] != "2" {
		t.Errorf("got %v, want 2 alone", got)
	}
}

// underLoad has two processes store events and one destination finish them while something happens, and checks that nothing
// is lost, none is delivered twice and each process's order is kept.
func underLoad(t *testing.T, c *natstest.Cluster, happens func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	names := []string{"a", "b"}
	stored := make([][]string, len(names)) // acknowledged, in order
	counts := make([]atomic.Int64, len(names))
	var writing sync.WaitGroup
	reader := begin(t, c, "reader", nil)
	cursor := openCursor(t, reader, "d")
	for i, name := range names {
		p := begin(t, c, name, nil)
		writing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprintf("%s-%d", name, n)
				for ctx.Err() == nil { // as an SDK does, in order
					if p.Append(t.Context(), events(id)) == nil {
						stored[i] = append(stored[i], id)
						counts[i].Add(1)
						break
					}
				}
			}
		})
	}
	read := make(chan []string)
	go func() { read <- readAll(ctx, t, cursor) }()
	more := func() { // each has stored something since
		t.Helper()
		for i := range counts {
			before := counts[i].Load()
			eventually(t, func() error {
				if counts[i].Load() == before {
					return fmt.Errorf("%s stores nothing", names[i])
				}
				return nil
			})
		}
	}
	more()
	happens()
	more()
	cancel()
	writing.Wait()
	seen := <-read
	seen = append(seen, rest(t, reader, cursor)...)
	for i, name := range names {
		var own []string
		for _, id := range seen {
			if strings.HasPrefix(id, name+"-") {
				own = append(own, id)
			}
		}
		if len(own) == len(stored[i])+1 { // the last one may have been stored without an answer
			own = own[:len(stored[i])]
		}
		if !slices.Equal(own, stored[i]) {
			t.Errorf("of %s %d events were acknowledged and %d delivered, or their order is not the same", name, len(stored[i]), len(own))
		}
		t.Logf("%s has stored %d events", name, len(stored[i]))
	}
	eventually(t, func() error {
		s, err := cursor.Status(t.Context())
		if err == nil && s.Pending != 0 {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}

// readAll reads and finishes until ctx ends, and returns what is delivered.
func readAll(ctx context.Context, t testing.TB, cursor *journal.Cursor) []string {
	var seen []string
	for ctx.Err() == nil {
		got, err := cursor.Next(ctx)
		if err != nil {
			continue
		}
		seen = append(seen, delivered(got)...)
		finish(t, cursor, got)
	}
	return seen
}

// rest reads and finishes what is left.
func rest(t testing.TB, p *process, cursor *journal.Cursor) []string {
	t.Helper()
	var seen []string
	p.store(t, "the end")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !slices.Contains(seen, "the end") {
		got, err := cursor.Next(ctx)
		if ctx.Err() != nil {
			t.Fatalf("the end was not reached: %v", err)
		}
		seen = append(seen, delivered(got)...)
		finish(t, cursor, got)
	}
	return seen
}

func delivered(all []journal.Entry) []string {
	var ids []string
	for i := range all {
		if !all[i].Duplicate {
			ids = append(ids, all[i].MessageID)
		}
	}
	return ids
}

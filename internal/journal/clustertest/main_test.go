// Package clustertest tests the journal on real NATS servers that are killed, stopped and cut off.
package clustertest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"tanker/internal/journal"
	"tanker/internal/natstest"
)

// suite runs the tests and ends the servers that they share.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	code := s.m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		shared.cluster.Close()
		os.RemoveAll(shared.dir)
	}
	return code
}

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	// A history opens a journal several times, and each time servers agree on it. The flag still overrides it.
	if err := flag.Set("rapid.checks", "5"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(suite{m})
}

// shared is the cluster of the tests that leave it as they found it, but for what it holds.
var shared struct {
	sync.Mutex

	cluster *natstest.Cluster
	dir     string
}

// emptyCluster is three servers that hold nothing. They are whole when the test ends.
func emptyCluster(t testing.TB) *natstest.Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		dir, err := os.MkdirTemp("", "clustertest") //nolint:usetesting // it outlives the test
		if err != nil {
			t.Fatal(err)
		}
		c, err := natstest.New(dir, natstest.Options{Links: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		shared.cluster, shared.dir = c, dir
	}
	c := shared.cluster
	t.Cleanup(func() { mend(t, c) })
	empty(t, c)
	return c
}

// mend brings all servers back.
func mend(t testing.TB, c *natstest.Cluster) {
	t.Helper()
	for _, s := range c.Servers {
		s.Resume()
		s.Rejoin()
		s.Link().Heal()
		if !s.Running() {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.AwaitReady(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// client is a connection of the test's own.
func client(t testing.TB, c *natstest.Cluster) (*nats.Conn, jetstream.JetStream) {
	t.Helper()
	conn, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return conn, js
}

func empty(t testing.TB, c *natstest.Cluster) {
	t.Helper()
	_, js := client(t, c)
	names := js.StreamNames(t.Context())
	for name := range names.Name() {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
}

// process is a journal as a process of this name has it, with a way of its own to each server.
type process struct {
	*journal.Journal

	links []*natstest.Link
}

// begin opens a journal under a name.
func begin(t testing.TB, c *natstest.Cluster, name string, change func(*journal.Options)) *process {
	t.Helper()
	p := &process{}
	var urls []string
	for _, s := range c.Servers {
		link, err := natstest.NewLink(s.Address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(link.Close)
		p.links = append(p.links, link)
		urls = append(urls, "nats://"+link.Address())
	}
	opts := journal.Options{
		Cluster: journal.Cluster{URL: strings.Join(urls, ",")}, MaxBytes: 256 << 20, Writer: name,
	}
	if change != nil {
		change(&opts)
	}
	j, err := journal.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	p.Journal = j
	t.Cleanup(func() { _ = j.Close() }) // as well as it can, after what the test has done to it
	return p
}

// cut separates the process from the servers.
func (p *process) cut() {
	for _, l := range p.links {
		l.Cut()
	}
}

// stall has nothing arrive, in either direction, without anybody noticing at once.
func (p *process) stall() {
	for _, l := range p.links {
		l.Stall()
	}
}

func (p *process) heal() {
	for _, l := range p.links {
		l.Heal()
	}
}

// store appends an event and tries again until it is stored, as an SDK does.
func (p *process) store(t testing.TB, ids ...string) {
	t.Helper()
	eventually(t, func() error { return p.Append(t.Context(), events(ids...)) })
}

// eventually waits until something succeeds.
func eventually(t testing.TB, do func() error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		err := do()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func events(ids ...string) []journal.Entry {
	all := make([]journal.Entry, len(ids))
	for i, id := range ids {
		all[i] = journal.Entry{Source: "web", MessageID: id, ReceivedAt: time.Now().UTC(), Body: []byte(`{"type":"track"}`)}
	}
	return all
}

func openCursor(t testing.TB, p *process, destination string) *journal.Cursor {
	t.Helper()
	c, err := p.OpenCursor(t.Context(), journal.CursorOptions{Destination: destination, Sources: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take reads n unfinished events, repetitions included.
func take(t testing.TB, c *journal.Cursor, n int) []journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []journal.Entry
	for len(all) < n {
		pack, err := c.Next(ctx)
		if ctx.Err() != nil {
			t.Fatalf("after %d of %d events: %v", len(all), n, err)
		}
		all = append(all, pack...)
	}
	if len(all) > n {
		t.Fatalf("got %v, want %d", idsOf(all), n)
	}
	return all
}

// finish stores outcomes and tries again until they are stored.
func finish(t testing.TB, c *journal.Cursor, all []journal.Entry) {
	t.Helper()
	outs := make([]journal.Outcome, len(all))
	for i := range all {
		outs[i] = journal.Outcome{Position: all[i].Position, Kind: journal.Delivered, At: time.Now()}
		if all[i].Duplicate {
			outs[i].Kind, outs[i].Reason = journal.Filtered, "duplicate"
		}
	}
	eventually(t, func() error { return c.Finish(t.Context(), outs) })
}

func idsOf(all []journal.Entry) []string {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].MessageID
	}
	return ids
}

// scanned is the ids of all events that are stored, in order.
func scanned(t testing.TB, p *process) []string {
	t.Helper()
	var ids []string
	eventually(t, func() error {
		ids = nil
		return p.Scan(t.Context(), journal.Scan{}, func(pack journal.StoredPack) error {
			ids = append(ids, idsOf(pack.Entries)...)
			return nil
		})
	})
	return ids
}

// wantStored wants exactly these events, in order.
func wantStored(t testing.TB, p *process, want ...string) {
	t.Helper()
	if got := scanned(t, p); !slices.Equal(got, want) {
		t.Errorf("stored %v, want %v", got, want)
	}
}

// leaderOf is the server that leads a stream.
func leaderOf(t testing.TB, c *natstest.Cluster, stream string) *natstest.Server {
	t.Helper()
	_, js := client(t, c)
	var leader string
	eventually(t, func() error {
		s, err := js.Stream(t.Context(), stream)
		if err != nil {
			return err
		}
		leader = s.CachedInfo().Cluster.Leader
		if leader == "" {
			return fmt.Errorf("%s has no leader", stream)
		}
		return nil
	})
	for _, s := range c.Servers {
		if s.Name == leader {
			return s
		}
	}
	t.Fatalf("there is no server %q", leader)
	return nil
}

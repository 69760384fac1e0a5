// Package natstest runs real NATS servers as processes of their own, one or a cluster, for tests that stop, kill and
// separate them and for measurements. The processes are copies of the program that uses the package, which has
// to call ServeIfAsked first.
package natstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startTimeout is how long a cluster may take until it takes writes.
const startTimeout = time.Minute

// Options say what a cluster is like. The zero value is three servers that sync as NATS does by default.
type Options struct {
	// Servers is how many there are. Default 3.
	Servers int
	// SyncAlways has them write through to the disk before they acknowledge.
	SyncAlways bool
	// Links puts a proxy into each way to a server, so that it can be cut.
	Links bool
	// Config is added to the configuration of each server.
	Config string
	// JetStream replaces the lines of the section jetstream other than those for the directory and the sync. "-" leaves
	// the section out.
	JetStream string
	// MaxPayload is the largest message, in bytes. Default 8 MiB.
	MaxPayload int
	// Binary is a nats-server to run instead of this program's own.
	Binary string
}

// Cluster is some servers that belong together.
type Cluster struct {
	Servers []*Server

	opts  Options
	links []*Link
}

// Start starts a cluster that ends with the test, and waits until it takes writes.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	c, err := New(t.TempDir(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// New prepares a cluster whose servers keep their data under a directory. Ports stay the same over all starts.
func New(dir string, opts Options) (*Cluster, error) {
	if os.Getenv(variable) != "" {
		return nil, errors.New("natstest: the program has to call ServeIfAsked before anything else")
	}
	opts.Servers = cmp.Or(opts.Servers, 3)
	opts.MaxPayload = cmp.Or(opts.MaxPayload, 8<<20)
	opts.JetStream = cmp.Or(opts.JetStream, "max_mem: 64MB, max_file: 1TB")
	c := &Cluster{opts: opts}
	for i := range opts.Servers {
		s := &Server{Name: fmt.Sprintf("n%d", i+1), dir: filepath.Join(dir, fmt.Sprintf("n%d", i+1)), cluster: c}
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return nil, err
		}
		for _, port := range []*string{&s.clients, &s.routes} {
			var err error
			if *port, err = freeAddress(); err != nil {
				return nil, err
			}
		}
		c.Servers = append(c.Servers, s)
	}
	if err := c.connect(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connect lays the ways to the servers and tells each of the others.
func (c *Cluster) connect() error {
	for _, s := range c.Servers {
		var err error
		if s.address, s.link, err = c.way(s.clients); err != nil {
			return err
		}
		for _, other := range c.Servers {
			if other == s {
				continue
			}
			address, link, err := c.way(other.routes)
			if err != nil {
				return err
			}
			s.peers = append(s.peers, address)
			if link != nil {
				s.between, other.between = append(s.between, link), append(other.between, link)
			}
		}
		if err := s.configure(); err != nil {
			return err
		}
	}
	return nil
}

// way is how an address is reached: directly, or by a link.
func (c *Cluster) way(to string) (address string, link *Link, err error) {
	if !c.opts.Links {
		return to, nil, nil
	}
	if link, err = NewLink(to); err != nil {
		return "", nil, err
	}
	c.links = append(c.links, link)
	return link.Address(), link, nil
}

// URL is where clients find the servers, separated by commas.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		urls[i] = s.URL()
	}
	return strings.Join(urls, ",")
}

// Start starts all servers and waits until they take writes.
func (c *Cluster) Start(ctx context.Context) error {
	for _, s := range c.Servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	return c.AwaitReady(ctx)
}

// AwaitReady waits until each server that runs is reachable, and a stream with a replica on each could be made. Where
// clients need an account, which this cannot know of, it waits until the servers take connections.
func (c *Cluster) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, s := range c.Servers {
		if !s.Running() {
			continue
		}
		if err := await(ctx, func() error { return s.answers(ctx) }); err != nil {
			return fmt.Errorf("server %s: %w\n%s", s.Name, err, s.Log())
		}
	}
	return nil
}

// Close ends the servers, without giving them time.
func (c *Cluster) Close() {
	for _, s := range c.Servers {
		s.Kill()
	}
	for _, l := range c.links {
		l.Close()
	}
}

// answers says why a server is not usable yet.
func (s *Server) answers(ctx context.Context) error {
	conn, err := nats.Connect("nats://"+s.clients, nats.Timeout(time.Second), nats.NoReconnect())
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrSecureConnRequired) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.cluster.opts.JetStream == "-" {
		return nil
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	running := 0
	for _, other := range s.cluster.Servers {
		if other.Running() {
			running++
		}
	}
	if running <= len(s.cluster.Servers)/2 {
		return nil // they cannot agree on anything
	}
	name := "READY_" + s.Name
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{"ready." + s.Name}, Replicas: running, Storage: jetstream.MemoryStorage,
	})
	if err != nil {
		return err
	}
	return js.DeleteStream(ctx, name)
}

// await calls ready until it succeeds or the context ends, and returns what was wrong last.
func await(ctx context.Context, ready func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// freeAddress finds a port that nobody uses. It is none of those that the system hands out by itself, so that it stays free
// while its server is down.
func freeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(18_000))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("found no free port")
}

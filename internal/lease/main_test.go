package lease

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTTL is long enough for a busy machine, and short enough for a test that waits for it.
const testTTL = 1500 * time.Millisecond

// patience is how long something may take that is to happen by itself.
const patience = 30 * time.Second

// group is a bucket, and the members that share it.
type group struct {
	*testing.T

	server *server.Server
	items  []string
	uses   uses
}

func newGroup(t *testing.T, items ...string) *group {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		ServerName: "lease", DontListen: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), DisableJetStreamBanner: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	g := &group{T: t, server: s, items: items, uses: uses{last: map[string]uint64{}}}
	if _, err := g.connect(&line{}).CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "LEASES"}); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *group) connect(l *line) jetstream.JetStream {
	g.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(linedServer{g.server, l}), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.PingInterval(time.Minute))
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		g.Fatal(err)
	}
	return js
}

// member is a process of the group.
type member struct {
	*Keeper
	*line

	name string
	skew *skewedClock
	stop context.CancelFunc
	done chan struct{}
}

// skewedClock runs faster or slower than others, and can be moved on.
type skewedClock struct {
	rate  float64
	moved atomic.Int64
}

func (c *skewedClock) now() time.Duration {
	return time.Duration(float64(systemClock())*c.rate) + time.Duration(c.moved.Load())
}

// join starts a member. rate is how fast its clock runs.
func (g *group) join(name string, ttl time.Duration, rate float64) *member {
	g.Helper()
	m := &member{name: name, line: &line{}, skew: &skewedClock{rate: rate}, done: make(chan struct{})}
	bucket, err := g.connect(m.line).KeyValue(g.Context(), "LEASES")
	if err != nil {
		g.Fatal(err)
	}
	m.Keeper, err = New(Options{Bucket: bucket, Name: name, TTL: ttl, now: m.skew.now})
	if err != nil {
		g.Fatal(err)
	}
	g.attach(m, g.items...)
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		defer close(m.done)
		if err := m.Run(ctx); err != nil {
			g.Logf("%s: %v", name, err)
		}
	}()
	g.Cleanup(func() { m.leave() })
	return m
}

// attach has a member offer items. While it holds one it uses it all the time.
func (g *group) attach(m *member, items ...string) {
	g.Helper()
	err := m.Attach(Offer{Info: MemberInfo{Items: items}, Hold: func(ctx context.Context, l *Lease) error {
		for ctx.Err() == nil {
			g.uses.use(g.T, l)
			pause(ctx, time.Millisecond)
		}
		return nil
	}})
	if err != nil {
		g.Fatal(err)
	}
}

func (m *member) leave() {
	m.open()
	m.stop()
	<-m.done
}

// uses checks that nobody uses what a later holder has used.
type uses struct {
	mu   sync.Mutex
	last map[string]uint64
}

func (u *uses) use(t *testing.T, l *Lease) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !l.Valid() {
		return
	}
	if epoch := l.Epoch(); epoch < u.last[l.Item] {
		t.Errorf("%s is used with epoch %d after epoch %d", l.Item, epoch, u.last[l.Item])
	}
	u.last[l.Item] = l.Epoch()
}

// has is how many items a member holds and believes in.
func (m *member) has() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, l := range m.held {
		if l.Valid() && !l.hasEnded() && l.ctx.Err() == nil {
			n++
		}
	}
	return n
}

// await waits until something holds.
func (g *group) await(what string, holds func() bool) {
	g.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			g.Fatalf("%s: not after %s", what, patience)
		}
		time.Sleep(time.Millisecond)
	}
}

func items(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("destination.d%d", i)
	}
	return all
}

// line is a member's way to the server. While it is shut nothing passes, and nothing is lost.
type line struct {
	gate sync.Mutex
	shut chan struct{} // nil while it is open
}

func (l *line) close() {
	l.gate.Lock()
	defer l.gate.Unlock()
	if l.shut == nil {
		l.shut = make(chan struct{})
	}
}

func (l *line) open() {
	l.gate.Lock()
	defer l.gate.Unlock()
	if l.shut != nil {
		close(l.shut)
		l.shut = nil
	}
}

func (l *line) wait() {
	l.gate.Lock()
	shut := l.shut
	l.gate.Unlock()
	if shut != nil {
		<-shut
	}
}

// linedServer lets connections to a server go by a line.
type linedServer struct {
	*server.Server

	line *line
}

func (s linedServer) InProcessConn() (net.Conn, error) {
	conn, err := s.Server.InProcessConn()
	return linedConn{conn, s.line}, err
}

type linedConn struct {
	net.Conn

	line *line
}

func (c linedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.line.wait()
	return n, err
}

func (c linedConn) Write(p []byte) (int, error) {
	c.line.wait()
	return c.Conn.Write(p)
}

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/natstest"
	"tanker/internal/tankertest"
	"tanker/internal/trials"
)

// concurrency bounds the calls under way and those whose outcome is not on disk, and so the calls that a failure may repeat.
const concurrency = 48

// setup says what a group is made with.
type setup struct {
	servers  int // of NATS; 0 is 3
	tankers  int // 0 is 2
	users    int
	limit    int           // calls a minute; 0 is none
	lease    time.Duration // 0 is 2 s
	settings string        // further lines of the destination, each indented by four spaces
}

// group is some Tankers on a cluster, what sends to them and what they send to.
type group struct {
	*testing.T

	setup   setup
	nats    *natstest.Cluster
	tankers []*tanker
	refiner *trials.Refiner
	traffic *trials.Traffic
	sending sync.WaitGroup
	faults  int // of which each may repeat the calls under way
}

// tanker is one of the processes.
type tanker struct {
	*tankertest.Process

	name   string
	link   *natstest.Link // its way to NATS
	output *tail
}

func newGroup(t *testing.T, s setup) *group {
	t.Helper()
	if s.servers == 0 {
		s.servers = 3
	}
	if s.tankers == 0 {
		s.tankers = 2
	}
	if s.lease == 0 {
		s.lease = 2 * time.Second
	}
	g := &group{T: t, setup: s, refiner: trials.NewRefiner(t)}
	g.nats = natstest.Start(t, natstest.Options{Servers: s.servers})
	var urls []string
	for i := range s.tankers {
		tk := g.tanker(fmt.Sprintf("tanker-%c", 'a'+i), g.nats.Servers[i%s.servers])
		g.tankers = append(g.tankers, tk)
		urls = append(urls, tk.URL)
	}
	g.traffic = trials.NewTraffic(s.users, 0, urls...)
	return g
}

// tanker prepares a process, which reaches one of the servers by a link that can be cut, and the others directly.
func (g *group) tanker(name string, near *natstest.Server) *tanker {
	g.Helper()
	link, err := natstest.NewLink(near.Address())
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(link.Close)
	url := "nats://" + link.Address()
	for _, s := range g.nats.Servers {
		if s != near {
			url += "," + s.URL()
		}
	}
	binary, err := program()
	if err != nil {
		g.Fatal(err)
	}
	tk := &tanker{name: name, link: link, output: &tail{}}
	dir := filepath.Join(g.TempDir(), name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		g.Fatal(err)
	}
	tk.Process, err = tankertest.New(tankertest.Options{
		Binary: binary, Dir: dir, Refiner: g.refiner.URL(), Log: tk.output,
		Journal: fmt.Sprintf("  url: %q\n  replicas: %d\n  max_bytes: 1GiB\n  node: %s\n  lease: %s\n",
			url, min(g.setup.servers, 3), name, g.setup.lease),
		Settings: g.settings(),
	})
	if err != nil {
		g.Fatal(err)
	}
	return tk
}

// settings are the lines of the destination in each configuration.
func (g *group) settings() string {
	return fmt.Sprintf("    max_concurrency: %d\n    limits: {key_per_minute: %d, user_per_minute: 0}\n", concurrency, g.setup.limit) +
		g.setup.settings
}

// start starts a process. It is stopped in order at the end.
func (g *group) start(tk *tanker) {
	g.Helper()
	g.launch(tk)
	g.Cleanup(func() {
		if err := tk.Stop(); err != nil {
			g.Error(err)
		}
		if code := tk.Wait(); code != 0 {
			g.Errorf("%s ends with %d when it is stopped, want 0", tk.name, code)
		}
		if g.Failed() {
			g.Logf("the last that %s said:\n%s", tk.name, tk.output.bytes())
		}
	})
}

// launch starts a process, perhaps again.
func (g *group) launch(tk *tanker) {
	g.Helper()
	if err := tk.Start(g.Context()); err != nil {
		g.Fatalf("%s: %v\n%s", tk.name, err, tk.output.bytes())
	}
}

func (g *group) startAll() {
	g.Helper()
	for _, tk := range g.tankers {
		g.start(tk)
	}
}

// kill kills a process at once.
func (g *group) kill(tk *tanker) {
	g.Helper()
	g.faults++
	if err := tk.Kill(); err != nil {
		g.Fatal(err)
	}
}

// send sends every user's next events beside what follows; see holds.
func (g *group) send(each, perSecond int) {
	g.sending.Go(func() {
		if err := g.traffic.Send(g.Context(), each, perSecond); err != nil {
			g.Errorf("sending: %v", err)
		}
	})
}

// status asks a process how everything stands.
func (g *group) status(tk *tanker) (admin.Status, error) {
	ctx, cancel := context.WithTimeout(g.Context(), 3*time.Second)
	defer cancel()
	return admin.NewClient(tk.Admin, config.NewSecret(tankertest.AdminToken)).Status(ctx)
}

// owner is the process that delivers, as a process sees it; "" if none does.
func (g *group) owner(tk *tanker) string {
	s, err := g.status(tk)
	if err != nil || len(s.Destinations) != 1 {
		return ""
	}
	return s.Destinations[0].Owner
}

// owned is the process that delivers. It waits until there is one that all others agree on.
func (g *group) owned(among ...*tanker) *tanker {
	g.Helper()
	var found *tanker
	g.await("one process delivers", time.Minute, func() bool {
		name := g.owner(among[0])
		for _, tk := range among {
			if tk.name == name {
				found = tk
			}
			if g.owner(tk) != name {
				return false
			}
		}
		return found != nil
	})
	return found
}

// await waits until something holds, and is fatal if it does not in time.
func (g *group) await(what string, most time.Duration, holds func() bool) {
	g.Helper()
	ctx, cancel := context.WithTimeout(g.Context(), most)
	defer cancel()
	if err := tankertest.Await(ctx, func() (bool, error) { return holds(), nil }); err != nil {
		for _, tk := range g.tankers {
			s, err := g.status(tk)
			g.Logf("%s: %+v %+v, %v\n%s", tk.name, s.Destinations, s.Members, err, tk.output.bytes())
		}
		g.Fatalf("%s: not after %s; answered %d, refused %d, arrived %d", what, most,
			g.traffic.Total.Load(), g.traffic.Refused.Load(), g.refiner.Events.Load())
	}
}

// arrives waits until so many events have arrived.
func (g *group) arrives(events int64, most time.Duration) {
	g.Helper()
	g.await(fmt.Sprintf("%d events arrive", events), most, func() bool { return g.refiner.Events.Load() >= events })
}

// then lets something happen, and waits until delivery goes on.
func (g *group) then(what string, happen func()) {
	g.Helper()
	g.Logf("%s: %s; %d events arrived", time.Now().Format(time.TimeOnly), what, g.refiner.Events.Load())
	g.faults++
	happen()
	before := g.refiner.Events.Load()
	g.await(what+", and delivery goes on", 2*time.Minute, func() bool { return g.refiner.Events.Load() >= before+100 })
}

// serve starts a NATS server again.
func (g *group) serve(s *natstest.Server) {
	g.Helper()
	if err := s.Start(); err != nil {
		g.Fatal(err)
	}
	if err := g.nats.AwaitReady(g.Context()); err != nil {
		g.Fatal(err)
	}
}

// pass lets time pass, which is what is tested.
func (g *group) pass(d time.Duration) { time.Sleep(d) }

// holds checks all that is promised, once everything that was sent is delivered.
func (g *group) holds(most time.Duration) {
	g.Helper()
	sent := make(chan struct{})
	go func() {
		g.sending.Wait()
		close(sent)
	}()
	g.await("everything is answered 200", most, func() bool {
		select {
		case <-sent:
			return true
		default:
			return false
		}
	})
	want := uint64(g.traffic.Total.Load())
	for _, tk := range g.tankers {
		g.await("everything is delivered, as "+tk.name+" sees it", most, func() bool {
			s, err := g.status(tk)
			return err == nil && s.Destinations[0].Pending == 0 && s.Destinations[0].Accepted >= want
		})
		s, err := g.status(tk)
		if err != nil {
			g.Fatal(err)
		}
		// What was sent again by another way, and stored by both, is accepted twice and delivered once.
		d := s.Destinations[0]
		if twice := d.Totals.Filtered["duplicate"]; d.Accepted != want+twice || d.Totals.Delivered != want || d.Totals.Sum() != want+twice {
			g.Errorf("%d events were answered 200; %s says accepted %d, totals %+v", want, tk.name, d.Accepted, d.Totals)
		}
	}
	repeats := trials.Check(g, g.refiner, g.traffic)
	inMinute := g.refiner.MostInAMinute()
	g.Logf("%d events, %d failures: %d calls, at most %d in a minute, %d repeated", want, g.faults, g.refiner.Calls.Load(), inMinute, repeats)
	if most := g.faults*concurrency + int(g.refiner.Hidden.Load()+g.refiner.Late.Load()); repeats > most {
		g.Errorf("%d calls were repeated, more than the %d that can have been under way", repeats, most)
	}
	if g.setup.limit > 0 && inMinute > g.setup.limit {
		g.Errorf("%d calls came in within a minute, the limit is %d", inMinute, g.setup.limit)
	}
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailBytes {
		t.kept = bytes.Clone(t.kept[len(t.kept)-tailBytes:])
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept)
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tanker/internal/tankertest"
)

var scenarios = []struct {
	name string
	run  func(context.Context, *bench) (string, error)
}{
	{"single-event POSTs, 64 connections, delivery running", singles},
	{"batches of 20, 64 connections, delivery running", batches},
	{"drain of 20,000 events, API at once", func(ctx context.Context, b *bench) (string, error) { return drain(ctx, b, 0) }},
	{"drain of 20,000 events, API takes 150 ms", func(ctx context.Context, b *bench) (string, error) { return drain(ctx, b, 150*time.Millisecond) }},
	{"latency from POST to Refiner at 10 events/s", latency},
	{"processor time for 10,000 events in and out", processorTime},
	{"resident when idle", idle},
	{"disk for each event of 1 KB", disk},
	{"the console's overview with 1,000,000 events in the journal", overview},
	{"500 users with an event a second each", func(ctx context.Context, b *bench) (string, error) { return crowd(ctx, b, 0) }},
	{"the same while one user sends 50,000 events", func(ctx context.Context, b *bench) (string, error) { return crowd(ctx, b, 50_000) }},
	{"transformer, 200 events: destination beside each event", transformed("/v0/destinations/refiner", "")},
	{"transformer, 200 events: compacted", transformed("/v0/destinations/refiner", "json+compactedv1")},
	{"transformer, 200 events: router", transformed("/routerTransform", "")},
	{"transformer, 200 events: router, compacted", transformed("/routerTransform", "json+compactedv1")},
	{"cluster, batches of 20: one gateway with its own journal, to compare", onCluster(group{gateways: 1, batch: 20, conns: 64})},
	{"cluster, batches of 20: one gateway, replicas 1", onCluster(group{replicas: 1, gateways: 1, batch: 20, conns: 64})},
	{"cluster, batches of 20: one gateway, replicas 3", onCluster(group{replicas: 3, gateways: 1, batch: 20, conns: 64})},
	{"cluster, batches of 20: two gateways, replicas 3", onCluster(group{replicas: 3, gateways: 2, batch: 20, conns: 64})},
	{"cluster, batches of 20: three gateways, replicas 3", onCluster(group{replicas: 3, gateways: 3, batch: 20, conns: 64})},
	{"cluster, single events: one gateway with its own journal, to compare", onCluster(group{gateways: 1, batch: 1, conns: 64})},
	{"cluster, single events: one gateway, replicas 1", onCluster(group{replicas: 1, gateways: 1, batch: 1, conns: 64})},
	{"cluster, single events: one gateway, replicas 3", onCluster(group{replicas: 3, gateways: 1, batch: 1, conns: 64})},
	{"cluster, single events: two gateways, replicas 3", onCluster(group{replicas: 3, gateways: 2, batch: 1, conns: 64})},
	{"cluster, single events: three gateways, replicas 3", onCluster(group{replicas: 3, gateways: 3, batch: 1, conns: 64})},
	{"cluster, single events on 4 connections: one gateway, replicas 3", onCluster(group{replicas: 3, gateways: 1, batch: 1, conns: 4})},
	{"2,000 events at a limit of 600 calls a minute (takes 200 s)", keyLimit},
}

// bench holds what the scenarios share.
type bench struct {
	dir     string
	binary  string
	verbose bool
	runs    int
}

func newBench(ctx context.Context, verbose bool) (*bench, error) {
	dir, err := os.MkdirTemp("", "tanker-bench-")
	if err != nil {
		return nil, err
	}
	binary, err := tankertest.Build(ctx, dir)
	return &bench{dir: dir, binary: binary, verbose: verbose}, err
}

func (b *bench) remove() { _ = os.RemoveAll(b.dir) } // a leftover in the temporary folder harms nobody

// Settings of the destination: no limits, but for what measures them, and room for what the slow API takes.
const (
	unlimited = "    limits: {key_per_minute: 0, user_per_minute: 0}\n"
	settings  = "    max_concurrency: 512\n"
)

// start starts a server with an empty journal.
func (b *bench) start(ctx context.Context, refinerURL, more string) (*tankertest.Process, error) {
	return b.startWith(ctx, tankertest.Options{Refiner: refinerURL, Settings: more})
}

// startWith starts a server in a directory of its own.
func (b *bench) startWith(ctx context.Context, opts tankertest.Options) (*tankertest.Process, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	opts.Binary, opts.Dir, opts.Settings = b.binary, dir, settings+opts.Settings
	if b.verbose {
		opts.Log = os.Stderr
	}
	p, err := tankertest.New(opts)
	if err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// folder makes an empty directory.
func (b *bench) folder() (string, error) {
	b.runs++
	dir := filepath.Join(b.dir, strconv.Itoa(b.runs))
	return dir, os.Mkdir(dir, 0o700)
}

// withServer runs do with a server and a stand-in for Refiner.
func (b *bench) withServer(ctx context.Context, do func(*tankertest.Process, *refiner) error) error {
	r, err := startRefiner()
	if err != nil {
		return err
	}
	defer func() { _ = r.stop(ctx) }() // what was measured stands
	p, err := b.start(ctx, r.url, unlimited)
	if err != nil {
		return err
	}
	if err := do(p, r); err != nil {
		_ = p.Kill() // the first error is the one that counts
		return err
	}
	return p.Stop()
}

// loadFor is a load for a server, or spread over several.
func loadFor(to ...*tankertest.Process) load {
	l := load{writeKey: tankertest.WriteKey, conns: 64, batch: 1, users: 5000}
	for _, p := range to {
		l.addresses = append(l.addresses, strings.TrimPrefix(p.URL, "http://"))
	}
	return l
}

const loadTime = 10 * time.Second

func singles(ctx context.Context, b *bench) (string, error) {
	return throughput(ctx, b, 1, func(r result) string { return fmt.Sprintf("%.0f POSTs/s", r.requestRate()) })
}

func batches(ctx context.Context, b *bench) (string, error) {
	return throughput(ctx, b, 20, func(r result) string { return fmt.Sprintf("%.0f events/s", r.eventRate()) })
}

func throughput(ctx context.Context, b *bench, batch int, rate func(result) string) (text string, err error) {
	err = b.withServer(ctx, func(p *tankertest.Process, r *refiner) error {
		l := loadFor(p)
		l.batch, l.time = batch, loadTime
		got, err := l.run(ctx)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("%s, p50 %s, p99 %s; %.0f/s delivered meanwhile", rate(got), short(got.p50), short(got.p99),
			float64(r.calls.Load())/got.took.Seconds())
		return nil
	})
	return text, err
}

// drain fills the journal while the destination is switched off, and measures how fast it empties.
func drain(ctx context.Context, b *bench, delay time.Duration) (string, error) {
	const events = 20_000
	r, err := startRefiner()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.stop(ctx) }() // what was measured stands
	r.delay = delay
	p, err := b.start(ctx, r.url, unlimited+"    enabled: false\n")
	if err != nil {
		return "", err
	}
	l := loadFor(p)
	l.batch, l.events = 20, events
	if _, err := l.run(ctx); err != nil {
		return "", err
	}
	if err := p.Stop(); err != nil {
		return "", err
	}
	if err := p.Configure(unlimited + settings); err != nil {
		return "", err
	}
	if err := p.Start(ctx); err != nil {
		return "", err
	}
	start, early := time.Now(), r.calls.Load()
	if err := tankertest.Await(ctx, func() (bool, error) { return r.calls.Load() >= events, nil }); err != nil {
		return "", err
	}
	took := time.Since(start)
	if err := p.Stop(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%.0f events/s; %.2f s of processor time", float64(events-early)/took.Seconds(), p.CPU().Seconds()), nil
}

func latency(ctx context.Context, b *bench) (text string, err error) {
	const events = 150
	err = b.withServer(ctx, func(p *tankertest.Process, r *refiner) error {
		r.noteArrivals()
		sent := make([]time.Time, events)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for i := range sent {
			<-tick.C
			sent[i] = time.Now()
			if err := post(ctx, p.URL, appendEvent(nil, i, events)); err != nil {
				return err
			}
		}
		err := tankertest.Await(ctx, func() (bool, error) { return r.calls.Load() >= events, nil })
		if err != nil {
			return err
		}
		took := make([]time.Duration, events)
		for i := range sent {
			took[i] = r.arrived[fmt.Sprintf(`{"id":"user-%d","event":"Order Completed"}`, i)].Sub(sent[i])
		}
		slices.Sort(took)
		text = fmt.Sprintf("p50 %s, p99 %s", short(took[events/2]), short(took[events*99/100]))
		return nil
	})
	return text, err
}

func post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/track", strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	req.SetBasicAuth(tankertest.WriteKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %d %s", resp.StatusCode, answer)
	}
	return nil
}

func processorTime(ctx context.Context, b *bench) (string, error) {
	p, err := b.inAndOut(ctx, 10_000)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.2f s", p.CPU().Seconds()), nil
}

// inAndOut sends events one by one, waits until they have arrived and returns the process, stopped.
func (b *bench) inAndOut(ctx context.Context, events int64) (process *tankertest.Process, err error) {
	err = b.withServer(ctx, func(p *tankertest.Process, r *refiner) error {
		process = p
		l := loadFor(p)
		l.events = events
		if _, err := l.run(ctx); err != nil {
			return err
		}
		return tankertest.Await(ctx, func() (bool, error) { return r.calls.Load() >= events, nil })
	})
	return process, err
}

func idle(ctx context.Context, b *bench) (text string, err error) {
	err = b.withServer(ctx, func(p *tankertest.Process, _ *refiner) error {
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		kb, err := resident(p.PID())
		text = fmt.Sprintf("%.0f MB", float64(kb)/1000)
		return err
	})
	return text, err
}

// resident is the process's resident memory in units of 1,024 bytes.
func resident(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("no resident size of process %d", pid)
	}
	return strconv.Atoi(fields[0])
}

func disk(ctx context.Context, b *bench) (string, error) {
	const events = 20_000
	p, err := b.inAndOut(ctx, events)
	if err != nil {
		return "", err
	}
	size, err := fileBytes(p.DataDir())
	return fmt.Sprintf("%.2f KB, its outcome included; the event itself has %.2f KB", float64(size)/events/1000,
		float64(len(appendEvent(nil, 12345, 5000)))/1000), err
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

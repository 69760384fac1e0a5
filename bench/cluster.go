package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tanker/internal/natstest"
	"tanker/internal/tankertest"
)

// group is some Tankers on three NATS servers that sync each write, or one Tanker with a journal of its own.
type group struct {
	replicas int // 0: the journal is in the Tanker's directory
	gateways int
	batch    int // events in a request
	conns    int // to all gateways together

	nats    *natstest.Cluster
	tankers []*tankertest.Process
}

// clusterTime is how long events are sent to a group.
const clusterTime = 5 * time.Second

// onCluster makes a scenario: how many events a group accepts while it delivers, and what it takes in processor time and disk until
// all of them are delivered. The start of the processes does not count.
func onCluster(g group) func(context.Context, *bench) (string, error) {
	return func(ctx context.Context, b *bench) (text string, err error) {
		r, err := startRefiner()
		if err != nil {
			return "", err
		}
		defer func() { _ = r.stop(ctx) }() // what was measured stands
		g := g                             // a run of its own
		defer func() { err = errors.Join(err, g.kill()) }()
		if err := g.start(ctx, b, r); err != nil {
			return "", err
		}
		return g.measure(ctx, r)
	}
}

// start starts everything and waits until each gateway takes events and one of them delivers.
func (g *group) start(ctx context.Context, b *bench, r *refiner) error {
	if g.replicas > 0 {
		dir, err := b.folder()
		if err != nil {
			return err
		}
		if g.nats, err = natstest.New(dir, natstest.Options{SyncAlways: true}); err != nil {
			return err
		}
		if err := g.nats.Start(ctx); err != nil {
			return err
		}
	}
	for i := range g.gateways {
		p, err := b.startWith(ctx, tankertest.Options{Refiner: r.url, Settings: unlimited, Journal: g.journal(i)})
		if err != nil {
			return err
		}
		g.tankers = append(g.tankers, p)
		if err := post(ctx, p.URL, fmt.Appendf(nil, `{"userId":"first-%d","event":"Started"}`, i)); err != nil {
			return err
		}
	}
	return g.delivered(ctx, r, 0)
}

// journal is the configuration of the journal of a gateway.
func (g *group) journal(gateway int) string {
	if g.nats == nil {
		return ""
	}
	return fmt.Sprintf("  url: %q\n  replicas: %d\n  node: bench-%d\n", g.nats.URL(), g.replicas, gateway+1)
}

// delivered waits until so many events have arrived, besides each gateway's first one.
func (g *group) delivered(ctx context.Context, r *refiner, events int64) error {
	return tankertest.Await(ctx, func() (bool, error) { return r.calls.Load() >= events+int64(g.gateways), nil })
}

func (g *group) measure(ctx context.Context, r *refiner) (string, error) {
	before, err := g.use()
	if err != nil {
		return "", err
	}
	l := loadFor(g.tankers...)
	l.batch, l.conns, l.time = g.batch, g.conns, clusterTime
	got, err := l.run(ctx)
	if err != nil {
		return "", err
	}
	if err := g.delivered(ctx, r, got.events); err != nil {
		return "", err
	}
	after, err := g.use()
	if err != nil {
		return "", err
	}
	per10k := 10_000 / float64(got.events)
	text := fmt.Sprintf("%.0f events/s, p50 %s, p99 %s; 10,000 events take %.2f s of the Tankers", got.eventRate(), short(got.p50), short(got.p99),
		(after.tankers-before.tankers).Seconds()*per10k)
	if g.nats != nil {
		text += fmt.Sprintf(", %.2f s of NATS", (after.nats-before.nats).Seconds()*per10k)
	}
	return text + fmt.Sprintf("; %.2f KB on all disks for each event", float64(after.disk-before.disk)/float64(got.events)/1000), nil
}

// use is what a group has taken so far.
type use struct {
	tankers, nats time.Duration // of the processors
	disk          int64         // bytes, of all copies of the journal
}

func (g *group) use() (u use, err error) {
	for _, p := range g.tankers {
		took, err := processor(p.PID())
		if err != nil {
			return u, err
		}
		u.tankers += took
	}
	if g.nats == nil {
		u.disk, err = fileBytes(g.tankers[0].DataDir())
		return u, err
	}
	for _, s := range g.nats.Servers {
		took, err := processor(s.PID())
		if err != nil {
			return u, err
		}
		// The servers' own logs, by which they agree, are beside the account's streams; they are cut off again and again.
		size, err := fileBytes(filepath.Join(s.Dir(), "jetstream", "$G"))
		if err != nil {
			return u, err
		}
		u.nats, u.disk = u.nats+took, u.disk+size
	}
	return u, nil
}

// kill ends everything that runs.
func (g *group) kill() error {
	var errs []error
	for _, p := range g.tankers {
		errs = append(errs, p.Kill())
	}
	if g.nats != nil {
		g.nats.Close()
	}
	return errors.Join(errs...)
}

// processor is the time, of user and system, that a running process took. Linux counts it in hundredths of a second.
func processor(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const user, system = 11, 12 // fields behind the name, which is in brackets and may hold anything
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("no processor time of process %d", pid)
	}
	var ticks int
	for _, field := range [][]byte{fields[user], fields[system]} {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// fileBytes is how large the files under a directory are. One that is deleted meanwhile counts nothing.
func fileBytes(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return ignoreGone(err)
	})
	return size, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

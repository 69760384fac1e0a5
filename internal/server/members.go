package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"tanker/internal/config"
	"tanker/internal/lease"
)

// The items that the processes on a cluster share among each other: see package lease.
const (
	itemDestination = "destination."
	itemJanitor     = "job.janitor"
	itemErasures    = "job.erasures"
)

// startKeeper joins the other processes on the cluster, if the journal is on one.
func (s *server) startKeeper(ctx context.Context) error {
	bucket, err := s.journal.Leases(ctx)
	if err != nil || bucket == nil {
		return err
	}
	if s.node, err = nodeName(s.config); err != nil {
		return err
	}
	s.keeper, err = lease.New(lease.Options{
		Bucket: bucket, Name: s.node, TTL: s.config.Journal.Lease, Logger: s.log.With("part", "cluster"),
	})
	if err != nil {
		return err
	}
	s.metrics.SetNode(s.node)
	s.crew.start("cluster", func(ctx context.Context) error {
		if err := s.keeper.Run(ctx); err != nil {
			s.log.Warn("the others of the cluster will notice later that this process has stopped", "error", err)
		}
		return nil
	})
	return nil
}

// attach has the process take its part of the destinations and jobs.
func (f *fleet) attach() error {
	f.journal.HoldBack(f.sharedDestinations)
	f.crew.onStop(func() error {
		f.keeper.Detach()
		return nil
	})
	if err := f.keeper.Attach(lease.Offer{Info: f.memberInfo(), Hold: f.holdItem}); err != nil {
		return err
	}
	f.crew.start("members", f.watchMembers)
	f.crew.start("pauses", f.watchPauses)
	return nil
}

func (f *fleet) memberInfo() lease.MemberInfo {
	info := lease.MemberInfo{
		Address: f.addresses.Admin, Version: f.options.Version.Version, Config: digestOf(f.config), Started: f.started,
		Items: []string{itemJanitor, itemErasures},
	}
	for _, l := range f.lines {
		info.Items = append(info.Items, itemDestination+l.config.Name)
	}
	slices.Sort(info.Items)
	return info
}

// holdItem does what only one process may do, until ctx ends.
func (f *fleet) holdItem(ctx context.Context, held *lease.Lease) error {
	switch held.Item {
	case itemJanitor:
		return f.journal.RunJanitor(ctx)
	case itemErasures:
		f.erasing.Store(true)
		defer f.erasing.Store(false)
		<-ctx.Done()
		return nil
	}
	l, err := f.lineOf(strings.TrimPrefix(held.Item, itemDestination))
	if err != nil {
		return err
	}
	return f.serve(ctx, l, held)
}

// sharedDestinations are those that any process knows.
func (f *fleet) sharedDestinations() []string {
	var names []string
	for _, h := range f.keeper.Group().Held {
		if name, ok := strings.CutPrefix(h.Item, itemDestination); ok {
			names = append(names, name)
		}
	}
	return names
}

// watchMembers says when processes are configured differently. As long as they are, what counts for a destination is the
// configuration of the process that delivers to it.
func (f *fleet) watchMembers(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var said string
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		others := strings.Join(f.differing(), ", ")
		switch others {
		case said:
			continue
		case "":
			f.log.Info("all processes of the cluster have the same configuration again")
		default:
			f.log.Warn("processes of the cluster are configured differently: what counts for a destination is the configuration of the process that delivers to it",
				"others", others)
		}
		said = others
	}
}

// differing are the names of the processes that are configured differently from this one.
func (f *fleet) differing() []string {
	var names []string
	own := digestOf(f.config)
	for _, m := range f.keeper.Group().Members {
		if m.Config != own && !m.Leaving {
			names = append(names, m.Name)
		}
	}
	return names
}

// watchPauses has the workers obey operators who asked another process.
func (f *fleet) watchPauses(ctx context.Context) error {
	return f.journal.WatchPaused(ctx, func(destination string, since time.Time) {
		l, err := f.lineOf(destination)
		if err != nil {
			return
		}
		if worker := l.worker(); worker != nil {
			worker.Pause(since)
		}
	})
}

// digestOf is a digest of what a configuration says of sources and destinations. Whoever has it learns nothing of the keys.
func digestOf(c *config.Config) string {
	h := sha256.New()
	add := func(v any, more ...string) {
		data, err := json.Marshal(v)
		if err != nil {
			data = fmt.Appendf(nil, "%v", err)
		}
		fmt.Fprintf(h, "%d %s %q\n", len(data), data, more)
	}
	for _, s := range c.Sources {
		add(s, s.WriteKey.Reveal())
	}
	for _, d := range c.Destinations {
		var script []byte
		if d.Transformation != "" {
			script, _ = os.ReadFile(d.Transformation) // that it cannot be read is said elsewhere
		}
		add(d, d.APIKey.Reveal(), string(script))
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tanker/internal/admin"
	"tanker/internal/history"
)

const replayHelp = `Usage: tanker replay --destination NAME --since TIME [FILTERS] [--rate N] [--yes]
       tanker replay list                     all replays
       tanker replay show     NUMBER          how one stands
       tanker replay watch    NUMBER          follow one until it ends
       tanker replay stop     NUMBER          interrupt one
       tanker replay continue NUMBER          carry it on where it was

Sends again what the log still holds (journal.retention, 168h): after the mapping was mended, to a new
destination, to repair a contact. First it shows what would be sent: how many events, three of the calls,
and how long it takes. With --yes it is sent.

The events go the normal way, behind what their users already have waiting, with the mapping as it is now;
those of which it makes no call are left out. They are marked as replays wherever they are shown. Not more
than --rate events a minute are added (default: half of the key's limit), and none while newer events
wait for their turn. Refiner counts a repeated track or page call again; identify and group calls only set
again what they set.

The server does the work: Ctrl-C only ends the watching. A replay that is stopped, or interrupted by a
restart of the server or a crash, goes on with the very next event.

FILTERS are --until, --user (an id, an email or an anonymous id), --type and --event (the name of a track
event or a page). Times are written like 2006-01-02T15:04:05Z or, counted back from now, like 24h.
` + remoteHelp

// replayCommand is one use of the command.
type replayCommand struct {
	remote  remoteFlags
	request history.ReplayRequest
	times   moments
	yes     bool
	dryRun  bool
	asJSON  bool

	server *admin.Client
	out    io.Writer
	live   *liveLine
}

// runReplay sends past events again.
func runReplay(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	c := &replayCommand{out: stdout, live: newLiveLine(stderr)}
	fs := newFlags("replay")
	c.remote.define(fs)
	r := &c.request
	fs.StringVar(&r.Destination, "destination", "", "send to the destination `NAME` (default: the only one)")
	fs.StringVar(&r.User, "user", "", "only events of this `USER`: a user id, an email or an anonymous id")
	fs.StringVar(&r.Type, "type", "", "only events of this `TYPE`: identify, track, page or group")
	fs.StringVar(&r.Event, "event", "", "only track events and pages with this `NAME`")
	fs.IntVar(&r.Rate, "rate", 0, "add `N` events a minute at the most (default: half of the key's limit)")
	c.times.define(fs, "events received")
	fs.BoolVar(&c.yes, "yes", false, "really send them, after showing what that is")
	fs.BoolVar(&c.dryRun, "dry-run", false, "only show what would be sent, which is what happens without --yes")
	fs.BoolVar(&c.asJSON, "json", false, "print JSON objects: the plan, and with --yes the replay; list prints one on each line")
	words, err := parseFlags(fs, replayHelp, args, stdout)
	if err != nil {
		return err
	}
	if r.Since, r.Until, err = c.times.read("replay", time.Now()); err != nil {
		return err
	}
	r.Type = strings.ToLower(r.Type)
	if c.server, err = c.remote.client(); err != nil {
		return err
	}
	return explainRemote(c.do(ctx, words))
}

// do carries out what the words say.
func (c *replayCommand) do(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return c.begin(ctx)
	}
	verbs := map[string]func(context.Context, int) error{
		"show":     func(ctx context.Context, id int) error { return c.shown(c.server.Replay(ctx, id)) },
		"stop":     func(ctx context.Context, id int) error { return c.shown(c.server.StopReplay(ctx, id)) },
		"continue": func(ctx context.Context, id int) error { return c.shown(c.server.ContinueReplay(ctx, id)) },
		"watch":    c.watch,
	}
	verb, ok := verbs[words[0]]
	switch {
	case words[0] == "list":
		if err := noWords("replay", words[1:]); err != nil {
			return err
		}
		return c.list(ctx)
	case !ok:
		return usagef("replay", "replay: %q is not one of list, show, watch, stop, continue", words[0])
	case len(words) != 2:
		return usagef("replay", "replay %s: say which replay by its number", words[0])
	}
	id, err := history.ParseReplayID(words[1])
	if err != nil {
		return usagef("replay", "replay %s: %w", words[0], err)
	}
	return verb(ctx, id)
}

// begin shows what a replay would do, and with --yes starts it and follows it.
func (c *replayCommand) begin(ctx context.Context) error {
	switch {
	case c.request.Since.IsZero():
		return usagef("replay", "replay: say from when on with --since, such as --since 24h")
	case c.yes && c.dryRun:
		return usagef("replay", "replay: --yes and --dry-run contradict each other")
	}
	if err := c.chooseDestination(ctx); err != nil {
		return err
	}
	plan, err := c.server.PlanReplay(ctx, c.request, func(p admin.Progress) {
		c.live.show(fmt.Sprintf("searching the log: %.0f %%, %s of %s events so far", p.Share*100, number(p.Calls), number(p.Searched)))
	})
	c.live.clear()
	if err != nil {
		return err
	}
	if c.asJSON {
		if err := printJSON(c.out, plan); err != nil {
			return err
		}
	} else {
		printPlan(c.out, &plan)
	}
	switch {
	case plan.Total == 0:
		return nil
	case !c.yes:
		if !c.asJSON {
			fmt.Fprintln(c.out, "\nnothing was sent; add --yes to send it")
		}
		return nil
	}
	job, err := c.server.StartReplay(ctx, plan.ReplayRequest)
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.out, job)
	}
	fmt.Fprintf(c.out, "\nreplay %d has begun\n", job.ID)
	return c.watch(ctx, job.ID)
}

// chooseDestination takes the only destination there is, if none is named.
func (c *replayCommand) chooseDestination(ctx context.Context) error {
	if c.request.Destination != "" {
		return nil
	}
	status, err := c.server.Status(ctx)
	if err != nil {
		return err
	}
	if len(status.Destinations) != 1 {
		return usagef("replay", "replay: there are %d destinations: say with --destination which one to send to", len(status.Destinations))
	}
	c.request.Destination = status.Destinations[0].Name
	return nil
}

// watchEvery is how often a replay that is watched is asked how far it is.
const watchEvery = 500 * time.Millisecond

// watch follows a replay until it ends, or until whoever watches has seen enough.
func (c *replayCommand) watch(ctx context.Context, id int) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		job, err := c.server.Replay(ctx, id)
		switch {
		case ctx.Err() != nil:
			c.live.clear()
			fmt.Fprintf(c.out, "replay %d goes on in the server: tanker replay watch %d shows how, tanker replay stop %d ends it\n", id, id, id)
			return nil
		case err != nil:
			c.live.clear()
			return err
		case job.State != history.ReplayRunning:
			c.live.clear()
			return c.ended(job)
		}
		c.live.show(replayText(&job))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// ended says how a replay ended that was watched.
func (c *replayCommand) ended(job history.Replay) error {
	if err := c.shown(job, nil); err != nil {
		return err
	}
	if job.State == history.ReplayFailed {
		return withHint(errors.New("the replay has failed"), fmt.Sprintf("when that is mended: tanker replay continue %d", job.ID))
	}
	return nil
}

// shown prints a replay.
func (c *replayCommand) shown(job history.Replay, err error) error {
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.out, job)
	}
	fmt.Fprintln(c.out, plain(replayText(&job)))
	return nil
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tanker/internal/admin"
	"tanker/internal/erasure"
)

const forgetHelp = `Usage: tanker forget --user U [--destination NAME] [--dry-run | --yes]
       tanker forget list [--user U]     all erasures, or those of one user
       tanker forget show  NUMBER        the report of one
       tanker forget watch NUMBER        follow one until it is done
       tanker forget lift  NUMBER        take events of the user again

Erases a user. U is a user id or an email; what belongs to the same user is found by the other:
  - the contact at Refiner is deleted, at every destination, together with its survey answers;
  - the user's events are blanked in the log: their places stay, so that counts and positions do;
  - parked events, dead letters and what was remembered of the user are deleted;
  - what comes of the user from now on is answered as usual and dropped, until the erasure is lifted.

First it shows what that is, and asks for the name once more; --yes asks nothing. Nothing can be brought
back. Backups and copies of the journal still hold the user.

The server does the work: Ctrl-C only ends the watching. An erasure that is interrupted, by a crash too,
goes on. It waits for destinations that are paused or cannot be reached, and says so. When it is done,
everything has been searched again, and nothing is left that says who it was.
` + remoteHelp

// forgetCommand is one use of the command.
type forgetCommand struct {
	remote  remoteFlags
	request erasure.Request
	yes     bool
	dryRun  bool
	asJSON  bool

	server *admin.Client
	in     *bufio.Reader
	out    io.Writer
	live   *liveLine
}

// runForget erases users.
func runForget(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c := &forgetCommand{in: bufio.NewReader(stdin), out: stdout, live: newLiveLine(stderr)}
	fs := newFlags("forget")
	c.remote.define(fs)
	fs.StringVar(&c.request.User, "user", "", "erase this `USER`: a user id or an email")
	fs.StringVar(&c.request.Destination, "destination", "", "delete the contact at the destination `NAME` alone (default: at all); the journal is erased anyway")
	fs.BoolVar(&c.yes, "yes", false, "ask nothing")
	fs.BoolVar(&c.dryRun, "dry-run", false, "only show what would be erased")
	fs.BoolVar(&c.asJSON, "json", false, "print JSON objects: the plan, and the erasure; list prints one on each line")
	words, err := parseFlags(fs, forgetHelp, args, stdout)
	if err != nil {
		return err
	}
	if c.server, err = c.remote.client(); err != nil {
		return err
	}
	return explainRemote(c.do(ctx, words))
}

// do carries out what the words say.
func (c *forgetCommand) do(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return c.begin(ctx)
	}
	verbs := map[string]func(context.Context, int) error{
		"show":  func(ctx context.Context, id int) error { return c.shown(c.server.Erasure(ctx, id)) },
		"lift":  func(ctx context.Context, id int) error { return c.shown(c.server.LiftErasure(ctx, id)) },
		"watch": c.watch,
	}
	verb, ok := verbs[words[0]]
	switch {
	case words[0] == "list":
		if err := noWords("forget", words[1:]); err != nil {
			return err
		}
		return c.list(ctx)
	case !ok:
		return usagef("forget", "forget: %q is not one of list, show, watch, lift; a user is named with --user", words[0])
	case len(words) != 2:
		return usagef("forget", "forget %s: say which erasure by its number", words[0])
	}
	id, err := erasure.ParseID(words[1])
	if err != nil {
		return usagef("forget", "forget %s: %w", words[0], err)
	}
	return verb(ctx, id)
}

// begin shows what an erasure would do, and starts it when it is confirmed.
func (c *forgetCommand) begin(ctx context.Context) error {
	switch {
	case c.request.User == "":
		return usagef("forget", "forget: name the user with --user")
	case c.yes && c.dryRun:
		return usagef("forget", "forget: --yes and --dry-run contradict each other")
	}
	if err := c.plan(ctx); err != nil || c.dryRun {
		return err
	}
	if err := c.confirm(); err != nil {
		return err
	}
	job, err := c.server.StartErasure(ctx, c.request)
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.out, job)
	}
	fmt.Fprintf(c.out, "\nerasure %d has begun; events of this user are not taken any more\n", job.ID)
	return c.watch(ctx, job.ID)
}

// plan shows what an erasure would do. Error: one that says why it is not possible.
func (c *forgetCommand) plan(ctx context.Context) error {
	plan, err := c.server.PlanErasure(ctx, c.request, func(p erasure.Progress) {
		c.live.show(fmt.Sprintf("searching the log: %.0f %%, %s of %s events so far", p.Share*100, number(p.Found), number(p.Searched)))
	})
	c.live.clear()
	if err != nil {
		return err
	}
	if c.asJSON {
		err = printJSON(c.out, plan)
	} else {
		printErasurePlan(c.out, &plan)
	}
	if err == nil && plan.Unclear != "" {
		err = withHint(errors.New(plan.Unclear), "tanker trace --user shows whose events carry this email")
	}
	return err
}

// confirm asks for the name once more.
func (c *forgetCommand) confirm() error {
	if c.yes {
		return nil
	}
	fmt.Fprint(c.out, "\nThis cannot be undone. Type the user's name once more to erase it all: ")
	line, err := c.in.ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(c.out)
		return withHint(errors.New("nothing was erased: there was no answer"), "--yes asks nothing")
	}
	if strings.TrimSpace(line) != strings.TrimSpace(c.request.User) {
		return errors.New("nothing was erased: that is not the name")
	}
	return nil
}

// watch follows an erasure until it ends, or until whoever watches has seen enough.
func (c *forgetCommand) watch(ctx context.Context, id int) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		job, err := c.server.Erasure(ctx, id)
		switch {
		case ctx.Err() != nil:
			c.live.clear()
			fmt.Fprintf(c.out, "erasure %d goes on in the server: tanker forget watch %d shows how\n", id, id)
			return nil
		case err != nil:
			c.live.clear()
			return err
		case job.State != erasure.Running:
			c.live.clear()
			return c.ended(job)
		}
		c.live.show(erasureText(&job))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// ended says how an erasure ended that was watched.
func (c *forgetCommand) ended(job erasure.Erasure) error {
	if err := c.shown(job, nil); err != nil {
		return err
	}
	if job.State == erasure.Failed {
		return errors.New("the erasure has failed, nothing was erased")
	}
	return nil
}

// shown prints an erasure.
func (c *forgetCommand) shown(job erasure.Erasure, err error) error {
	if err != nil {
		return err
	}
	if c.asJSON {
		return printJSON(c.out, job)
	}
	printErasure(c.out, &job)
	return nil
}

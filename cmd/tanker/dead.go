package main

import (
	"context"
	"io"
	"time"

	"tanker/internal/admin"
	"tanker/internal/dead"
	"tanker/internal/journal"
)

const deadHelp = `Usage: tanker dead groups  [FILTERS] [--json]
       tanker dead list    [FILTERS] [--json]
       tanker dead show    POSITION [--destination NAME] [--json | --event]
       tanker dead replay  POSITION… [--destination NAME]  or  --all [FILTERS]  [--dry-run]
       tanker dead replay  POSITION  [--destination NAME] --edit FILE  [--dry-run]
       tanker dead discard POSITION… [--destination NAME]  or  --all [FILTERS] --yes

A dead letter is an event that Refiner refused, or that could not be delivered in all the time it was
tried. It is kept with the call, the last answer and all attempts.

  groups    shows what they died of: a line for each destination, reason and answer
  list      shows them, the oldest first
  show      shows one in full
  replay    accepts the event anew, behind what its user already has waiting, and deletes the letter;
            with --dry-run it only shows the calls that this would send
  discard   deletes the letter for good

To correct an event, take it out, change it, look what becomes of it, and send it:

  tanker dead show 17.0 --event > event.json
  tanker dead replay 17.0 --edit event.json --dry-run
  tanker dead replay 17.0 --edit event.json

POSITION is what list shows first, such as 17.0. Where a server has several destinations, --destination
says which one's letter is meant. FILTERS are --destination, --group (which groups shows first), --reason,
--user, --since and --until; times are written like 2006-01-02T15:04:05Z or, counted back from now, like 24h.
replay --all and discard --all take the letters that there are when they begin.
` + remoteHelp

// deadFlags is what the command line of dead says.
type deadFlags struct {
	remote    remoteFlags
	filter    dead.Filter
	moments   moments
	all, yes  bool
	dryRun    bool
	edit      string
	asJSON    bool
	onlyEvent bool
	limit     int
}

// runDead looks at dead letters, and changes what becomes of them.
func runDead(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f, words, err := parseDeadFlags(args, stdout)
	if err != nil {
		return err
	}
	verbs := map[string]func(context.Context, *deadCommand) error{
		"groups": groupDead, "list": listDead, "show": showDead, "replay": replayDead, "discard": discardDead,
	}
	if len(words) == 0 {
		return usagef("dead", "dead: say what about them: groups, list, show, replay or discard")
	}
	verb, ok := verbs[words[0]]
	if !ok {
		return usagef("dead", "dead: %q is not one of groups, list, show, replay, discard", words[0])
	}
	client, err := f.remote.client()
	if err != nil {
		return err
	}
	return explainRemote(verb(ctx, &deadCommand{
		deadFlags: f, verb: words[0], words: words[1:], server: client, in: stdin, out: stdout, live: newLiveLine(stderr),
	}))
}

func parseDeadFlags(args []string, stdout io.Writer) (deadFlags, []string, error) {
	var f deadFlags
	fs := newFlags("dead")
	f.remote.define(fs)
	fs.StringVar(&f.filter.Destination, "destination", "", "only letters of the destination `NAME`")
	fs.StringVar(&f.filter.Reason, "reason", "", "only letters with this `REASON`")
	fs.StringVar(&f.filter.Group, "group", "", "only letters of this `GROUP`, as groups shows it")
	fs.StringVar(&f.filter.User, "user", "", "only letters of this `USER`: the id, else the email")
	f.moments.define(fs, "letters that died")
	fs.IntVar(&f.limit, "limit", 100, "list `N` letters at the most; 0 lists all")
	fs.BoolVar(&f.all, "all", false, "replay or discard every letter that the filters select")
	fs.BoolVar(&f.yes, "yes", false, "with discard --all: really delete them")
	fs.BoolVar(&f.dryRun, "dry-run", false, "with replay: show how many letters and which calls would be sent, and send nothing")
	fs.StringVar(&f.edit, "edit", "", "with replay: send the corrected event in `FILE` (- for standard input) in the place of the letter's")
	fs.BoolVar(&f.onlyEvent, "event", false, "with show: print the event alone, as it was sent")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON: list and replay --dry-run one letter on each line, groups and show one object")
	words, err := parseFlags(fs, deadHelp, args, stdout)
	if err != nil {
		return f, nil, err
	}
	f.filter.Since, f.filter.Until, err = f.moments.read("dead", time.Now())
	return f, words, err
}

// deadCommand is one use of the command.
type deadCommand struct {
	deadFlags
	verb   string
	words  []string // positions
	server *admin.Client
	in     io.Reader
	out    io.Writer
	live   *liveLine
}

// each calls do for the letters that the filter selects, up to so many (0: all), and says how many there were.
func (c *deadCommand) each(ctx context.Context, most int, do func(journal.DeadLetter) error) (n int, more bool, err error) {
	filter := c.filter
	for {
		filter.Limit = pageSize
		page, err := c.server.DeadLetters(ctx, filter)
		if err != nil {
			return n, false, err
		}
		for _, letter := range page.Letters {
			if most > 0 && n == most {
				return n, true, nil
			}
			if err := do(letter); err != nil {
				return n, false, err
			}
			n++
		}
		if page.Next == 0 {
			return n, false, nil
		}
		filter.After = page.Next
	}
}

// pageSize is how many letters are asked for at a time; a letter can hold an event of several megabytes.
const pageSize = 50

// positions reads the words as positions of letters.
func (c *deadCommand) positions() ([]journal.Position, error) {
	var all []journal.Position
	for _, word := range c.words {
		at, err := journal.ParsePosition(word)
		if err != nil {
			return nil, usagef("dead", "dead %s: %w", c.verb, err)
		}
		all = append(all, at)
	}
	return all, nil
}

// destination is the one whose letters are meant: the one that was named, or the only one there is.
func (c *deadCommand) destination(ctx context.Context) (string, error) {
	if c.filter.Destination != "" {
		return c.filter.Destination, nil
	}
	status, err := c.server.Status(ctx)
	if err != nil {
		return "", err
	}
	if len(status.Destinations) != 1 {
		return "", usagef("dead", "dead %s: there are %d destinations: say with --destination whose letter is meant", c.verb, len(status.Destinations))
	}
	return status.Destinations[0].Name, nil
}

package main

import (
	"context"
	"io"
	"strings"
)

const journalHelp = `Usage: tanker journal export  FILE | -      [--from PLACE]
       tanker journal verify  FILE
       tanker journal import  FILE          [--to PLACE]
       tanker journal migrate --from PLACE --to PLACE
       tanker journal plan
       tanker journal apply [--shrink]

The last two are for a journal on a NATS cluster (journal.url): plan says which of its streams are not as
they are configured, and apply makes and changes them. What takes room or replicas away is done with
--shrink alone. A server makes what is not there, and uses what is there as it is.

The others copy a journal: all events that are stored, what became of them, where each destination stands, dead
letters, parked events, pauses and replays. A server that runs on the copy goes on exactly where the other
one stood. No server may run on either side meanwhile.

  export    writes everything to one file, or to standard output
  verify    reads such a file from front to back and says what it holds, and whether it is whole
  import    makes a journal of such a file, after verifying it
  migrate   makes a journal of another one

PLACE is a data directory, servers of NATS (nats://a:4222,nats://b:4222) or a configuration file, whose
journal is meant. Where none is named, it is that of the configuration, which also says how the servers
are reached and on how many of them everything is kept. What is written to has to be new or empty. A copy
that was interrupted goes on when the same command is given again; a server refuses to start on it before
it is finished. What was written is read back and compared.

The journal that was copied stays as it is. Start a server on one of the two, not on both: each would
deliver what is pending.`

// journalFlags is what the command line of journal says.
type journalFlags struct {
	config, from, to string
	shrink           bool
}

// journalCommand is one use of the command.
type journalCommand struct {
	journalFlags
	words          []string // behind the verb
	stdout, stderr io.Writer
}

// runJournal copies journals.
func runJournal(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	var f journalFlags
	fs := newFlags("journal")
	fs.StringVar(&f.config, "config", "", "configuration `FILE` of the server (default ./tanker.yaml if there is one)")
	fs.StringVar(&f.from, "from", "", "the journal to copy: a `PLACE`")
	fs.StringVar(&f.to, "to", "", "where the copy is to be: a `PLACE`")
	fs.BoolVar(&f.shrink, "shrink", false, "apply also what takes room or replicas away")
	words, err := parseFlags(fs, journalHelp, args, stdout)
	if err != nil {
		return err
	}
	verbs := map[string]func(context.Context, *journalCommand) error{
		"export": exportJournal, "verify": verifyJournal, "import": importJournal, "migrate": migrateJournal,
		"plan": planJournal, "apply": applyJournal,
	}
	if len(words) == 0 {
		return usagef("journal", "journal: say what to do: export, verify, import, migrate, plan or apply")
	}
	verb, ok := verbs[words[0]]
	if !ok {
		return usagef("journal", "journal: %q is not one of export, verify, import, migrate, plan, apply", words[0])
	}
	return verb(ctx, &journalCommand{journalFlags: f, words: words[1:], stdout: stdout, stderr: stderr})
}

// only refuses flags and words that the verb has no use for.
func (c *journalCommand) only(verb, words string, from, to bool) error {
	want := 0
	if words != "" {
		want = 1
	}
	switch {
	case len(c.words) < want:
		return usagef("journal", "journal %s: name %s", verb, words)
	case len(c.words) > want:
		return usagef("journal", "journal %s: %q is not expected here", verb, strings.Join(c.words[want:], " "))
	case c.from != "" && !from:
		return usagef("journal", "journal %s has no use for --from", verb)
	case c.to != "" && !to:
		return usagef("journal", "journal %s has no use for --to", verb)
	}
	return nil
}

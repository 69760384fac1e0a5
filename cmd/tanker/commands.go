package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"tanker/internal/spelling"
)

// command is one word of the command line. Its run parses its own flags and prints its own help.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// commands are the words the command line knows, in the order the help shows them.
func commands() []command {
	return []command{
		{"demo", "see it work: server, stand-in for Refiner and a story of events, in one process", runDemo},
		{"serve", "take events from RudderStack's SDKs and deliver them to Refiner", runServe},
		{"config", "print a configuration file with every setting, or make one of RudderStack's", runConfig},
		{"check", "check the configuration, and every API key against Refiner", runCheck},
		{"status", "state and totals of a running server's destinations", runStatus},
		{"console", "a link that opens a running server's console in a browser", runConsole},
		{"token", "make a new token for a running server's admin API and console", runToken},
		{"health", "ask a running server whether it is alive, or ready", runHealth},
		{"pause", "send nothing to a destination until it is resumed", runPause},
		{"resume", "let a paused destination go on", runResume},
		{"dead", "look at, send again or discard what could not be delivered", runDead},
		{"trace", "what became of a user's events, and why", runTrace},
		{"import", "bring users and accounts into Refiner from a table or a file of events", runImport},
		{"replay", "send past events again that the log still holds", runReplay},
		{"forget", "erase a user: contact, events, and whatever comes of the user later", runForget},
		{"journal", "copy the journal: to a file, from a file, to another place", runJournal},
		{"transform", "show the calls that events become, without sending them", runTransform},
		{"transformer", "take the place of RudderStack's transformer for Refiner", runTransformer},
		{"sandbox", "run a stand-in for Refiner's API", runSandbox},
		{"version", "print the version", runVersion},
		{"help", "explain a command", runHelp},
	}
}

// choose finds the command that args ask for and the arguments that are left for it.
func choose(args []string) (command, []string, error) {
	if len(args) == 0 {
		return command{run: runHelp}, nil, nil
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c, rest, nil
		}
	}
	return command{}, nil, unknownCommand(name)
}

// unknownCommand says which command was probably meant.
func unknownCommand(name string) error {
	hint := "tanker help lists the commands"
	if near := spelling.Nearest(name, commandNames()); near != "" {
		hint = fmt.Sprintf("did you mean: tanker %s", near)
	}
	return usageError{withHint(fmt.Errorf("there is no command %q", name), hint)}
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

const overview = `Tanker carries the events of RudderStack's SDKs to Refiner.

Point an SDK's data plane URL at it: every event is on disk before the SDK gets its answer, and each
user's calls reach Refiner in order, within Refiner's limits, until Refiner has them.

Usage: tanker COMMAND [FLAGS]
`

const helpHelp = `Usage: tanker help [COMMAND]

Explains a command, or lists them all.`

// runHelp explains one command, or lists them all.
func runHelp(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	words, err := parseFlags(newFlags("help"), helpHelp, args, stdout)
	if err != nil {
		return err
	}
	if len(words) > 0 && words[0] != "help" {
		c, rest, err := choose(words)
		if err != nil {
			return err
		}
		return c.run(ctx, append(rest, "-h"), stdin, stdout, stderr)
	}
	fmt.Fprint(stdout, overview, "\n")
	table := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(table, "  %s\t%s\n", c.name, c.summary)
	}
	table.Flush()
	fmt.Fprintln(stdout, strings.TrimRight(firstSteps, "\n"))
	return nil
}

const firstSteps = `
First steps:
  tanker demo                     watch events go all the way, nothing to set up
  TANKER_WRITE_KEY=any-secret REFINER_API_KEY=key-from-refiner tanker serve
  tanker help serve               what can be set, and how
`

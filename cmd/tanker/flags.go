package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// newFlags returns an empty flag set for a command. Hand it to parseFlags once the flags are defined.
func newFlags(command string) *flag.FlagSet {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // parseFlags says what is wrong in its own words
	fs.Usage = func() {}
	return fs
}

// parseFlags reads args and returns what is not a flag; flags and other words may stand in any order,
// and "--" ends the flags. Asked for help it prints text and the flags, and returns flag.ErrHelp,
// which the caller returns as it is. text begins with the usage line.
func parseFlags(fs *flag.FlagSet, text string, args []string, stdout io.Writer) ([]string, error) {
	var words []string
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			printHelp(stdout, fs, text)
			return nil, err
		}
		if err != nil {
			return nil, usagef(fs.Name(), "%s: %s", fs.Name(), dashes(err.Error()))
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return words, nil
		}
		if parsed := len(args) - len(rest); parsed > 0 && args[parsed-1] == "--" {
			return append(words, rest...), nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

// noWords refuses words for a command that takes flags only.
func noWords(command string, words []string) error {
	if len(words) == 0 {
		return nil
	}
	return usagef(command, "%s: %q is not expected here", command, words[0])
}

// dashes writes a flag the way the help does, with two dashes.
func dashes(message string) string {
	message = strings.Replace(message, "flag provided but not defined: -", "there is no flag --", 1)
	message = strings.Replace(message, "argument: -", "argument: --", 1)
	message = strings.Replace(message, " for flag -", " for -", 1)
	return strings.Replace(message, " for -", " for --", 1)
}

// printHelp prints a command's text and its flags.
func printHelp(w io.Writer, fs *flag.FlagSet, text string) {
	fmt.Fprintln(w, strings.TrimSpace(text))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	first := true
	fs.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprint(table, "\nFlags:\n")
			first = false
		}
		value, usage := flag.UnquoteUsage(f)
		name := strings.TrimRight("--"+f.Name+" "+value, " ")
		fmt.Fprintf(table, "  %s\t%s%s\n", name, usage, shownDefault(f))
	})
	table.Flush()
}

// shownDefault is the default of a flag in brackets, or nothing if it is the zero value.
func shownDefault(f *flag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false":
		return ""
	}
	return fmt.Sprintf(" (default %s)", f.DefValue)
}

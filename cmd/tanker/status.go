package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tanker/internal/admin"
)

const statusHelp = `Usage: tanker status [--json]

Shows how a running server stands: each destination's state, and what became of the events that were
accepted for it. At all times accepted = delivered + filtered + rejected + dead + pending, and lost if the disk
has lost any.

  delivering, idle   all is well
  waiting            every event at hand waits for its user's limit or its next attempt
  rate limited       Refiner asked to wait
  circuit open       calls of everyone fail; Refiner is asked until it answers again
  blocked            Refiner refuses the API key; it is asked again by itself
  paused             by an operator; tanker resume lets it go on
  disabled           switched off in the configuration; events wait
  changing hands     the process that delivered is gone, another takes over within seconds
` + remoteHelp

// runStatus shows how a running server stands.
func runStatus(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("status")
	var remote remoteFlags
	remote.define(fs)
	asJSON := fs.Bool("json", false, "print a JSON object")
	words, err := parseFlags(fs, statusHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("status", words); err != nil {
		return err
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	status, err := client.Status(ctx)
	if err != nil {
		return explainRemote(err)
	}
	if *asJSON {
		return printJSON(stdout, status)
	}
	printStatus(stdout, status, time.Now())
	return nil
}

// printStatus shows a status to people.
func printStatus(w io.Writer, s admin.Status, now time.Time) {
	accepting := "accepting events"
	if !s.Ready {
		accepting = "NOT accepting events: " + plain(s.NotReady)
	}
	fmt.Fprintf(w, "tanker %s, up for %s, %s\n", plain(s.Version), span(now.Sub(s.Started)), accepting)
	fmt.Fprintf(w, "journal: %s events ever accepted; %s on disk of at most %s\n\n",
		number(s.Journal.Events), bytesText(s.Journal.Bytes), bytesText(s.Journal.MaxBytes))
	printTotals(w, s.Destinations, now)
	for _, d := range s.Destinations {
		printDetails(w, d, now)
	}
	printMembers(w, s, now)
	if len(s.Replays) > 0 {
		fmt.Fprintln(w)
	}
	for i := range s.Replays {
		fmt.Fprintln(w, plain(replayText(&s.Replays[i])))
	}
}

// printTotals shows a line for each destination.
func printTotals(w io.Writer, destinations []admin.DestinationStatus, now time.Time) {
	t := newTable("DESTINATION", "STATE", ">ACCEPTED", ">DELIVERED", ">FILTERED", ">REJECTED", ">DEAD", ">PENDING", ">OLDEST")
	for _, d := range destinations {
		oldest := "-"
		if !d.OldestPending.IsZero() {
			oldest = span(now.Sub(d.OldestPending))
		}
		t.add(d.Name, d.State, number(d.Accepted), number(d.Totals.Delivered), number(sum(d.Totals.Filtered)),
			number(sum(d.Totals.Rejected)), number(sum(d.Totals.Dead)), number(d.Pending), oldest)
	}
	t.print(w, "")
}

// printDetails shows why a destination is as it is, and what its outcomes are made of.
func printDetails(w io.Writer, d admin.DestinationStatus, now time.Time) {
	var lines []string
	if d.Reason != "" {
		line := fmt.Sprintf("%s for %s: %s", d.State, span(now.Sub(d.Since)), d.Reason)
		if d.Until.After(now) {
			line += fmt.Sprintf("; next try in %s", span(d.Until.Sub(now)))
		}
		lines = append(lines, line)
	}
	if d.Owner != "" {
		lines = append(lines, fmt.Sprintf("delivered by %s for %s", d.Owner, span(now.Sub(d.OwnedSince))))
	}
	if d.Parked > 0 {
		lines = append(lines, "parked: "+plural(int(d.Parked), "event")+" of "+plural(d.UsersParked, "user"))
	}
	if d.Totals.Lost > 0 {
		lines = append(lines, "LOST: the disk has lost "+plural(int(d.Totals.Lost), "event")+" before they were delivered; the log says which")
	}
	for _, kind := range []struct {
		name    string
		reasons map[string]uint64
	}{{"filtered", d.Totals.Filtered}, {"rejected", d.Totals.Rejected}, {"dead", d.Totals.Dead}, {"calls since the start", d.Calls}} {
		if text := reasons(kind.reasons); text != "" {
			lines = append(lines, kind.name+": "+text)
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n%s\n", plain(d.Name))
	}
	for _, line := range lines {
		fmt.Fprintf(w, "  %s\n", plain(line))
	}
}

// reasons lists the numbers that are not zero, the largest first.
func reasons(counts map[string]uint64) string {
	var parts []string
	for _, name := range byCount(counts) {
		if counts[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(counts[name]), name))
		}
	}
	return strings.Join(parts, ", ")
}

// byCount are the names, those with the largest counts first.
func byCount[T int | uint64](counts map[string]T) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
}

func sum(counts map[string]uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}

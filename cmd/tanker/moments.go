package main

import (
	"flag"
	"fmt"
	"time"
)

// moments are flags for times: --since and --until.
type moments struct{ since, until string }

func (m *moments) define(fs *flag.FlagSet, what string) {
	fs.StringVar(&m.since, "since", "", "only "+what+" at this `TIME` or later")
	fs.StringVar(&m.until, "until", "", "only "+what+" before this `TIME`")
}

// read returns the times that the flags say; a zero time where they say none.
func (m *moments) read(command string, now time.Time) (since, until time.Time, err error) {
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"since", m.since, &since}, {"until", m.until, &until}} {
		if t.text == "" {
			continue
		}
		if *t.into, err = parseMoment(t.text, now); err != nil {
			return since, until, usagef(command, "%s: --%s: %w", command, t.name, err)
		}
	}
	if !until.IsZero() && !since.Before(until) {
		return since, until, usagef(command, "%s: --since is not before --until", command)
	}
	return since, until, nil
}

// parseMoment reads a time, or a duration that is counted back from now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is no time: write it like 2006-01-02T15:04:05Z, or like 24h for a day ago", text)
	}
	return at, nil
}

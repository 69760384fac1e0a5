package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tanker/internal/admin"
)

// printMembers shows the processes that share the journal, and what each of them alone does.
func printMembers(w io.Writer, s admin.Status, now time.Time) {
	if len(s.Members) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := newTable("PROCESS", "VERSION", "UP FOR", "ADMIN", "DOES")
	differs := false
	for _, m := range s.Members {
		name := m.Name
		if m.Name == s.Node {
			name += " (this one)"
		}
		if m.Differs {
			name += " *"
			differs = true
		}
		t.add(name, m.Version, span(now.Sub(m.Started)), m.Admin, doing(m))
	}
	t.print(w, "")
	if differs {
		fmt.Fprintln(w, "* its sources and destinations are configured differently from those of this process: see docs/cluster.md")
	}
}

// doing is what a process does that no other does at the time.
func doing(m admin.MemberStatus) string {
	const longSilent = 3 // seconds: several signs of life are missing
	items := make([]string, len(m.Holds))
	for i, item := range m.Holds {
		items[i] = strings.TrimPrefix(strings.TrimPrefix(item, "destination."), "job.")
	}
	text := strings.Join(items, ", ")
	if text == "" {
		text = "-"
	}
	switch {
	case m.Leaving:
		text += "; stopping"
	case m.Silent >= longSilent:
		text += fmt.Sprintf("; not heard of for %.0f s", m.Silent)
	}
	return text
}

package console

import (
	"strings"
)

// A number on the overview is a link to the events that it counts, where a page shows them.

// countLink is such a number.
type countLink struct {
	Count uint64
	Path  string // "" if there is nothing to show
	ID    string // so that the focus stays where it is when the number is exchanged
	Label string
}

// stop is one station on the way of a destination's events, with the reasons why they end there.
type stop struct {
	outcomes

	Destination, Hint string
}

func newStop(destination string, o outcomes, hint string) stop { return stop{o, destination, hint} }

// link makes the number of a destination's events that fare in a way, for a reason or for any.
func (c *Console) link(destination, kind, reason string, count uint64) (countLink, error) {
	l := countLink{Count: count, ID: strings.Join([]string{destination, kind, reason}, "-")}
	if count == 0 {
		return l, nil
	}
	l.Label = number(count) + " " + strings.TrimSpace(kind+" "+reason)
	path, pairs := "/events", []string{"destination", destination, "outcome", kind, "reason", reason}
	switch kind {
	case "accepted":
		path, pairs = "/live", []string{"destination", destination}
	case "dead":
		path, pairs = "/dead", []string{"destination", destination, "reason", reason}
	}
	if !c.shows(path) {
		return l, nil
	}
	var err error
	l.Path, err = query(path, pairs...)
	return l, err
}

// shows reports whether there is a page.
func (c *Console) shows(path string) bool {
	for _, item := range c.nav {
		if item.Path == path {
			return true
		}
	}
	return false
}

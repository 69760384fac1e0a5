package live

import (
	"slices"

	"tanker/internal/journal"
)

// mostKnown is how many of the latest events are remembered, to show with their outcomes.
const mostKnown = 4096

// known are the latest events, with what became of them. Not safe for concurrent use.
type known struct {
	rows  map[journal.Position]*Row
	order []journal.Position // a ring once it is full
	next  int
}

// Row is an event and its outcomes so far. A row that has been handed out is not changed any more.
type Row struct {
	*Event
	Outcomes []Outcome
}

// add remembers an event in the place of the oldest one.
func (k *known) add(e *Event) {
	if k.rows == nil {
		k.rows = map[journal.Position]*Row{}
	}
	if k.rows[e.Position] != nil {
		return
	}
	k.rows[e.Position] = &Row{Event: e}
	if len(k.order) < mostKnown {
		k.order = append(k.order, e.Position)
		return
	}
	delete(k.rows, k.order[k.next])
	k.order[k.next] = e.Position
	k.next = (k.next + 1) % mostKnown
}

// settle adds an outcome, and returns the row as it is then; nil if the event is not known.
func (k *known) settle(at journal.Position, o Outcome) *Row {
	row := k.rows[at]
	if row == nil {
		return nil
	}
	changed := &Row{Event: row.Event, Outcomes: make([]Outcome, 0, len(row.Outcomes)+1)}
	for _, before := range row.Outcomes {
		if before.Destination != o.Destination {
			changed.Outcomes = append(changed.Outcomes, before)
		}
	}
	changed.Outcomes = append(changed.Outcomes, o)
	k.rows[at] = changed
	return changed
}

// without returns the positions of the outcomes whose events are not known, in ascending order, each once.
func (k *known) without(landed []landed) []journal.Position {
	var missing []journal.Position
	for i := range landed {
		if k.rows[landed[i].at] == nil {
			missing = append(missing, landed[i].at)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// latest returns up to n of the latest rows that a watcher wants to see, the oldest first.
func (k *known) latest(f *Filter, n int) []*Row {
	var found []*Row
	for i := range k.order {
		at := k.order[(k.next+len(k.order)-1-i)%len(k.order)]
		if row := k.rows[at]; row != nil && f.shows(row) {
			found = append(found, row)
		}
		if len(found) == n {
			break
		}
	}
	slices.Reverse(found)
	return found
}

// shows reports whether a row is meant.
func (f *Filter) shows(row *Row) bool {
	if !f.wants(row.Event) {
		return false
	}
	if !f.byOutcome() {
		return true
	}
	for i := range row.Outcomes {
		if f.accepts(&row.Outcomes[i]) {
			return true
		}
	}
	return false
}

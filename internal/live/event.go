package live

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// Event is an event in short. Texts of more than 256 bytes are cut.
type Event struct {
	Position   journal.Position
	Source     string
	Type       string
	Name       string // of the track event or the page
	User       string // the user id, else the email, else the anonymous id
	MessageID  string
	ReceivedAt time.Time
	ReplayTo   string // the destination to which it is sent again; "" if it is no replay

	names string // all the user's names, in lower case, for filters
}

// Outcome is what became of an event at a destination.
type Outcome struct {
	Destination string
	Kind        journal.Kind // one of the four, or journal.Parked
	Reason      string
	Attempts    int
	At          time.Time
	CarriedBy   journal.Position
}

// longest is how many bytes of a text are kept.
const longest = 256

func clip(s string) string {
	if len(s) <= longest {
		return strings.Clone(s)
	}
	cut := longest
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func newEvent(e *journal.Entry, replayTo string) *Event {
	s := history.Summarize(e)
	short := &Event{
		Position: s.Position, Source: s.Source, Type: clip(s.Type), Name: clip(s.Name), User: clip(s.User),
		MessageID: clip(s.MessageID), ReceivedAt: s.ReceivedAt, ReplayTo: replayTo,
	}
	short.names = strings.ToLower(clip(s.UserID) + "\n" + clip(s.Email) + "\n" + clip(s.AnonymousID))
	return short
}

// Filter says what a watcher wants to see. The zero value selects all.
type Filter struct {
	Source      string
	Type        string       // in lower case
	Event       string       // a part of the name, in any case
	User        string       // a part of the user id, the email or the anonymous id, in any case
	Destination string       // only outcomes there
	Outcome     journal.Kind // only events with this outcome, from when they have it
}

// wants reports whether an event is meant, outcomes apart.
func (f *Filter) wants(e *Event) bool {
	return (f.Source == "" || e.Source == f.Source) &&
		(f.Type == "" || e.Type == f.Type) &&
		(f.Event == "" || strings.Contains(strings.ToLower(e.Name), strings.ToLower(f.Event))) &&
		(f.User == "" || strings.Contains(e.names, strings.ToLower(f.User)))
}

// byOutcome reports whether an event is shown only when it has an outcome.
func (f *Filter) byOutcome() bool { return f.Outcome != "" || f.Destination != "" }

// accepts reports whether an outcome is meant.
func (f *Filter) accepts(o *Outcome) bool {
	return o.Destination == cmp.Or(f.Destination, o.Destination) && o.Kind == cmp.Or(f.Outcome, o.Kind)
}

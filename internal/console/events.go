package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// listKinds are what the events of a destination can be listed by.
var listKinds = []journal.Kind{
	journal.Delivered, journal.Filtered, journal.Rejected, journal.Dead, history.Pending, journal.Parked, history.Retrying,
}

// listView is a list of events of a destination that fared alike, or the form that asks for one.
type listView struct {
	Options      history.ListOptions
	Destinations []string
	Kinds        []journal.Kind
	Page         *history.Page // nil if nothing was asked for
	Next         string        // path of the next page; "" if this is the last
	First        string        // path of the first page; "" if this is it
	Meaning      string        // of the kind
	Backwards    bool          // the latest come first

	Find    string // what was looked for by its message id; "" if nothing was
	Found   *history.Found
	FindOn  string // path to look further; "" if the whole log was looked through
	Problem string // what is wrong with what was asked for
}

// kindMeanings say what the words mean, for people who see them for the first time.
var kindMeanings = map[journal.Kind]string{
	journal.Delivered: "Refiner has these events.",
	journal.Filtered:  "These events are not meant for this destination.",
	journal.Rejected:  "Of these events the mapping can make no call.",
	journal.Dead:      "Refiner refused these very events, or they could not be delivered in all the time they were tried.",
	history.Pending:   "These events wait for their turn, or are on their way; those that are parked are listed apart.",
	journal.Parked:    "These events must wait because of their user, and are out of everybody else's way meanwhile.",
	history.Retrying:  "The calls for these events have failed, and will be made again.",
}

// showEvents lists events, or leads to one.
func showEvents(v *visit) error {
	q := v.URL.Query()
	if find := strings.TrimSpace(q.Get("find")); find != "" {
		return findEvent(v, find)
	}
	next, err := number64(v, "next")
	if err != nil {
		return err
	}
	seen := newListView(v)
	o := history.ListOptions{
		Destination: q.Get("destination"), Kind: journal.Kind(q.Get("outcome")), Reason: strings.TrimSpace(q.Get("reason")),
		User: q.Get("user"), Next: next,
	}
	seen.Options = o
	if o.Kind == "" {
		return v.show("events", "Events", seen)
	}
	if !slices.Contains(listKinds, o.Kind) {
		return problem{http.StatusBadRequest, "events cannot be listed by that", "choose one of the outcomes that are offered"}
	}
	if o.Destination == "" && len(seen.Destinations) > 0 {
		o.Destination = seen.Destinations[0]
	}
	page, err := v.backend.List(v.Context(), o)
	if err != nil {
		return err
	}
	seen.Options, seen.Page, seen.Meaning = o, &page, kindMeanings[o.Kind]
	switch o.Kind {
	case history.Pending, journal.Parked, history.Retrying:
	default:
		seen.Backwards = true
	}
	if page.Next != 0 {
		seen.Next = listPath(o, page.Next)
	}
	if o.Next != 0 {
		seen.First = listPath(o, 0)
	}
	return v.show("events", "Events", seen)
}

func newListView(v *visit) listView {
	return listView{Destinations: v.backend.DestinationNames(), Kinds: listKinds}
}

func listPath(o history.ListOptions, next uint64) string {
	from := ""
	if next != 0 {
		from = strconv.FormatUint(next, 10)
	}
	path, _ := query("/events", "destination", o.Destination, "outcome", string(o.Kind), "reason", o.Reason, "user", o.User, "next", from) // each has its value
	return path
}

// Reasonable reports whether events of this kind have reasons.
func (l listView) Reasonable() bool {
	switch l.Options.Kind {
	case journal.Filtered, journal.Rejected, journal.Dead, "":
		return true
	}
	return l.Options.Reason != ""
}

// Waiting reports whether the events have no outcome yet.
func (l listView) Waiting() bool { return l.Page != nil && !l.Backwards }

// after is how long an event took from its acceptance to its outcome, in words; "" if that says nothing.
func after(e history.Listed) string {
	if e.Gone || e.At.Before(e.ReceivedAt) || e.ReplayOf != 0 {
		return ""
	}
	return "after " + brief(e.At.Sub(e.ReceivedAt))
}

// findEvent leads to an event by its position, or looks for it by its message id.
func findEvent(v *visit, find string) error {
	if at, err := journal.ParsePosition(find); err == nil {
		return v.redirect("/events/" + at.String())
	}
	seen := newListView(v)
	seen.Find = find
	before, err := beforeOf(v)
	if err != nil {
		return err
	}
	found, err := v.backend.Find(v.Context(), history.FindOptions{Selection: history.Selection{Message: find}, Before: before})
	if err != nil {
		return err
	}
	if len(found.Events) == 1 && before == 0 && found.Before == 0 {
		return v.redirect("/events/" + found.Events[0].Position.String())
	}
	seen.Found = &found
	if found.Before != 0 {
		seen.FindOn, _ = query("/events", "find", find, "before", found.Before.String()) // each has its value
	}
	return v.show("events", "Events", seen)
}

// beforeOf is the parameter that says where to look further.
func beforeOf(v *visit) (journal.Position, error) {
	text := v.URL.Query().Get("before")
	if text == "" {
		return 0, nil
	}
	at, err := journal.ParsePosition(text)
	if err != nil {
		return 0, problem{http.StatusBadRequest, "before is no place in the log", "follow the links of the page"}
	}
	return at, nil
}

// soon reports whether a moment lies ahead.
func soon(t time.Time) bool { return t.After(time.Now()) }

package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// eventBackend is what the pages of single events and of lists show and change.
type eventBackend interface {
	// Inspect finds out all that is known of one event. Error: journal.ErrNotFound.
	Inspect(ctx context.Context, at journal.Position, o history.InspectOptions) (history.Inspected, error)
	// Resend sends an event again to a destination. Errors: journal.ErrNotFound, history.ErrEvent.
	Resend(ctx context.Context, destination string, at journal.Position) error
	// List lists the events of a destination that fared alike. Error: journal.ErrNotFound.
	List(ctx context.Context, o history.ListOptions) (history.Page, error)
	// Find looks for events from the end of the log backwards.
	Find(ctx context.Context, o history.FindOptions) (history.Found, error)
}

func eventPages() page {
	return page{
		nav: []navItem{{"/events", "Events"}},
		routes: func(r routes) {
			r.get("/events", showEvents)
			r.get("/events/{position}", showEvent)
			r.get("/events/{position}/at/{destination}", showFate)
			r.get("/events/{position}/send/{destination}", askResend)
			r.post("/events/{position}/send/{destination}", resend)
		},
	}
}

// eventView is the page of one event.
type eventView struct {
	history.Inspected
	Fates []fateView
}

// Compared reports whether the event is shown beside a call.
func (e eventView) Compared() bool {
	return slices.ContainsFunc(e.Fates, func(f fateView) bool { return f.Compared.Event != nil })
}

// fateView is what happened to an event at one destination.
type fateView struct {
	history.Fate
	Event    *history.Inspected
	Steps    []step
	Call     []byte // that was made, or would be
	Made     bool   // the very call that was made is known
	Compared comparison
}

// position is the event that the path names.
func (v *visit) position() (journal.Position, error) {
	at, err := journal.ParsePosition(v.PathValue("position"))
	if err != nil {
		return 0, problem{http.StatusNotFound, "there is no such event", "events are named like 17.0: look for it by its user or by its message id"}
	}
	return at, nil
}

// inspect finds out about the event that the path names.
func (v *visit) inspect(o history.InspectOptions) (history.Inspected, error) {
	at, err := v.position()
	if err != nil {
		return history.Inspected{}, err
	}
	found, err := v.backend.Inspect(v.Context(), at, o)
	if errors.Is(err, journal.ErrNotFound) {
		return found, problem{
			http.StatusNotFound, "there is no event at " + at.String() + " any more",
			"finished events are deleted when they are older than journal.retention, or when the journal is nearly full",
		}
	}
	return found, err
}

func showEvent(v *visit) error {
	found, err := v.inspect(history.InspectOptions{})
	if err != nil {
		return err
	}
	return v.show("event", "Event "+found.Position.String(), newEventView(&found))
}

func newEventView(e *history.Inspected) eventView {
	seen := eventView{Inspected: *e}
	for i := range e.Fates {
		seen.Fates = append(seen.Fates, newFateView(e, &e.Fates[i]))
	}
	return seen
}

func newFateView(e *history.Inspected, f *history.Fate) fateView {
	seen := fateView{Fate: *f, Event: e, Steps: steps(e, f), Call: f.Mapping.Body}
	switch {
	case f.Letter != nil && len(f.Letter.Call) > 0:
		seen.Call, seen.Made = f.Letter.Call, true
	case f.Merged != nil:
		seen.Call = f.Merged
	}
	if len(seen.Call) > 0 && len(e.Enriched) > 0 {
		seen.Compared = compare(e.Enriched, seen.Call)
	}
	return seen
}

// Path is the endpoint of the call.
func (f fateView) Path() string {
	if f.Letter != nil && f.Letter.Path != "" {
		return f.Letter.Method + " " + f.Letter.Path
	}
	return f.Mapping.Method + " " + f.Mapping.Path
}

// Callable reports whether the mapping makes a call of the event, as it is now.
func (f fateView) Callable() bool { return f.Mapping.Callable() }

// Attempts are the calls that were made and failed, as far as is known.
func (f fateView) Attempts() []journal.Attempt {
	switch {
	case f.Letter != nil:
		return f.Letter.Attempts
	case f.Waiting != nil:
		return f.Waiting.Attempts
	}
	return nil
}

// Differs reports whether today's mapping would let the event end otherwise than it did.
func (f fateView) Differs() bool {
	switch f.Outcome {
	case journal.Delivered:
		return !f.Mapping.Callable()
	case journal.Filtered, journal.Rejected:
		return f.Reason != "unchanged" && (f.Mapping.Callable() || f.Mapping.Reason != f.Reason)
	}
	return false
}

// On is where to look further for the outcome.
func (f fateView) On() string {
	if f.Looked == nil {
		return ""
	}
	return "/events/" + f.Event.Position.String() + "/at/" + f.Destination + "?after=" + strconv.FormatUint(f.Looked.Batch, 10)
}

// showFate looks further for what became of an event at one destination.
func showFate(v *visit) error {
	after, err := number64(v, "after")
	if err != nil {
		return err
	}
	found, err := v.inspect(history.InspectOptions{Destination: v.PathValue("destination"), After: after})
	if err != nil {
		return err
	}
	if len(found.Fates) == 0 {
		return errNoFate
	}
	seen := newEventView(&found)
	if v.isPart() {
		return v.part("event", "fate", seen.Fates[0])
	}
	return v.show("event", "Event "+found.Position.String(), seen)
}

var errNoFate = problem{http.StatusNotFound, "this destination does not get this event", "see which destinations do"}

// number64 is a parameter that is a number; 0 if it is not there.
func number64(v *visit, name string) (uint64, error) {
	text := v.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, problem{http.StatusBadRequest, name + " is no number", "follow the links of the page"}
	}
	return n, nil
}

// resendView asks whether an event is to be sent again.
type resendView struct {
	fateView
	Effect string // what it means at Refiner
}

// askResend shows what sending an event again would mean.
func askResend(v *visit) error {
	found, err := v.inspect(history.InspectOptions{Destination: v.PathValue("destination")})
	if err != nil {
		return err
	}
	if len(found.Fates) == 0 {
		return errNoFate
	}
	seen := resendView{fateView: newFateView(&found, &found.Fates[0])}
	seen.Call, seen.Letter = seen.Mapping.Body, nil
	seen.Effect = "The contact's traits are set to what this event says, also those that have changed since."
	if seen.Mapping.Type != "identify" && seen.Mapping.Type != "group" {
		seen.Effect = "Refiner counts it once more if it has it already."
	}
	return v.show("event_send", "Send event "+found.Position.String()+" again", seen)
}

// resend sends an event again.
func resend(v *visit) error {
	at, err := v.position()
	if err != nil {
		return err
	}
	destination := v.PathValue("destination")
	err = v.backend.Resend(v.Context(), destination, at)
	v.audit("send event again", err, "destination", destination, "position", at.String())
	if errors.Is(err, history.ErrEvent) {
		return problem{http.StatusUnprocessableEntity, err.Error(), "the destination's filter, transformation and mapping decide as for any event"}
	}
	if err != nil {
		return err
	}
	v.flash("The event is sent to " + destination + " again, behind what its user has waiting. It comes as a new event: see Live, or its user.")
	return v.redirect("/events/" + at.String())
}

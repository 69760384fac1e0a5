package console

import (
	"fmt"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// step is one decision about an event, in the order in which they are taken.
type step struct {
	State string // done, stop, wait, or off for what was not reached
	Title string
	Text  string
	At    time.Time // zero if it is not known
}

// The stages at which an event can be refused, by the reasons that packages filter, transform and mapping have.
const (
	stageMeant = iota
	stageScript
	stageWanted
	stageMapped
	stageNeeded
)

var stageOf = map[string]int{
	"destination_disabled": stageMeant, "integrations": stageMeant, "consent": stageMeant,
	"transformation": stageScript, "transformation_error": stageScript,
	"message_type": stageWanted, "event_denied": stageWanted, "event_not_allowed": stageWanted,
	"unsupported_type": stageMapped, "no_identity": stageMapped, "no_user_id": stageMapped, "no_event_name": stageMapped,
	"malformed": stageMapped, "mapping_failed": stageMapped,
	"unchanged": stageNeeded,
}

// steps are the decisions about an event at a destination: those of its outcome, and while it has none those that the
// destination's configuration means for it.
func steps(e *history.Inspected, f *history.Fate) []step {
	all := []step{{"done", "Accepted", "from source " + e.Source, e.ReceivedAt}}
	if !e.ReplayedAt.IsZero() {
		all = append(all, step{"done", "Sent again", "it repeats " + e.ReplayOf.String(), e.ReplayedAt})
	}
	reason, message := refusal(f)
	if reason == "" {
		all = append(all,
			step{State: "done", Title: "Meant for this destination", Text: "neither its sender nor its user's consent keeps it away"},
			step{State: "done", Title: "Wanted here", Text: "by its type and its name"},
			step{State: "done", Title: "Made a call", Text: f.Mapping.Method + " " + f.Mapping.Path})
		return append(all, deliverySteps(e, f)...)
	}
	stage, known := stageOf[reason]
	titles := []string{"Meant for this destination", "Transformed", "Wanted here", "Made a call", "Needed"}
	if !known {
		return append(all, step{"stop", "Kept from this destination", message, f.At})
	}
	for i, title := range titles[:stage] {
		if i != stageScript {
			all = append(all, step{State: "done", Title: title})
		}
	}
	return append(all, step{"stop", refused[stage], message, f.At})
}

// refused are the titles of the stages for an event that did not pass them.
var refused = []string{"Not meant for this destination", "Left out by the transformation", "Not wanted here", "No call can be made of it", "Not needed"}

// refusal is why an event came to no call, or would not; "" if it came to one, or would.
func refusal(f *history.Fate) (reason, message string) {
	switch f.Outcome {
	case journal.Filtered, journal.Rejected:
		return f.Reason, reasonText(f.Reason, f.Message)
	case history.Pending:
		if !f.Mapping.Callable() {
			return f.Mapping.Reason, f.Mapping.Message
		}
	case journal.Dead:
		if f.Reason == "mapping_failed" {
			return f.Reason, reasonText(f.Reason, f.Message)
		}
	}
	return "", ""
}

// reasonText says a reason in words.
func reasonText(reason, message string) string {
	switch {
	case message != "":
		return message
	case reason == "unchanged":
		return "Refiner had got the very same call for this contact before, so it was not made once more."
	case reason == "suppressed":
		return "Its user was erased, and later events of that user are kept away."
	}
	return reason
}

// deliverySteps are what happened to the call of an event.
func deliverySteps(e *history.Inspected, f *history.Fate) []step {
	var all []step
	if !f.ParkedSince.IsZero() {
		all = append(all, step{"done", "Moved out of the way", "its user has to wait, and nobody else with it", f.ParkedSince})
	}
	switch f.Outcome {
	case journal.Delivered:
		last := step{"done", "Delivered", "with its own call, at the " + ordinal(f.Attempts) + " attempt", f.At}
		if f.CarriedBy != 0 {
			last.Text = "with the call of " + f.CarriedBy.String()
		}
		if took := f.At.Sub(e.ReceivedAt); e.ReplayedAt.IsZero() && took >= 0 {
			last.Text += ", " + brief(took) + " after it was accepted"
		}
		return append(all, last)
	case journal.Dead:
		return append(all, step{"stop", "Dead", died(f.Reason) + attempts(f.Attempts), f.At})
	case history.Pending:
		return append(all, waits(e, f)...)
	case history.Finished:
		return append(all, step{State: "wait", Title: "Finished", Text: "how, is being looked for"})
	}
	return append(all, step{State: "off", Title: "Finished", Text: "the record of how is deleted already"})
}

// waits says for what an event waits.
func waits(e *history.Inspected, f *history.Fate) []step {
	var all []step
	add := func(title, text string, at time.Time) { all = append(all, step{"wait", title, text, at}) }
	if f.State != "" {
		add("The destination sends nothing", f.State, time.Time{})
	}
	if f.Attempts > 0 {
		add("Failed so far", "tried"+attempts(f.Attempts)+", the first time", f.FirstAttempt)
	}
	w := f.Waiting
	switch {
	case w == nil:
	case w.Calling && w.Held && w.Ahead == 0:
		add("Its call is being made", "", time.Time{})
	case w.First != 0 && w.First < e.Position:
		add("Behind others of its user", fmt.Sprintf("first comes %s", w.First), time.Time{})
	}
	switch {
	case w != nil && w.Limited && !w.Until.IsZero():
		add("Its user's limit is reached", "the next call for this user is made", w.Until)
	case f.NextAttempt.After(time.Now()):
		add("Next attempt", "", f.NextAttempt)
	case w != nil && !w.Until.IsZero():
		add("Its user's next call", "not before", w.Until)
	}
	switch {
	case len(all) > 0:
	case w != nil:
		add("Waits for its turn", "nothing is wrong with it", time.Time{})
	default: // switched off, starting, or another process delivers
		add("Waits, or is on its way", "", time.Time{})
	}
	return all
}

// pendingText says in short for what an event waits; "" if it does not wait.
func pendingText(f history.Fate) string {
	switch {
	case f.Outcome == history.Finished:
		return "its page looks for how"
	case f.Outcome == history.Unknown:
		return "finished; the record of how is deleted already"
	case f.Outcome != history.Pending:
		return ""
	case f.State != "":
		return "the destination sends nothing: " + f.State
	case !f.ParkedSince.IsZero():
		return "parked: its user has to wait"
	case f.Attempts > 0:
		return "tried" + attempts(f.Attempts) + ", to be tried again"
	}
	return ""
}

func attempts(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " once"
	}
	return fmt.Sprintf(" %d times", n)
}

func ordinal(n int) string {
	if n <= 1 {
		return "first"
	}
	switch {
	case n%100 >= 11 && n%100 <= 13:
		return fmt.Sprintf("%dth", n)
	case n%10 == 1:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}

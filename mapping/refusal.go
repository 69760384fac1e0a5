package mapping

import (
	"strconv"
	"strings"

	"tanker/event"
)

// What becomes of an event that is refused.
const (
	Rejected = "rejected" // the event should have been mapped and cannot be
	Filtered = "filtered" // the event is not meant for Refiner
)

// Why an event is refused: stable codes.
const (
	ReasonNoIdentity      = "no_identity"      // neither a user id nor an email
	ReasonNoUserID        = "no_user_id"       // a group call without the user's id
	ReasonNoEventName     = "no_event_name"    // a track call without a name
	ReasonUnsupportedType = "unsupported_type" // no identify, track, page or group call
	ReasonMalformed       = "malformed"        // rudder-transformer would fail on it (Upstream only)
)

// Refusal says why an event is not mapped.
type Refusal struct { //nolint:errname // it says no, which is an answer
	Outcome string // Rejected or Filtered
	Reason  string // a stable code, one of the Reason constants
	Message string // a sentence for people: what is wrong and what to do

	upstream *UpstreamError
}

// Error is the code and the sentence.
func (r *Refusal) Error() string { return r.Outcome + ": " + r.Reason + ": " + r.Message }

// Unwrap gives the *UpstreamError of a refusal by the Upstream profile, nil otherwise.
func (r *Refusal) Unwrap() error {
	if r.upstream == nil {
		return nil
	}
	return r.upstream
}

func rejected(reason, message string) *Refusal {
	return &Refusal{Outcome: Rejected, Reason: reason, Message: message}
}

func unsupportedType(e *event.Event) *Refusal {
	message := "The event has no type, and only identify, track, page and group calls go to Refiner."
	if t := e.Type(); t != "" {
		message = "Events of type " + strconv.Quote(shortened(t)) + " do not go to Refiner: it knows identify, track, page and group calls."
	}
	return &Refusal{Outcome: Filtered, Reason: ReasonUnsupportedType, Message: message}
}

// shortened bounds what a message quotes of an event.
func shortened(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

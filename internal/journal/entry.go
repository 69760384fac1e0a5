package journal

import (
	"encoding/json"
	"time"
)

// Entry is one accepted event as the journal holds it: the bytes the SDK sent, untouched, and beside
// them what the gateway knows about it. What RudderStack's gateway writes into the event itself
// (messageId, receivedAt, rudderId, …) follows from the two and is added when the event is shown.
type Entry struct {
	Position   Position  // set by the journal
	Source     string    // name of the source that accepted it
	MessageID  string    // never empty: the event's own, cleaned, or a new UUID
	Type       string    // the type that the request's path stands for; "" means the body's own type counts
	ReceivedAt time.Time // when the gateway accepted the request, UTC, milliseconds
	RequestIP  string    // the caller's address, "" if unknown
	Body       []byte    // the event as it was sent: one JSON object; empty if it was erased

	// ReplayOf is the position of the event that this one repeats, or of the dead letter. Zero for an event that
	// came by a gateway.
	ReplayOf Position

	// Retry is what is known of earlier attempts to deliver the event, from before a restart.
	// The zero value means none.
	Retry Retry

	// Duplicate says that the event was stored before, within the dedup window, by another process. It is not to be
	// delivered again.
	Duplicate bool

	// Parked is set in an entry that is no event: Next tells by it of a user whose events are parked. Beside it such
	// an entry has only a Position, that of the first of them or one before.
	Parked *ParkedUser
}

// size is about what the entry takes in a pack.
func (e *Entry) size() int {
	return len(e.Body) + len(e.MessageID) + len(e.Type) + len(e.RequestIP) + 16
}

// Erased reports whether the event was erased: only its place is left.
func (e *Entry) Erased() bool { return len(e.Body) == 0 && e.Parked == nil }

// Retry is the state of an event whose delivery has failed for the time being.
type Retry struct {
	Attempts int       `json:"attempts"` // calls made so far
	First    time.Time `json:"first"`    // when the first of them began
	Next     time.Time `json:"next"`     // not to be tried again before
}

// Kind is what became of an event for one destination. Every event ends in exactly one kind.
type Kind string

// The kinds of outcome. An event without one is pending.
const (
	Delivered Kind = "delivered" // Refiner has it
	Filtered  Kind = "filtered"  // not meant for this destination
	Rejected  Kind = "rejected"  // the mapping cannot use it
	Dead      Kind = "dead"      // Refiner refused it, or the time to retry ran out
)

// Parked is no outcome but stands beside them in what ScanOutcomes reads: the event was moved out of the way because
// its user must wait. It is pending until its outcome follows.
const Parked Kind = "parked"

// Outcome is what happened to one event at one destination.
type Outcome struct {
	Position Position  `json:"position"`
	Kind     Kind      `json:"kind"`
	Reason   string    `json:"reason,omitempty"`   // stable code, for filtered, rejected and dead
	Attempts int       `json:"attempts,omitempty"` // calls made for it
	At       time.Time `json:"at"`

	// CarriedBy is the event whose call brought this one too, as one call made of several events. The zero Position,
	// which is no event's, means that the event had a call of its own, or none.
	CarriedBy Position `json:"carriedBy,omitzero"`

	// Place is where the event lies in PARKED, or lay when it was finished; see StillParked. Only what was read from the
	// log has it.
	Place Position `json:"-"`

	// Letter is what is kept of a dead event. Set when Kind is Dead, never otherwise.
	Letter *DeadLetter `json:"-"`
}

// DeadLetter is an event that could not be delivered, with everything needed to understand why and
// to send it again. It never holds a credential.
type DeadLetter struct {
	Destination string          `json:"destination"`
	Position    Position        `json:"position"`
	MessageID   string          `json:"messageId"`
	Source      string          `json:"source"`
	User        string          `json:"user"` // the key of the lane it was in
	Type        string          `json:"type"`
	ReceivedAt  time.Time       `json:"receivedAt"`
	RequestIP   string          `json:"requestIp,omitempty"`
	Event       json.RawMessage `json:"event"` // as it was sent
	Reason      string          `json:"reason"`
	Message     string          `json:"message"`
	Method      string          `json:"method,omitempty"`
	Path        string          `json:"path,omitempty"`
	Call        json.RawMessage `json:"call,omitempty"`   // body of the last call
	Status      int             `json:"status,omitempty"` // of the last answer; 0 if there was none
	Answer      string          `json:"answer,omitempty"` // body of the last answer, bounded
	Attempts    []Attempt       `json:"attempts,omitempty"`
	At          time.Time       `json:"at"`
	ReplayOf    Position        `json:"replayOf,omitzero"` // what the event repeats, if it is a replay
}

// Entry is the letter's event as it is sent again.
func (l *DeadLetter) Entry() Entry {
	return Entry{
		Source: l.Source, MessageID: l.MessageID, Type: l.Type, ReceivedAt: l.ReceivedAt, RequestIP: l.RequestIP,
		Body: l.Event, ReplayOf: l.Position,
	}
}

// Attempt is one call that was made for an event, and how it went.
type Attempt struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`             // nanoseconds
	Status int           `json:"status,omitempty"` // 0 if there was no answer
	Error  string        `json:"error,omitempty"`
}

package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
)

// Destination is one that events go to.
type Destination struct {
	Name   string
	Mapper Mapper
	// State says in words why it delivers nothing at the moment; "" if it delivers.
	State func() string
	// Waiting says how a user's events stand in its queue, and what is known there of one of them. It says false if
	// that is not known. May be nil.
	Waiting func(ctx context.Context, user string, at journal.Position) (Waiting, bool)
	// Merge makes one call of two that follow each other, if that is done. May be nil.
	Merge func(first, second mapping.Call) (mapping.Call, bool)
}

// Waiting is how a user's events stand in the queue of a destination.
type Waiting struct {
	User     string            `json:"user"`
	InMemory int               `json:"inMemory"`           // events that were read and are not finished
	Parked   int               `json:"parked"`             // events behind those, moved out of the way
	First    journal.Position  `json:"first,omitzero"`     // the first event in memory
	Calling  bool              `json:"calling"`            // its call is under way
	Until    time.Time         `json:"until,omitzero"`     // the next call is not made before
	Limited  bool              `json:"limited"`            // that is because of the user's limit
	Ahead    int               `json:"ahead"`              // of those in memory, how many come before the event that was asked for
	Held     bool              `json:"held"`               // the event that was asked for is in memory
	Attempts []journal.Attempt `json:"attempts,omitempty"` // made for that event since it was read
}

// Traced is an event that the log holds, and what happened to it.
type Traced struct {
	Position   journal.Position `json:"position"`
	Source     string           `json:"source"`
	MessageID  string           `json:"messageId"`
	Type       string           `json:"type"`
	Name       string           `json:"name,omitempty"` // of the track event or the page
	ReceivedAt time.Time        `json:"receivedAt"`
	ReplayOf   journal.Position `json:"replayOf,omitzero"`
	ReplayedAt time.Time        `json:"replayedAt,omitzero"` // when it was sent again, if it is a replay
	Event      json.RawMessage  `json:"event"`               // as it was sent
	Fates      []Fate           `json:"destinations"`
}

// Outcomes of a Fate beside the four kinds of the journal.
const (
	Pending  journal.Kind = "pending"  // it waits or is on its way
	Unknown  journal.Kind = "unknown"  // it is finished, but the record of how is deleted already
	Finished journal.Kind = "finished" // it is finished; how was not found within the bounds of a look
)

// Fate is what happened to an event at one destination.
type Fate struct {
	Destination string       `json:"destination"`
	Outcome     journal.Kind `json:"outcome"`
	Reason      string       `json:"reason,omitempty"`  // of filtered, rejected and dead
	Message     string       `json:"message,omitempty"` // the same for people
	At          time.Time    `json:"at,omitzero"`       // of the outcome
	Attempts    int          `json:"attempts,omitempty"`

	// CarriedBy is the event whose call brought this one too; zero if there is none.
	CarriedBy journal.Position `json:"carriedBy,omitzero"`

	// Of a pending event:
	ParkedSince  time.Time        `json:"parkedSince,omitzero"` // when it was moved out of the way, because its user must wait
	FirstAttempt time.Time        `json:"firstAttempt,omitzero"`
	NextAttempt  time.Time        `json:"nextAttempt,omitzero"`
	Behind       journal.Position `json:"behind,omitzero"` // the same user's first pending event
	State        string           `json:"state,omitempty"` // of the destination, if it delivers nothing
	Waiting      *Waiting         `json:"waiting,omitempty"`

	// Carried are the events that its call brought too, and Merged is the body of that call as it would be made now. Only
	// Inspect looks for them.
	Carried []journal.Position `json:"carried,omitempty"`
	Merged  json.RawMessage    `json:"merged,omitempty"`

	// Looked says how far a look for the outcome has come, if Outcome is Finished.
	Looked *Looked `json:"looked,omitempty"`

	// Mapping is what the mapping makes of the event, as it is configured now.
	Mapping Mapped `json:"mapping"`

	// Letter is the dead letter, without what stands here already. It is nil if the event is not dead, or if the letter
	// was sent again or discarded.
	Letter *Letter `json:"letter,omitempty"`
}

// Letter is what a dead letter knows beyond the event and its outcome.
type Letter struct {
	Method   string            `json:"method,omitempty"`
	Path     string            `json:"path,omitempty"`
	Call     json.RawMessage   `json:"call,omitempty"`
	Status   int               `json:"status,omitempty"`
	Answer   string            `json:"answer,omitempty"`
	Attempts []journal.Attempt `json:"attempts,omitempty"`
}

// traced says what is known of an event without its destinations.
func traced(p *journal.StoredPack, e *journal.Entry) Traced {
	found := Traced{
		Position: e.Position, Source: e.Source, MessageID: e.MessageID, Type: e.Type, ReceivedAt: e.ReceivedAt,
		ReplayOf: e.ReplayOf,
	}
	if !e.Erased() {
		found.Event = bytes.Clone(e.Body)
	}
	if p.ReplayTo != "" {
		found.ReplayedAt = p.Stored
	}
	if parsed, err := parse(e); err == nil {
		found.Type = parsed.Type()
		found.Name = nameOf(parsed)
	}
	return found
}

// nameOf is the name of a track event or of a page.
func nameOf(e *event.Event) string {
	if e.Type() == "track" {
		return e.EventName().Text()
	}
	return e.Name().Text()
}

// fateOf is what is known of an event's fate at a destination without looking for its outcome: it is Pending, or
// Unknown if it has one. It says false if the destination does not get the event.
func fateOf(log Standings, d *Destination, p *journal.StoredPack, e *journal.Entry) (Fate, bool) {
	standing, gets := log.Standing(d.Name, p, e.Position)
	if !gets {
		return Fate{}, false
	}
	fate := Fate{Destination: d.Name, Outcome: Unknown, Mapping: Map(d.Mapper, e)}
	fate.Attempts, fate.FirstAttempt, fate.NextAttempt = standing.Retry.Attempts, standing.Retry.First, standing.Retry.Next
	if !standing.Finished {
		fate.Outcome = Pending
	}
	return fate, true
}

// settle fills in what an outcome says.
func settle(ctx context.Context, log Log, fate *Fate, o *journal.Outcome) error {
	if o.Kind == journal.Parked {
		fate.Outcome, fate.ParkedSince = Pending, o.At
		return nil
	}
	fate.Outcome, fate.Reason, fate.At, fate.Attempts, fate.CarriedBy = o.Kind, o.Reason, o.At, o.Attempts, o.CarriedBy
	fate.ParkedSince, fate.FirstAttempt, fate.NextAttempt = time.Time{}, time.Time{}, time.Time{}
	if fate.Mapping.Reason == o.Reason {
		fate.Message = fate.Mapping.Message
	}
	if o.Kind != journal.Dead {
		return nil
	}
	letter, err := log.DeadLetter(ctx, fate.Destination, o.Position)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	fate.Message = letter.Message
	fate.Letter = &Letter{letter.Method, letter.Path, letter.Call, letter.Status, letter.Answer, letter.Attempts}
	return nil
}

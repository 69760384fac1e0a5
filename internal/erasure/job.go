package erasure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tanker/internal/journal"
)

// State is how far an erasure is.
type State string

// The states of an erasure.
const (
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed" // it cannot be made, and nothing was erased; nobody is suppressed because of it
	Lifted  State = "lifted" // it was done, and events of the user are taken again
)

// Request is what is to be erased.
type Request struct {
	// User is a user id or an email. An anonymous id is possible too, for a visitor who never got another.
	User string `json:"user"`
	// Destination is where the contact is to be deleted. "" means everywhere.
	Destination string `json:"destination,omitempty"`
}

// maxUser is the longest name of a user, in bytes.
const maxUser = 1024

func (r *Request) check() error {
	switch {
	case strings.TrimSpace(r.User) == "":
		return fmt.Errorf("%w: no user is named", ErrErasure)
	case len(r.User) > maxUser:
		return fmt.Errorf("%w: the name of the user has %d bytes, more than %d", ErrErasure, len(r.User), maxUser)
	}
	return nil
}

// Erasure is one job, and the report of what it has done. It says of whom only while it runs.
type Erasure struct {
	ID      int       `json:"id"`
	State   State     `json:"state"`
	Step    string    `json:"step,omitempty"`   // what it is doing, while it runs
	Reason  string    `json:"reason,omitempty"` // what it waits for, or why it has failed
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"` // when the state became what it is

	User  string `json:"user,omitempty"`  // as it was asked for; while it runs
	Names *Names `json:"names,omitempty"` // that are known of the user; while it runs

	Share    float64       `json:"share,omitempty"` // of the step's search through the log, from 0 to 1
	Left     time.Duration `json:"left,omitempty"`  // nanoseconds that this takes, about
	Rounds   int           `json:"rounds"`          // of searching and erasing
	Searched int           `json:"searched"`        // events of the log that the last search has looked at

	Events       int                 `json:"events"`  // that were blanked in the log
	Packs        int                 `json:"packs"`   // that were written anew for it
	Letters      int                 `json:"letters"` // dead letters that were deleted
	Replays      int                 `json:"replays"` // jobs of replays whose user was made unknown
	Destinations []DestinationReport `json:"destinations"`

	Checked time.Time     `json:"checked,omitzero"` // when everything was searched again and nothing was found
	Took    time.Duration `json:"took,omitempty"`   // nanoseconds, until it was done

	// Suppressed stand for the names whose events are not taken any more.
	Suppressed []journal.SuppressedName `json:"suppressed,omitempty"`
	Lifted     time.Time                `json:"lifted,omitzero"` // when they were taken again

	Destination string `json:"destination,omitempty"` // the only one where the contact is to be deleted
}

// DestinationReport is what became of the contact at one destination.
type DestinationReport struct {
	Destination string    `json:"destination"`
	Done        bool      `json:"done"`              // there is no contact of the user any more
	Deleted     int       `json:"deleted"`           // contacts that were deleted
	Kept        int       `json:"kept,omitempty"`    // contacts of others that have one of the user's emails
	Skipped     string    `json:"skipped,omitempty"` // why no contact is deleted here
	Waiting     string    `json:"waiting,omitempty"` // why it could not be deleted yet
	At          time.Time `json:"at,omitzero"`       // when it was done
}

// name is what the job is called in the journal.
func (e *Erasure) name() string { return "job" + strconv.Itoa(e.ID) }

func (e *Erasure) destination(name string) *DestinationReport {
	for i := range e.Destinations {
		if e.Destinations[i].Destination == name {
			return &e.Destinations[i]
		}
	}
	return nil
}

// clone makes a copy that nobody else changes.
func (e *Erasure) clone() Erasure {
	c := *e
	c.Destinations, c.Suppressed = slices.Clone(e.Destinations), slices.Clone(e.Suppressed)
	return c
}

// ParseID reads the number of a job.
func ParseID(text string) (int, error) {
	id, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is no number of an erasure: tanker forget list shows them", text)
	}
	return id, nil
}

package admin

import (
	"net/http"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// Status is how a server stands.
type Status struct {
	Version      string              `json:"version"`
	Started      time.Time           `json:"started"`
	Ready        bool                `json:"ready"`
	NotReady     string              `json:"notReady,omitempty"` // why events are not accepted
	Journal      journal.Usage       `json:"journal"`
	Sources      []SourceStatus      `json:"sources"`
	Destinations []DestinationStatus `json:"destinations"`
	Replays      []history.Replay    `json:"replays,omitempty"` // those that run

	Node    string         `json:"node,omitempty"`    // the process that answers, where several share the journal
	Members []MemberStatus `json:"members,omitempty"` // these
}

// MemberStatus is how a process stands that shares the journal with others.
type MemberStatus struct {
	Name    string    `json:"name"`
	Admin   string    `json:"admin"` // URL of its admin API
	Version string    `json:"version"`
	Started time.Time `json:"started"`           // by its own clock
	Leaving bool      `json:"leaving,omitempty"` // it is stopping
	Silent  float64   `json:"silent"`            // seconds since it was heard of
	Config  string    `json:"config"`            // digest of its sources and destinations
	Differs bool      `json:"differs,omitempty"` // they are not those of the process that answers
	Holds   []string  `json:"holds,omitempty"`   // what it alone does: destination.NAME, job.NAME
}

// SourceStatus is how a source is set up.
type SourceStatus struct {
	Name         string   `json:"name"`
	Enabled      bool     `json:"enabled"`
	Destinations []string `json:"destinations"`
}

// DestinationStatus is how a destination stands. Accepted is always the sum of the totals and Pending.
type DestinationStatus struct {
	Name    string    `json:"name"`
	Enabled bool      `json:"enabled"`
	State   string    `json:"state"`            // one word, or two: delivering, idle, blocked, …
	Reason  string    `json:"reason,omitempty"` // why, in words
	Since   time.Time `json:"since,omitzero"`   // since when it is in this state
	Until   time.Time `json:"until,omitzero"`   // when it is to be tried again

	PausedSince time.Time `json:"pausedSince,omitzero"` // since when an operator has it paused

	Owner      string    `json:"owner,omitempty"`     // the process that delivers to it, where several share the journal
	OwnedSince time.Time `json:"ownedSince,omitzero"` // since when, or since when nobody does

	Accepted uint64         `json:"accepted"`
	Pending  uint64         `json:"pending"`
	Parked   uint64         `json:"parked"`   // of the pending events, those that were moved out of the way because their user must wait
	Retrying uint64         `json:"retrying"` // of the pending events, those that have failed and will be tried again
	Totals   journal.Totals `json:"totals"`

	KeyPerMinute int `json:"keyPerMinute"` // calls a minute that Refiner permits; 0: no limit

	OldestPending time.Time `json:"oldestPending,omitzero"` // when the oldest pending event was accepted
	LastDelivered time.Time `json:"lastDelivered,omitzero"` // since the start

	Calls       map[string]uint64 `json:"calls,omitempty"` // since the start, by what the answer meant
	UsersParked int               `json:"usersParked"`     // users who have parked events
	// LettersWaiting is how many of the pending events wait because there is no room for their dead letters.
	LettersWaiting int `json:"lettersWaiting,omitempty"`

	InFlight    int `json:"inFlight"`    // calls under way
	Concurrency int `json:"concurrency"` // calls that may be under way at present
}

// status answers GET /api/v1/status.
func (h *Handler) status(w http.ResponseWriter, r *http.Request) {
	h.withBackend(w, func(b Backend) {
		s, err := b.Status(r.Context())
		if err != nil {
			writeFailure(w, err)
			return
		}
		if err := (*h.ready.Load())(); err != nil {
			s.NotReady = err.Error()
		}
		s.Ready = s.NotReady == ""
		writeJSON(w, http.StatusOK, s)
	})
}

// withBackend calls serve, or answers that there is nothing to ask yet.
func (h *Handler) withBackend(w http.ResponseWriter, serve func(Backend)) {
	b := h.backend.Load()
	if b == nil {
		writeError(w, http.StatusServiceUnavailable, "the server is starting or stopping", "try again in a moment")
		return
	}
	serve(*b)
}

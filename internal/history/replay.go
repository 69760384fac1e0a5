package history

import (
	"fmt"
	"time"
)

// ReplayRequest asks for past events to be sent again to a destination.
type ReplayRequest struct {
	Destination string `json:"destination"`
	Selection
	Rate  int    `json:"rate,omitempty"`  // events a minute at the most; 0 means half of the key's limit
	UpTo  uint64 `json:"upTo,omitempty"`  // the last pack; 0 means the last that is stored now
	Total int    `json:"total,omitempty"` // how many there are, as the plan says; 0 if that is not known
}

// ReplayState is where a replay stands.
type ReplayState string

// The states of a replay. Only one that is running goes on after a restart.
const (
	ReplayRunning ReplayState = "running"
	ReplayStopped ReplayState = "stopped" // somebody stopped it; it can be continued
	ReplayDone    ReplayState = "done"
	ReplayFailed  ReplayState = "failed" // Reason says why; it can be continued
)

// Replay is a job that sends past events again.
type Replay struct {
	ID int `json:"id"`
	ReplayRequest
	State  ReplayState `json:"state"`
	Reason string      `json:"reason,omitempty"` // why it waits or has failed

	Created  time.Time     `json:"created"`
	Changed  time.Time     `json:"changed"`        // when State was last changed
	Running  time.Duration `json:"running"`        // time spent at it, in nanoseconds
	From     uint64        `json:"from"`           // sequence of the first pack in the log when it began
	After    uint64        `json:"after"`          // up to this pack all is sent
	Searched int           `json:"searched"`       // events that were looked at
	Skipped  int           `json:"skipped"`        // of the selected ones, those of which the mapping makes no call
	Sent     int           `json:"sent"`           // events that were sent again, which the delivery takes from there
	Lost     bool          `json:"lost,omitempty"` // the janitor deleted events before they were read
}

// name is what the journal calls the job.
func (r *Replay) name() string { return fmt.Sprintf("job%d", r.ID) }

// Share is how much of the replay is done, from 0 to 1.
func (r *Replay) Share() float64 {
	switch {
	case r.State == ReplayDone:
		return 1
	case r.Total > 0:
		return min(1, float64(r.Sent)/float64(r.Total))
	case r.UpTo < r.From || r.After < r.From:
		return 0
	}
	return float64(r.After-r.From+1) / float64(r.UpTo-r.From+1)
}

// Left is how long the replay will take from now on, as far as that can be said; 0 if it cannot.
func (r *Replay) Left() time.Duration {
	if r.Total < r.Sent || r.Rate == 0 {
		return 0
	}
	return time.Duration(r.Total-r.Sent) * time.Minute / time.Duration(r.Rate)
}

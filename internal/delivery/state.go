package delivery

import (
	"sync"
	"time"
)

// Status is one word, or a few, for what a worker is doing.
type Status string

// The statuses. When several hold, the one that comes first in this list is shown.
const (
	StatusStopped     Status = "stopped"             // Run has not begun or has returned
	StatusStopping    Status = "stopping"            // finishing the calls under way
	StatusUnavailable Status = "journal unavailable" // events cannot be read or parked, or outcomes not be stored
	StatusPaused      Status = "paused"              // an operator has paused it
	StatusBlocked     Status = "blocked"             // Refiner refuses the API key
	StatusCircuitOpen Status = "circuit open"        // the calls of everyone fail; Until says when the next probe is due
	StatusRateLimited Status = "rate limited"        // Refiner has answered 429; Until says for how long
	StatusDelivering  Status = "delivering"          // calls are being made
	StatusWaiting     Status = "waiting"             // every event read waits for its user's limit or its next attempt
	StatusIdle        Status = "idle"                // nothing to do
)

// State is what can be said of a worker at one moment.
type State struct {
	Name   string
	Status Status
	Reason string    // why, in words; "" if there is nothing to add
	Since  time.Time // since when the Status holds
	Until  time.Time // when a rate limit ends or the next probe is due; zero otherwise

	InFlight     int // calls under way
	Unrecorded   int // calls under way and calls whose outcome is not yet on disk
	Concurrency  int // calls that may be under way at present
	WindowEvents int // events in memory
	WindowBytes  int64
	Users        int // users with events in memory or parked, or with calls that count against their limit
	UsersWaiting int // of these, users whose next event waits for their limit or its next attempt
	UsersReady   int // of these, users whose next event waits for nothing but its turn
	UsersParked  int // users with events that were moved out of memory because the user must wait
	EventsParked int // these events

	// LettersWaiting is how many events are to become dead letters and wait until there is room for those. Their
	// users' newer events wait behind them.
	LettersWaiting int

	Obeyed     uint64 // version of Options.Suppression that is obeyed
	Suppressed int    // events in memory whose users are suppressed: at a call, or their outcome is not on disk yet

	OldestPending time.Time // when the oldest event in memory was accepted; zero if there is none
	LastDelivered time.Time // when Refiner last took an event; zero if it has not

	Calls map[string]uint64 // calls since the start by class: "ok" or the name of a refiner.Class
}

// board shows the latest state to whoever asks.
type board struct {
	mu    sync.Mutex
	state State
	calls [callClasses]uint64
}

// publish replaces the state. Since follows from the change of the status.
func (b *board) publish(s State, calls *[callClasses]uint64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.Since.IsZero() {
		s.Since = b.state.Since
		if s.Status != b.state.Status {
			s.Since = now
		}
	}
	b.state, b.calls = s, *calls
}

func (b *board) read() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state
	s.Calls = make(map[string]uint64, callClasses)
	for c, n := range b.calls {
		s.Calls[callClass(c).String()] = n
	}
	return s
}

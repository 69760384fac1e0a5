package delivery

import (
	"time"

	"tanker/internal/journal"
)

// How calls are saved.
const savedByMerging = "merge"

// Observer is told what a worker does, for metrics. It is called for every event and every call from several
// goroutines at once, so it must be safe for that, quick, and not block.
type Observer interface {
	// Outcome is told of every event that has its outcome on disk. reason is the outcome's stable code, "" for
	// delivered events.
	Outcome(kind journal.Kind, reason string)

	// Call is told of every call: its class ("ok" or the name of a refiner.Class), the HTTP status (0 without an answer)
	// and how long it took.
	Call(class string, status int, took time.Duration)

	// Delivered is told how long it took from accepting an event until Refiner had it.
	Delivered(latency time.Duration)

	// Saved is told of every event that got its outcome without a call of its own, because of what: "merge" if
	// another event's call brought it, "unchanged" if its call would have changed nothing.
	Saved(how string)

	// Waited is told how long calls that were ready had to wait for the limit of the API key ("key"), or how long a user's
	// next call has to wait for the user's limit ("user").
	Waited(limit string, wait time.Duration)
}

// Unobserved is an Observer that is not interested.
type Unobserved struct{}

// Outcome does nothing.
func (Unobserved) Outcome(journal.Kind, string) {}

// Call does nothing.
func (Unobserved) Call(string, int, time.Duration) {}

// Delivered does nothing.
func (Unobserved) Delivered(time.Duration) {}

// Saved does nothing.
func (Unobserved) Saved(string) {}

// Waited does nothing.
func (Unobserved) Waited(string, time.Duration) {}

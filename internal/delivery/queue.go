package delivery

import (
	"context"
	"slices"
	"time"

	"tanker/internal/journal"
)

// Queue is how a user's events stand with a worker at one moment.
type Queue struct {
	InMemory int // events of the user that were read and are not finished
	Parked   int // events behind those that are parked, or on the way there

	First   journal.Position // the first event in memory; zero if there is none
	Calling bool             // its call is under way

	Until   time.Time // the user's next call is not made before; zero if nothing about the user holds it up
	Limited bool      // that is because of the user's limit, not of an attempt that failed

	// Of the event that was asked for:
	Held     bool              // it is in memory
	Ahead    int               // events of the user in memory that come before it; all of them if it is not in memory
	Attempts []journal.Attempt // the latest calls made for it that failed; not known while a call is under way
}

// question asks the scheduler how a user's events stand.
type question struct {
	user   string
	at     journal.Position
	answer chan<- Queue
}

// Queue says how the events of a user stand, and what is known of one of them. The user is named as the calls do: by id,
// else by email. It says false when the worker does not run, or ctx ends before it answers.
func (w *Worker) Queue(ctx context.Context, user string, at journal.Position) (Queue, bool) {
	answer := make(chan Queue, 1)
	select {
	case w.questions <- question{user, at, answer}:
		return <-answer, true
	case <-w.ended:
	case <-ctx.Done():
	}
	return Queue{}, false
}

// answer says how a user's events stand.
func (s *scheduler) answer(q question) {
	l := s.lanes.byKey[q.user]
	if l == nil {
		q.answer <- Queue{}
		return
	}
	now := s.now()
	stand := Queue{InMemory: l.held(), Parked: l.parked, Calling: l.busy}
	if l.head != nil {
		stand.First = l.head.entry.Position
	}
	if at := l.ready(now); at > now && at != never {
		stand.Until = time.Now().Add(at - now).UTC()
		stand.Limited = l.head == nil || l.head.notBefore < at
	}
	stand.find(l, q.at)
	q.answer <- stand
}

// find fills in what is known of one event. What is at a call belongs to the caller and is not touched.
func (q *Queue) find(l *lane, at journal.Position) {
	if l.head == nil {
		if l.attempted == at {
			q.Attempts = slices.Clone(l.attempts)
		}
		return
	}
	for i, it := range append([]*item{l.head}, l.head.carried...) {
		if it.entry.Position != at {
			continue
		}
		q.Held, q.Ahead = true, i
		if !l.busy {
			q.Attempts = slices.Clone(it.tried)
		}
		return
	}
	for it := l.head.next; it != nil; it = it.next {
		if it.entry.Position == at {
			q.Held, q.Ahead, q.Attempts = true, it.number-l.head.number, slices.Clone(it.tried)
			return
		}
	}
	q.Ahead = q.InMemory
}

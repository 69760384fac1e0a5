package delivery

import (
	"fmt"
	"strings"
	"time"
)

// publish shows the state as it is at the end of a turn.
func (s *scheduler) publish(now instant) {
	wall := time.Now().UTC()
	state := State{
		Name:           s.o.Name,
		InFlight:       s.flying,
		Unrecorded:     s.unrecorded,
		Concurrency:    s.concurrency.limit,
		WindowEvents:   s.window.events,
		WindowBytes:    s.window.bytes,
		Users:          len(s.lanes.byKey),
		UsersWaiting:   len(s.lanes.waiting),
		UsersReady:     s.lanes.ready.len(),
		UsersParked:    s.parking.users,
		EventsParked:   s.parking.events,
		LettersWaiting: s.unburied.waiting(),
		Obeyed:         s.obeyed,
		Suppressed:     s.window.suppressed,
		OldestPending:  s.window.oldestAccepted(),
		LastDelivered:  s.lastDelivered,
	}
	s.describe(&state, now, wall)
	s.board.publish(state, &s.calls, wall)
}

// describe finds the status that tells most.
func (s *scheduler) describe(state *State, now instant, wall time.Time) {
	reason, since := s.troubled()
	switch {
	case s.stopping:
		state.Status = StatusStopping
	case reason != "":
		state.Status, state.Reason, state.Since = StatusUnavailable, reason, since
	case !s.pausedSince.IsZero():
		state.Status, state.Reason, state.Since = StatusPaused, "tanker resume lets it go on", s.pausedSince
	case s.gate.closed || s.gate.trial:
		state.Status, state.Reason, state.Since = StatusBlocked, s.gate.reason, s.gate.since
		if s.gate.cause == causeTrouble {
			state.Status = StatusCircuitOpen
		}
		if s.gate.closed {
			state.Until = wall.Add(s.gate.next - now)
		}
	case s.key.paused > now:
		state.Status, state.Reason = StatusRateLimited, "Refiner answered 429"
		state.Until = wall.Add(s.key.paused - now)
	case s.flying > 0 || s.recording > 0 || s.lanes.ready.len() > 0 || s.parking.recalls > 0:
		state.Status = StatusDelivering
		if s.limited {
			state.Reason = fmt.Sprintf("as fast as the limit of %d calls a minute allows", s.o.KeyPerMinute)
		}
	case len(s.lanes.waiting) > 0:
		state.Status = StatusWaiting
		state.Until = wall.Add(s.lanes.waiting[0].until - now)
	default:
		state.Status = StatusIdle
	}
	if reason := s.unburied.reason(); reason != "" {
		state.Reason = strings.TrimPrefix(state.Reason+"; "+reason, "; ")
	}
}

func (s *scheduler) troubled() (reason string, since time.Time) {
	for _, t := range s.troubles {
		if reason, since := t.get(); reason != "" {
			return reason, since
		}
	}
	return "", time.Time{}
}

package delivery

import (
	"cmp"
	"log/slog"
	"time"

	"tanker/refiner"
)

// block closes the gate. It is loud when that is news.
func (s *scheduler) block(reason string, now instant) {
	if s.gate.refuse(causeKey, reason, now, time.Now().UTC()) {
		s.o.Logger.Error("destination is blocked: Refiner refuses the API key; nothing is lost, delivery goes on when it is accepted",
			"reason", reason)
	}
}

// probe asks a destination that gets no calls, when it is due, whether it works again. It returns when it is.
// The probe counts against the key's limit like every call.
func (s *scheduler) probe(now instant) instant {
	if !s.gate.closed || s.gate.probing || s.stopping || !s.pausedSince.IsZero() {
		return never
	}
	if s.gate.next > now {
		return s.gate.next
	}
	if wait := s.key.wait(now); wait > 0 {
		return later(now, wait)
	}
	s.gate.probing = true
	s.key.start(now)
	s.verify()
	return never
}

// probeEnded takes a probe's answer. An endpoint that knows no such call has not refused the key, and one that has
// had enough calls answers: an event may try.
func (s *scheduler) probeEnded(err error) {
	now := s.now()
	s.key.end(now)
	if err == nil {
		s.gate.accepted()
		return
	}
	e := asRefinerError(err)
	switch e.Class {
	case refiner.ClassEvent:
		s.gate.accepted()
	case refiner.ClassCredentials:
		s.block(blockedReason(e), now)
		s.gate.denied(0, now)
	case refiner.ClassRateLimited:
		s.probeLimited(e.RetryAfter, now)
	default:
		if s.gate.cause == causeTrouble {
			s.gate.reason = e.Error()
		}
		s.o.Logger.Debug("probe without result", slog.String("class", e.Class.String()), slog.Int("status", e.Status))
		s.gate.denied(e.RetryAfter, now)
	}
}

// probeLimited takes the answer to a probe that there were too many calls. It says nothing about the key, but
// whoever says so is there.
func (s *scheduler) probeLimited(wait time.Duration, now instant) {
	if s.gate.cause == causeKey {
		s.gate.denied(wait, now)
		return
	}
	s.key.pause(now + cmp.Or(wait, defaultPause))
	s.gate.accepted()
}

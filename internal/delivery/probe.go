package delivery

import (
	"log/slog"
	"time"

	"tanker/refiner"
)

// block closes the gate. It is loud when that is news.
func (s *scheduler) block(reason string, now instant) {
	if s.gate.refuse(reason, now, time.Now().UTC()) {
		s.o.Logger.Error("destination is blocked: Refiner refuses the API key; nothing is lost, delivery goes on when it is accepted",
			"reason", reason)
	}
}

// probe asks a blocked destination, when it is due, whether it accepts the key. It returns when it is.
// The probe counts against the key's limit like every call.
func (s *scheduler) probe(now instant) instant {
	if !s.gate.closed || s.gate.probing || s.stopping {
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

// probeEnded takes a probe's answer. An endpoint that knows no such call has not refused the key: an event may try.
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
	default:
		s.o.Logger.Debug("probe without result", slog.String("class", e.Class.String()), slog.Int("status", e.Status))
		s.gate.denied(e.RetryAfter, now)
	}
}

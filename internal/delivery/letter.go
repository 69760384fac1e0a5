package delivery

import (
	"strings"
	"time"
	"unicode/utf8"

	"tanker/internal/journal"
)

// What a dead letter holds at most.
const (
	maxAttemptsKept = 20       // the latest ones
	maxAttemptText  = 512      // bytes of an attempt's error
	maxAnswerKept   = 10 << 10 // bytes of the last answer
)

// newLetter makes the dead letter of an event whose latest call ended in v and err. It holds what an operator needs
// to understand the case and to send the event again; nothing in it comes near the API key.
func newLetter(o *Options, it *item, v verdict, err error) *journal.DeadLetter {
	l := &journal.DeadLetter{
		Destination: o.Name,
		Position:    it.entry.Position,
		MessageID:   it.entry.MessageID,
		Source:      it.entry.Source,
		User:        it.key,
		Type:        it.typ,
		ReceivedAt:  it.entry.ReceivedAt,
		RequestIP:   it.entry.RequestIP,
		Event:       it.entry.Body,
		Reason:      v.reason,
		Message:     v.message,
		Method:      it.call.Method,
		Path:        it.call.Path,
		Call:        it.call.Body,
		Status:      v.status,
		Attempts:    it.tried,
		At:          time.Now().UTC(),
		ReplayOf:    it.entry.ReplayOf,
	}
	if err != nil {
		l.Answer = lastAnswer(err)
	}
	return l
}

// clip shortens s to at most limit bytes of valid UTF-8.
func clip(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

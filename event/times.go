package event

import (
	"fmt"
	"time"

	"github.com/araddon/dateparse"
)

// times are the four times of an event after they were made to agree.
type times struct {
	received time.Time // when the gateway took the event
	original time.Time // when it happened, by the sender's clock
	sent     time.Time // when it was sent, by the sender's clock
	happened time.Time // when it happened, by ours
}

// timesOf works out when an event happened. The sender's clock may be wrong, but the time that passed on it
// between the event and its sending is right, so that much before it was received the event happened. A
// timestamp that the sender gives itself is believed.
func timesOf(e *Event, received time.Time) times {
	t := times{received: received.UTC()}
	t.original = timeOr(e.value().Get("originalTimestamp"), t.received)
	t.sent = timeOr(e.value().Get("sentAt"), t.received)
	t.happened = timeOr(e.value().Get("timestamp"), t.received.Add(t.original.Sub(t.sent)))
	return t
}

func timeOr(v Value, other time.Time) time.Time {
	if v.Kind() == String {
		if t, err := parseTime(v.Text()); err == nil {
			return t
		}
	}
	return other
}

// longestTime is longer than any way to write a time that is known.
const longestTime = 80

// parseTime reads RFC 3339 itself and leaves every other way to write a time to dateparse. A zone is kept.
func parseTime(s string) (t time.Time, err error) {
	if len(s) > longestTime {
		return time.Time{}, fmt.Errorf("time: %d bytes are too many", len(s))
	}
	if t, err = time.Parse(time.RFC3339, s); err != nil {
		t, err = guessTime(s)
	}
	if err == nil && (t.Year() < 0 || t.Year() > 9999) {
		err = fmt.Errorf("time: year %d cannot be written", t.Year())
	}
	return t, err
}

// guessTime calls dateparse, which panics at some inputs.
func guessTime(s string) (t time.Time, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("time: %v", r)
		}
	}()
	return dateparse.ParseAny(s)
}

// format writes RFC 3339 with three decimals, always.
func format(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }

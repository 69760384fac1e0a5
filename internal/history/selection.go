package history

import (
	"bytes"
	"time"

	"tanker/event"
	"tanker/internal/journal"
)

// Selection says which events are meant. Zero fields select all.
type Selection struct {
	User    string    `json:"user,omitempty"`    // user id, email or anonymous id
	Message string    `json:"message,omitempty"` // message id
	Type    string    `json:"type,omitempty"`    // in lower case
	Event   string    `json:"event,omitempty"`   // name of a track call, or of a page
	Since   time.Time `json:"since,omitzero"`    // received at this time or later
	Until   time.Time `json:"until,omitzero"`    // received before
}

// storedLate is how much later than it was received an event may be stored, with something to spare.
const storedLate = 2 * time.Minute

// over reports whether packs from here on hold nothing that is selected any more.
func (s *Selection) over(p *journal.StoredPack) bool {
	return !s.Until.IsZero() && p.Stored.After(s.Until.Add(storedLate))
}

// selects reports whether an event is meant. received is when it came, or was sent again.
func (s *Selection) selects(entry *journal.Entry, received time.Time) bool {
	if !s.Since.IsZero() && received.Before(s.Since) || !s.Until.IsZero() && !received.Before(s.Until) {
		return false
	}
	if s.Message != "" && entry.MessageID != s.Message {
		return false
	}
	if s.User == "" && s.Type == "" && s.Event == "" {
		return true
	}
	if !mayHold(entry.Body, s.User) || !mayHold(entry.Body, s.Event) {
		return false
	}
	e, err := parse(entry)
	if err != nil {
		return false
	}
	return (s.User == "" || isUser(e, s.User)) && (s.Type == "" || e.Type() == s.Type) && (s.Event == "" || isNamed(e, s.Event))
}

// isUser reports whether an event is of a user.
func isUser(e *event.Event, user string) bool {
	return e.UserKey() == user || e.UserID().Text() == user || e.Email().Text() == user || e.AnonymousID() == user
}

// isNamed reports whether a track call or a page has a name.
func isNamed(e *event.Event, name string) bool {
	return nameOf(e) == name
}

// mayHold reports whether a text can be among the values of an event. To say no it must be sure: values may be
// written with escapes, and are cleaned of what cannot be seen.
func mayHold(body []byte, text string) bool {
	if bytes.Contains(body, []byte(text)) {
		return true
	}
	for _, c := range body {
		if c == '\\' || c >= 0x7f {
			return true
		}
	}
	return false
}

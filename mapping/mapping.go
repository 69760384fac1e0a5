package mapping

import (
	"fmt"

	"tanker/event"
)

// Profile says whose rules an event is mapped by.
type Profile string

const (
	// Documented follows RudderStack's public description of its Refiner destination. The default.
	Documented Profile = "documented"
	// Upstream gives what rudder-transformer gives, its departures from that description included.
	Upstream Profile = "upstream"
)

// Settings says how events become calls to one destination.
type Settings struct {
	// Profile is whose rules to follow. "" means Documented.
	Profile Profile

	// UserAttributes renames the traits of a user in identify calls. None by default.
	UserAttributes []Rename

	// AccountAttributes renames the traits of an account in group calls. None by default.
	AccountAttributes []Rename

	faults faults // what ParseRudderConfig found that stops rudder-transformer
}

// Rename gives the trait From the name To. Names are taken as they are: case counts, spaces too, and a dot
// does not lead into an object. A Rename whose From is blank does nothing.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Mapper turns events into calls. It is immutable and may be used by several goroutines at once.
type Mapper struct {
	profile       Profile
	user, account renames // Documented
	warnings      []string

	upstreamUser, upstreamAccount upstreamRenames // Upstream
	faults                        faults
}

// New makes a Mapper. The only error is an unknown profile.
func New(s Settings) (*Mapper, error) {
	switch s.Profile {
	case "", Documented:
		return newDocumented(s), nil
	case Upstream:
		return newUpstream(s), nil
	}
	return nil, fmt.Errorf("unknown profile %q: want %q or %q", s.Profile, Documented, Upstream)
}

// Warnings tells, a sentence each, which renames will not be carried out, and why.
func (m *Mapper) Warnings() []string { return m.warnings }

// Map turns an event into the call that brings it to Refiner. The error is always a *Refusal.
func (m *Mapper) Map(e *event.Event) (Call, error) {
	if m.profile == Upstream {
		return m.mapUpstream(e)
	}
	return m.mapDocumented(e)
}

// Call is one request to Refiner's REST API.
type Call struct {
	Method string // "POST"
	Path   string // such as "/v1/identify-user"
	Body   []byte // one JSON object: the request's parameters
	Form   bool   // Body's members are to be sent as form fields, each under its name as it stands

	// UserID and Email are, as text, the id and the email that the call is about; "" if it has none. What
	// an identify of the Upstream profile sends as userId is its UserID.
	UserID, Email string
}

// Sets says what the call sets: traits of its contact, which a call about nothing but the contact counts as, and the
// contact's account or traits of it. What cannot be told sets both.
func (c Call) Sets() (contact, account bool) {
	if c.Path != pathIdentify {
		return false, false
	}
	body, err := event.Parse(c.Body, event.Limits{})
	if err != nil || c.Form {
		return true, true
	}
	for name := range body.Get().Members() {
		switch name {
		case "id", "email":
		case "account":
			account = true
		default:
			contact = true
		}
	}
	return contact || !account, account
}

// UserKey names the user whose calls must stay in order: UserID, else Email. A call of the Upstream profile
// may have neither.
func (c Call) UserKey() string {
	if c.UserID != "" {
		return c.UserID
	}
	return c.Email
}

package refinertest

import (
	"maps"
	"time"
)

// Contact is a contact as the API answers it.
type Contact struct {
	UUID        string         `json:"uuid"`
	RemoteID    *string        `json:"remote_id"` // the id it was sent with
	Email       *string        `json:"email"`
	DisplayName string         `json:"display_name"`
	FirstSeenAt time.Time      `json:"first_seen_at"`
	LastSeenAt  time.Time      `json:"last_seen_at"`
	Attributes  map[string]any `json:"attributes"` // numbers are json.Number, as they were written
	Segments    []Segment      `json:"segments"`
	Account     *Account       `json:"account"`
}

// ID returns the remote id, "" if the contact has none.
func (c Contact) ID() string { return deref(c.RemoteID) }

// Account is an account as the API answers it.
type Account struct {
	UUID        string         `json:"uuid"`
	RemoteID    *string        `json:"remote_id"`
	Domain      *string        `json:"domain"`
	DisplayName string         `json:"display_name"`
	Attributes  map[string]any `json:"attributes"`
}

// ID returns the remote id, "" if the account has none.
func (a Account) ID() string { return deref(a.RemoteID) }

// Segment is a group that a contact was added to.
type Segment struct {
	UUID      string    `json:"uuid"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Event is something that a user did.
type Event struct {
	Name string    `json:"event"`
	At   time.Time `json:"at"`
}

// StoredContact is a contact with the events it was tracked with, which the API does not tell.
type StoredContact struct {
	Contact

	// Events are the latest ones, in the order in which they came.
	Events []Event `json:"events"`

	// EventCount counts all of them.
	EventCount int64 `json:"event_count"`
}

// EventNames returns the names of the events, in order.
func (c StoredContact) EventNames() []string {
	var names []string
	for _, e := range c.Events {
		names = append(names, e.Name)
	}
	return names
}

// Contacts returns all contacts in the order of their creation.
func (s *Sandbox) Contacts() []StoredContact {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	all := make([]StoredContact, 0, len(s.store.order))
	for _, c := range s.store.order {
		all = append(all, c.stored())
	}
	return all
}

// Contact returns the contact with this id, or with this email if id is "".
func (s *Sandbox) Contact(id, email string) (StoredContact, bool) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	c := s.store.find(id, email, "")
	if c == nil {
		return StoredContact{}, false
	}
	return c.stored(), true
}

func (c *contact) stored() StoredContact {
	return StoredContact{Contact: c.view(), Events: append([]Event{}, c.events...), EventCount: c.eventCount}
}

// view copies a contact, so that it can be written without the lock. The values of attributes are
// never changed in place.
func (c *contact) view() Contact {
	return Contact{
		UUID:        c.uuid,
		RemoteID:    ref(c.id),
		Email:       ref(c.email),
		DisplayName: firstOf(text(c.attributes["name"]), c.email, c.id),
		FirstSeenAt: c.first,
		LastSeenAt:  c.last,
		Attributes:  maps.Clone(c.attributes),
		Segments:    append([]Segment{}, c.segments...),
		Account:     c.account.view(),
	}
}

func (a *account) view() *Account {
	if a == nil {
		return nil
	}
	return &Account{
		UUID:        a.uuid,
		RemoteID:    ref(a.id),
		Domain:      ref(text(a.attributes["domain"])),
		DisplayName: firstOf(text(a.attributes["name"]), a.id),
		Attributes:  maps.Clone(a.attributes),
	}
}

func ref(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

package erasure

import (
	"strings"

	"tanker/event"
	"tanker/internal/journal"
)

// Identity is how an event names whose it is.
type Identity struct {
	ID        string // the user id
	Email     string // in lower case, without space around it
	Anonymous string // the anonymous id
	Previous  string // of alias events: the id that the user had before
}

// IdentityOf reads whose an event is.
func IdentityOf(e *event.Event) Identity {
	i := Identity{ID: e.UserID().Text(), Email: FoldEmail(e.Email().Text()), Anonymous: e.AnonymousID()}
	if e.Type() == "alias" || e.Type() == "merge" {
		i.Previous = e.Get("previousId").Text()
	}
	return i
}

// FoldEmail is an email as it is compared with others.
func FoldEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// is reports whether an event is of a user, whose names the functions know: the event's user id is the user's, or the id
// before, or its email; or it has only an anonymous id, and that is the user's.
func (i *Identity) is(id, email, anonymous func(string) bool) bool {
	switch {
	case i.ID != "" && id(i.ID), i.Previous != "" && id(i.Previous), i.Email != "" && email(i.Email):
		return true
	}
	return i.ID == "" && i.Email == "" && i.Anonymous != "" && anonymous(i.Anonymous)
}

// Kinds of names, as they go into the digests of suppressed names.
const (
	kindID        = "id"
	kindEmail     = "email"
	kindAnonymous = "anonymous"
)

// Guard says whose events are suppressed. Its methods are safe for concurrent use.
type Guard struct{ list *journal.Suppression }

// NewGuard makes a guard that goes by a journal's list.
func NewGuard(list *journal.Suppression) *Guard { return &Guard{list} }

// Version changes whenever somebody is suppressed, or not any more.
func (g *Guard) Version() uint64 { return g.list.Version() }

// Suppresses reports whether an event is of somebody who is suppressed. It costs next to nothing while nobody is.
func (g *Guard) Suppresses(e *event.Event) bool {
	if g.list.Empty() {
		return false
	}
	has := func(kind string) func(string) bool {
		return func(name string) bool { return g.list.Has(g.list.Name(kind, name)) }
	}
	identity := IdentityOf(e)
	return identity.is(has(kindID), has(kindEmail), has(kindAnonymous))
}

package erasure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tanker/refiner"
)

// Contact is a contact at a destination that has one of the names.
type Contact struct {
	UUID  string `json:"uuid"`
	ID    string `json:"id,omitempty"`
	Email string `json:"email,omitempty"`
	Other bool   `json:"other,omitempty"` // it is somebody else's: it has one of the emails, and another id
}

// lookUp asks a destination for the contacts that have one of the names.
func lookUp(ctx context.Context, contacts Contacts, names *nameSet) ([]Contact, error) {
	var asked []refiner.User
	list := names.list()
	for _, id := range list.IDs {
		asked = append(asked, refiner.User{ID: id})
	}
	for _, email := range list.Emails {
		if strings.Contains(email, "@") { // what was asked for may be no email
			asked = append(asked, refiner.User{Email: email})
		}
	}
	var found []Contact
	known := map[string]bool{}
	for _, user := range asked {
		record, err := contacts.Contact(ctx, user)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if known[record.UUID] {
			continue
		}
		known[record.UUID] = true
		found = append(found, Contact{
			UUID: record.UUID, ID: record.RemoteID, Email: record.Email,
			Other: user.Email != "" && record.RemoteID != "" && !names.ids[record.RemoteID],
		})
	}
	return found, nil
}

// missing reports whether an answer says that there is no such contact.
func missing(err error) bool {
	e, ok := errors.AsType[*refiner.Error](err)
	return ok && e.Class == refiner.ClassEvent && e.Status == http.StatusNotFound
}

// remove deletes the contacts that are the user's, and says how many they were. One that is gone already counts.
func remove(ctx context.Context, contacts Contacts, found []Contact) (int, error) {
	n := 0
	for _, c := range found {
		if c.Other {
			continue
		}
		user := refiner.User{UUID: c.UUID}
		if c.UUID == "" {
			user = refiner.User{ID: c.ID, Email: c.Email}
		}
		if err := contacts.DeleteContact(ctx, user); err != nil && !missing(err) {
			return n, err
		}
		n++
	}
	return n, nil
}

// lead adds to a search what contacts say: the id that has the email which was asked for, and the emails of the user's contacts.
func (s *search) lead(found []Contact) {
	for _, c := range found {
		if c.Other {
			if FoldEmail(c.Email) == FoldEmail(s.names.asked) {
				s.refiners[c.ID] = true
			}
			continue
		}
		if email := FoldEmail(c.Email); email != "" && !s.names.emails[email] {
			s.maybe.emails[email] = true
		}
	}
}

// trouble says in words why a call has failed, without anything that Refiner may have repeated of it.
func trouble(err error) string {
	e, ok := errors.AsType[*refiner.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Class == refiner.ClassCredentials:
		return "Refiner refuses the API key"
	case e.Class == refiner.ClassRateLimited:
		return "Refiner has answered 429: too many calls"
	case e.Status != 0:
		return fmt.Sprintf("Refiner has answered %d", e.Status)
	}
	return "Refiner does not answer"
}

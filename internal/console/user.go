package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"tanker/internal/history"
	"tanker/refiner"
)

// userBackend is what the page of a user shows, beside events.
type userBackend interface {
	// Waiting says how a user's events stand in a destination's queue, as far as that is known.
	Waiting(ctx context.Context, destination, user string) (history.Waiting, bool)
	// Contact asks Refiner for a contact, by id or email. Errors are those of a refiner.Client.
	Contact(ctx context.Context, destination, user string) (refiner.ContactRecord, error)
}

func userPages() page {
	return page{
		nav: []navItem{{"/users", "Users"}},
		routes: func(r routes) {
			r.get("/users", showUser)
			r.get("/users/contact", showContact)
		},
	}
}

// userView is the page of a user, or the form that asks for one.
type userView struct {
	User         string // "" if none was asked for
	Destinations []string
	Found        *history.Found
	On           string // path to look further back; "" if the whole log was looked through
	First        string // path to the latest events; "" if these are the latest
	Queues       []queueView
	Chosen       string       // the destination whose contact was asked for
	Contact      *contactView // nil if it was not asked for
}

// queueView is what waits of a user at a destination.
type queueView struct {
	history.Waiting
	Destination string
	State       string // why the destination sends nothing; "" if it does
}

// ParkedPath is the path of the list of the parked events.
func (q queueView) ParkedPath() string {
	path, _ := query("/events", "destination", q.Destination, "outcome", "parked", "user", q.User) // each has its value
	return path
}

// contactView is a contact as Refiner has it, or why it cannot be shown.
type contactView struct {
	Destination string
	Asked       time.Time
	Problem     string
	Record      refiner.ContactRecord
}

func showUser(v *visit) error {
	seen := userView{User: strings.TrimSpace(v.URL.Query().Get("user")), Destinations: v.backend.DestinationNames()}
	if seen.User == "" {
		return v.show("user", "Users", seen)
	}
	before, err := beforeOf(v)
	if err != nil {
		return err
	}
	found, err := v.backend.Find(v.Context(), history.FindOptions{Selection: history.Selection{User: seen.User}, Before: before})
	if err != nil {
		return err
	}
	seen.Found = &found
	if found.Before != 0 {
		seen.On, _ = query("/users", "user", seen.User, "before", found.Before.String()) // each has its value
	}
	if before != 0 {
		seen.First, _ = query("/users", "user", seen.User)
	}
	seen.Queues = queues(v, &seen)
	return v.show("user", "User "+short(60, seen.User), seen)
}

// mostNames is how many names of a user are asked for in a queue: the one that was typed, and those that calls have.
const mostNames = 4

// queues are those in which something of the user waits.
func queues(v *visit, seen *userView) []queueView {
	var waiting []queueView
	for _, destination := range seen.Destinations {
		names, state := []string{seen.User}, ""
		for i := range seen.Found.Events {
			for _, f := range seen.Found.Events[i].Fates {
				if f.Destination != destination {
					continue
				}
				state = f.State
				if name := f.Mapping.User; name != "" && len(names) < mostNames && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		for _, name := range names {
			if w, known := v.backend.Waiting(v.Context(), destination, name); known && w.InMemory+w.Parked > 0 {
				waiting = append(waiting, queueView{w, destination, state})
			}
		}
	}
	return waiting
}

// showContact asks Refiner for the contact.
func showContact(v *visit) error {
	q := v.URL.Query()
	user, destination := strings.TrimSpace(q.Get("user")), q.Get("destination")
	if user == "" || len(user) > longestUser {
		return problem{http.StatusBadRequest, "say whose contact is meant", "by user id or email"}
	}
	if !slices.Contains(v.backend.DestinationNames(), destination) {
		return problem{http.StatusNotFound, "there is no such destination", "choose one of those that are offered"}
	}
	record, err := v.backend.Contact(v.Context(), destination, user)
	contact := &contactView{Destination: destination, Asked: time.Now(), Record: record, Problem: contactProblem(err)}
	seen := userView{User: user, Destinations: v.backend.DestinationNames(), Chosen: destination, Contact: contact}
	if v.isPart() {
		return v.part("user", "contact", seen)
	}
	return v.show("user", "User "+short(60, user), seen)
}

// contactProblem says in words why there is no contact to show; "" if there is one.
func contactProblem(err error) string {
	if err == nil {
		return ""
	}
	refused, ok := errors.AsType[*refiner.Error](err)
	if !ok {
		return "Refiner could not be asked: " + err.Error()
	}
	switch refused.Class {
	case refiner.ClassEvent:
		if refused.Status == http.StatusNotFound {
			return "Refiner has no contact with this id or email."
		}
	case refiner.ClassCredentials:
		return "Refiner refuses the destination's API key: " + refused.Message + "."
	case refiner.ClassRateLimited:
		return "Refiner has been asked too often of late. Ask again in a minute."
	case refiner.ClassTemporary, refiner.ClassCanceled:
		return "Refiner does not answer at the moment: " + refused.Message + "."
	case refiner.ClassUnexpected:
	}
	return "Refiner answers something else than a contact: " + refused.Message + "."
}

package erasure

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"tanker/internal/journal"
)

// Which names are the same user's is not always known. Taken for it are:
//
//   - the name that was asked for: as a user id, an email and an anonymous id;
//   - if that is an email which events of one other user id carry, and of no more than one, or which the contact at Refiner has
//     that has an id: that id;
//   - the emails that the user's events carry, or that the contact at Refiner has, unless events of another user id carry them too;
//   - the anonymous ids that the user's events carry, unless events of another user carry them too.
//
// An email of several user ids is nobody's in particular. Asking for it is refused: it is not clear who is meant.

// Names are those of one user.
type Names struct {
	IDs       []string `json:"ids,omitempty"`
	Emails    []string `json:"emails,omitempty"` // in lower case
	Anonymous []string `json:"anonymous,omitempty"`
}

// mostNames is how many names a user can have. Somebody with more is no user but something that many share.
const mostNames = 1000

// Errors of an erasure that cannot be made as it was asked for.
var (
	// ErrErasure says that an erasure is not possible as it was asked for.
	ErrErasure = errors.New("this is not possible")
	// errUnclear says that it is not clear who is meant.
	errUnclear = fmt.Errorf("%w: it is not clear who is meant", ErrErasure)
)

// nameSet is the names of one user while they are looked for.
type nameSet struct {
	asked                  string
	ids, emails, anonymous map[string]bool
}

func newNameSet(asked string) *nameSet {
	return &nameSet{
		asked: asked, ids: map[string]bool{asked: true}, emails: map[string]bool{FoldEmail(asked): true},
		anonymous: map[string]bool{asked: true},
	}
}

// is reports whether an event is the user's.
func (n *nameSet) is(i *Identity) bool {
	return i.is(
		func(id string) bool { return n.ids[id] },
		func(email string) bool { return n.emails[email] },
		func(anonymous string) bool { return n.anonymous[anonymous] },
	)
}

func (n *nameSet) len() int { return len(n.ids) + len(n.emails) + len(n.anonymous) }

func (n *nameSet) add(more Names) {
	for _, id := range more.IDs {
		n.ids[id] = true
	}
	for _, email := range more.Emails {
		n.emails[email] = true
	}
	for _, anonymous := range more.Anonymous {
		n.anonymous[anonymous] = true
	}
}

// list is the names, sorted.
func (n *nameSet) list() Names {
	return Names{
		IDs: slices.Sorted(maps.Keys(n.ids)), Emails: slices.Sorted(maps.Keys(n.emails)), Anonymous: slices.Sorted(maps.Keys(n.anonymous)),
	}
}

// without is the names that another set does not have.
func (n *nameSet) without(known *nameSet) Names {
	missing := func(all, known map[string]bool) []string {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !known[name] {
				list = append(list, name)
			}
		}
		return list
	}
	return Names{missing(n.ids, known.ids), missing(n.emails, known.emails), missing(n.anonymous, known.anonymous)}
}

func (n *Names) empty() bool { return len(n.IDs)+len(n.Emails)+len(n.Anonymous) == 0 }

// digests are what stands for names in the list of those who are suppressed.
func (n *Names) digests(list *journal.Suppression) []journal.SuppressedName {
	var all []journal.SuppressedName
	for kind, names := range map[string][]string{kindID: n.IDs, kindEmail: n.Emails, kindAnonymous: n.Anonymous} {
		for _, name := range names {
			all = append(all, list.Name(kind, name))
		}
	}
	return all
}

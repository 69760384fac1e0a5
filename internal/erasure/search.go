package erasure

import (
	"context"
	"fmt"
	"maps"

	"tanker/internal/journal"
)

// Progress is how far a search through the log has come.
type Progress struct {
	Searched int     `json:"searched"` // events that were looked at
	Found    int     `json:"found"`    // of these, events of the user
	Share    float64 `json:"share"`    // of the log, from 0 to 1
}

// search finds the names of a user.
type search struct {
	log      Log
	names    *nameSet        // for certain
	maybe    *nameSet        // to be looked at: taken, unless others have them too
	shared   *nameSet        // others have them too
	owners   map[string]bool // ids that events have with the email that was asked for
	refiners map[string]bool // ids that contacts at Refiner have with it
	progress func(Progress) error

	told Progress
}

func newSearch(log Log, names *nameSet, progress func(Progress) error) *search {
	empty := func() *nameSet {
		return &nameSet{ids: map[string]bool{}, emails: map[string]bool{}, anonymous: map[string]bool{}}
	}
	return &search{
		log: log, names: names, maybe: empty(), shared: empty(), progress: progress,
		owners: map[string]bool{}, refiners: map[string]bool{},
	}
}

// run searches until no name leads to another. Error: errUnclear, those of the journal.
func (s *search) run(ctx context.Context) error {
	for {
		before := len(s.names.ids)
		next, err := s.pass(ctx)
		if err != nil {
			return err
		}
		if err := s.own(); err != nil {
			return err
		}
		for _, set := range []struct{ maybe, shared, names, next map[string]bool }{
			{s.maybe.emails, s.shared.emails, s.names.emails, next.emails},
			{s.maybe.anonymous, s.shared.anonymous, s.names.anonymous, next.anonymous},
		} {
			for name := range set.maybe {
				if !set.shared[name] {
					set.names[name] = true
				}
			}
			clear(set.maybe)
			for name := range set.next {
				if !set.names[name] && !set.shared[name] {
					set.maybe[name] = true
				}
			}
		}
		if s.names.len()+s.maybe.len() > mostNames {
			return fmt.Errorf("%w: there are more than %d names: that is no single user", errUnclear, mostNames)
		}
		if s.maybe.len() == 0 && len(s.names.ids) == before {
			return nil
		}
	}
}

// own takes the id for the user's that belongs to the email which was asked for.
func (s *search) own() error {
	owners := maps.Clone(s.owners)
	maps.Copy(owners, s.refiners)
	delete(owners, s.names.asked)
	if len(owners) > 1 {
		return fmt.Errorf("%w: events of %d user ids carry this email, or a contact at Refiner has it: erase each by its id", errUnclear, len(owners))
	}
	maps.Copy(s.names.ids, owners)
	return nil
}

// pass reads the log once. It returns names that may be the user's too.
func (s *search) pass(ctx context.Context) (next *nameSet, err error) {
	all := &nameSet{asked: s.names.asked, ids: s.names.ids, emails: maps.Clone(s.names.emails), anonymous: maps.Clone(s.names.anonymous)}
	maps.Copy(all.emails, s.maybe.emails)
	maps.Copy(all.anonymous, s.maybe.anonymous)
	m := newMatcher(all)
	next = newSearch(nil, nil, nil).maybe
	s.told = Progress{}
	err = scan(ctx, s.log, s.progress, &s.told, func(pack *journal.StoredPack) error {
		for i := range pack.Entries {
			e := &pack.Entries[i]
			if e.Erased() || !m.mayBe(e.Body) {
				continue
			}
			if identity, ok := identityOf(e); ok {
				s.look(&identity, next)
			}
		}
		return nil
	})
	return next, err
}

// look learns from an event that may be the user's.
func (s *search) look(i *Identity, next *nameSet) {
	if s.names.is(i) {
		s.told.Found++
	}
	other := i.ID != "" && !s.names.ids[i.ID]
	switch {
	case i.ID != "" && !other, i.ID == "" && i.Email != "" && (s.names.emails[i.Email] || s.maybe.emails[i.Email]):
		if i.Email != "" {
			next.emails[i.Email] = true
		}
		if i.Anonymous != "" {
			next.anonymous[i.Anonymous] = true
		}
	case other && i.Email == FoldEmail(s.names.asked):
		s.owners[i.ID] = true
	case other && i.Email != "" && s.maybe.emails[i.Email]:
		s.shared.emails[i.Email] = true
	}
	stranger := other || i.ID == "" && i.Email != "" && !s.names.emails[i.Email] && !s.maybe.emails[i.Email]
	if stranger && s.maybe.anonymous[i.Anonymous] {
		s.shared.anonymous[i.Anonymous] = true
	}
}

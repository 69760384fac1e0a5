package erasure

import (
	"context"
	"errors"

	"tanker/internal/journal"
)

// Plan is what an erasure would do.
type Plan struct {
	Request

	Names    Names  `json:"names"`             // that are taken for the user's
	Shared   Names  `json:"shared"`            // that others have too, so that they are not
	Unclear  string `json:"unclear,omitempty"` // why it is not possible
	Events   int    `json:"events"`            // in the log
	Letters  int    `json:"letters"`           // dead letters
	Searched int    `json:"searched"`          // events that were looked at

	Destinations []PlannedDestination `json:"destinations"`
}

// PlannedDestination is what an erasure would delete at one destination.
type PlannedDestination struct {
	Destination string    `json:"destination"`
	Contacts    []Contact `json:"contacts"`
	Skipped     string    `json:"skipped,omitempty"` // why no contact would be deleted here
	Unknown     string    `json:"unknown,omitempty"` // why it is not known whether there is one
}

// Plan says what an erasure would do, and changes nothing. progress is told now and then how far the search is. Errors:
// ErrErasure, journal.ErrNotFound, those of the journal.
func (r *Erasures) Plan(ctx context.Context, request Request, progress func(Progress) error) (Plan, error) {
	p := Plan{Request: request, Destinations: []PlannedDestination{}}
	if err := r.checkRequest(&request); err != nil {
		return p, err
	}
	s := newSearch(r.o.Log, newNameSet(request.User), progress)
	considered := newNameSet("")
	for {
		err := s.run(ctx)
		if errors.Is(err, errUnclear) {
			p.Unclear = err.Error()
			break
		}
		if err != nil {
			return p, err
		}
		var found []Contact
		p.Destinations, found = r.planContacts(ctx, request, s.names)
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
		asked := run{names: s.names, considered: considered, user: request.User}
		if !asked.consider(found) {
			break
		}
		s.lead(asked.leads)
	}
	p.Names, p.Shared = s.names.list(), s.shared.list()
	return p, r.count(ctx, &p, newMatcher(s.names), progress)
}

// planContacts asks the destinations for the user's contacts.
func (r *Erasures) planContacts(ctx context.Context, request Request, names *nameSet) (planned []PlannedDestination, all []Contact) {
	for _, d := range r.o.Destinations {
		p := PlannedDestination{Destination: d.Name, Skipped: d.Skip, Contacts: []Contact{}}
		if request.Destination != "" && request.Destination != d.Name {
			continue
		}
		if d.Skip == "" {
			p.Unknown = d.Hold()
		}
		if d.Skip == "" && p.Unknown == "" {
			found, err := lookUp(ctx, d.Contacts, names)
			if err != nil {
				p.Unknown = trouble(err)
			}
			p.Contacts = append(p.Contacts, found...)
			all = append(all, found...)
		}
		planned = append(planned, p)
	}
	return planned, all
}

// count counts what the log holds of the user.
func (r *Erasures) count(ctx context.Context, p *Plan, m *matcher, progress func(Progress) error) error {
	err := r.o.Log.ScanDead(ctx, journal.DeadScan{}, func(_ uint64, letter journal.DeadLetter) error {
		if m.findsLetter(&letter) {
			p.Letters++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var told Progress
	err = scan(ctx, r.o.Log, progress, &told, func(pack *journal.StoredPack) error {
		for i := range pack.Entries {
			if m.finds(&pack.Entries[i]) {
				told.Found++
			}
		}
		return nil
	})
	p.Events, p.Searched = told.Found, told.Searched
	return err
}

package config

import (
	"tanker/internal/filter"
	"tanker/mapping"
)

// Mapping is how the destination's events are mapped.
func (d Destination) Mapping() mapping.Settings {
	return mapping.Settings{
		Profile:           mapping.Profile(d.Profile),
		UserAttributes:    renames(d.UserAttributes),
		AccountAttributes: renames(d.AccountAttributes),
	}
}

// Filtering is which of them the destination gets.
func (d Destination) Filtering() filter.Settings {
	f := d.Filter
	s := filter.Settings{
		Disabled: d.Drops(), Integration: f.Integration, Types: f.MessageTypes, Allow: f.AllowEvents, Deny: f.DenyEvents,
		Consent:      filter.Consent{OneTrust: f.OneTrustCategories, Ketch: f.KetchPurposes},
		ScreenAsPage: d.Screen == "as_page",
	}
	for _, c := range f.Consent {
		s.Consent.Rules = append(s.Consent.Rules, filter.ConsentRule{Provider: c.Provider, Any: c.Strategy == "or", IDs: c.IDs})
	}
	return s
}

// Drops reports whether the destination is switched off and what comes for it is dropped, not kept.
func (d Destination) Drops() bool { return !d.Enabled && d.WhenDisabled == "drop" }

func renames(list []Rename) []mapping.Rename {
	renames := make([]mapping.Rename, len(list))
	for i, r := range list {
		renames[i] = mapping.Rename(r)
	}
	return renames
}

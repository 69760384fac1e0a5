package config

import "tanker/mapping"

// Mapping is how the destination's events are mapped.
func (d Destination) Mapping() mapping.Settings {
	return mapping.Settings{
		Profile:           mapping.Profile(d.Profile),
		UserAttributes:    renames(d.UserAttributes),
		AccountAttributes: renames(d.AccountAttributes),
	}
}

func renames(list []Rename) []mapping.Rename {
	renames := make([]mapping.Rename, len(list))
	for i, r := range list {
		renames[i] = mapping.Rename(r)
	}
	return renames
}

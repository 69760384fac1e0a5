package server

import (
	"tanker/internal/config"
	"tanker/internal/filter"
	"tanker/mapping"
)

// NewMapper makes what a destination makes of events: its filter, then its mapping. The warnings tell, a sentence each,
// what of the configuration will not be carried out.
func NewMapper(d config.Destination) (m *filter.Mapper, warnings []string, err error) {
	calls, err := mapping.New(d.Mapping())
	if err != nil {
		return nil, nil, err
	}
	return filter.New(d.Filtering()).Before(calls), calls.Warnings(), nil
}

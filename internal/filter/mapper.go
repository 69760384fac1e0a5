package filter

import (
	"tanker/event"
	"tanker/mapping"
)

// Mapper makes calls of the events that pass a filter.
type Mapper struct {
	filter *Filter
	next   Next
}

// Next makes calls of events. A *mapping.Mapper is one.
type Next interface {
	Map(e *event.Event) (mapping.Call, error)
}

// Before puts the filter before a mapper.
func (f *Filter) Before(next Next) *Mapper { return &Mapper{f, next} }

// Map makes a call of an event that the destination gets. The error is a *mapping.Refusal.
func (m *Mapper) Map(e *event.Event) (mapping.Call, error) {
	if err := m.filter.Addressed(e); err != nil {
		return mapping.Call{}, err
	}
	e = m.filter.View(e)
	if err := m.filter.Wanted(e); err != nil {
		return mapping.Call{}, err
	}
	return m.next.Map(e)
}

package journal

import "maps"

// Totals count the outcomes of a destination since it exists.
type Totals struct {
	Delivered uint64            `json:"delivered"`
	Filtered  map[string]uint64 `json:"filtered,omitempty"` // by reason
	Rejected  map[string]uint64 `json:"rejected,omitempty"` // by reason
	Dead      map[string]uint64 `json:"dead,omitempty"`     // by reason

	// Lost are the events that the disk has lost before they had an outcome. The log says which.
	Lost uint64 `json:"lost,omitempty"`
}

// Sum is the number of events that have an outcome, or are lost.
func (t Totals) Sum() uint64 {
	n := t.Delivered + t.Lost
	for _, reasons := range []map[string]uint64{t.Filtered, t.Rejected, t.Dead} {
		for _, count := range reasons {
			n += count
		}
	}
	return n
}

func (t *Totals) add(o Outcome) {
	switch o.Kind {
	case Delivered:
		t.Delivered++
	case Filtered:
		count(&t.Filtered, o.Reason)
	case Rejected:
		count(&t.Rejected, o.Reason)
	case Dead:
		count(&t.Dead, o.Reason)
	}
}

func count(reasons *map[string]uint64, reason string) {
	if *reasons == nil {
		*reasons = map[string]uint64{}
	}
	(*reasons)[reason]++
}

// clone makes a copy that nobody else changes.
func (t Totals) clone() Totals {
	t.Filtered, t.Rejected, t.Dead = maps.Clone(t.Filtered), maps.Clone(t.Rejected), maps.Clone(t.Dead)
	return t
}

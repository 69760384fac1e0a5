package mapping

import "tanker/event"

// trait is one attribute on its way to Refiner.
type trait struct {
	name  []byte // as JSON, with its quotes
	value event.Value
	rank  int // which rename gave it its name, counted from 1; 0 means its own
}

// merge lists the members of traits, with those of stronger in their place or behind them. Nulls are left
// out last, so that a null in stronger takes a value away. What is no object has no members.
func merge(traits, stronger event.Value) []trait {
	list := make([]trait, 0, 16)
	for name, value := range traits.Fields() {
		list = append(list, trait{name: name.Raw(), value: value})
	}
	places := newPlaces(list)
	for name, value := range stronger.Fields() {
		if i, ok := places.find(name.Raw()); ok {
			list[i].value = value
			continue
		}
		list = append(list, trait{name: name.Raw(), value: value})
	}
	return withoutNulls(list)
}

func withoutNulls(list []trait) []trait {
	kept := list[:0]
	for _, t := range list {
		if !t.value.IsNull() {
			kept = append(kept, t)
		}
	}
	return kept
}

// fewTraits is up to how many traits going through them is cheaper than a map.
const fewTraits = 32

// places finds traits by their names.
type places struct {
	list   []trait
	byName map[string]int // nil if the list is short
}

func newPlaces(list []trait) places {
	p := places{list: list}
	if len(list) <= fewTraits {
		return p
	}
	p.byName = make(map[string]int, len(list))
	for i, t := range list {
		p.byName[string(decoded(t.name))] = i
	}
	return p
}

func (p places) find(name []byte) (int, bool) {
	if p.byName != nil {
		i, ok := p.byName[string(decoded(name))]
		return i, ok
	}
	for i := range p.list {
		if sameName(p.list[i].name, name) {
			return i, true
		}
	}
	return 0, false
}

package mapping

import (
	"fmt"
	"strings"
)

// renames are attribute renames, ready to be applied.
type renames struct {
	targets map[string]target // by the name they replace
	places  map[string]int    // numbers the names they give
}

type target struct {
	name []byte // as JSON
	rank int    // its place in the list, counted from 1
}

// newRenames prepares a list of renames. Those onto a name that is empty or forbidden are left out with a
// warning; kind says in it whose they are. Of two for one trait the last counts.
func newRenames(list []Rename, kind string, forbidden func(name []byte) bool) (renames, []string) {
	r := renames{targets: map[string]target{}, places: map[string]int{}}
	var warnings []string
	for i, rename := range list {
		if strings.TrimSpace(rename.From) == "" {
			continue
		}
		name := quoted(rename.To)
		if isNoName(rename.To) || forbidden(name) {
			warnings = append(warnings, fmt.Sprintf(
				"rename %d of the %s attributes, %q to %q, is not carried out: Refiner would not take that name for a trait; choose another",
				i+1, kind, rename.From, rename.To))
			continue
		}
		r.targets[rename.From] = target{name: name, rank: i + 1}
	}
	for _, t := range r.targets {
		if name := string(decoded(t.name)); !r.has(name) {
			r.places[name] = len(r.places)
		}
	}
	return r, warnings
}

// isNoName reports whether a name is what was left out in a RudderStack destination's Config: nothing, or the
// words that JavaScript makes of it.
func isNoName(to string) bool { return to == "" || to == "undefined" || to == "null" }

func (r renames) has(name string) bool {
	_, ok := r.places[name]
	return ok
}

// apply gives the traits their new names, all at once: no trait is renamed twice, and two may change places.
// A renamed trait replaces one that already has the name; of two renamed to one name the later rename counts.
func (r renames) apply(list []trait) []trait {
	if len(r.targets) == 0 {
		return list
	}
	for i := range list {
		if t, ok := r.targets[string(decoded(list[i].name))]; ok {
			list[i].name, list[i].rank = t.name, t.rank
		}
	}
	return r.settle(list)
}

// settle leaves one trait of each name that renames give, at the place of the first.
func (r renames) settle(list []trait) []trait {
	seen := make([]int, len(r.places)) // where in kept, counted from 1
	kept := list[:0]
	for _, t := range list {
		place, ok := r.places[string(decoded(t.name))]
		switch {
		case !ok:
			kept = append(kept, t)
		case seen[place] == 0:
			kept = append(kept, t)
			seen[place] = len(kept)
		case t.rank > kept[seen[place]-1].rank:
			kept[seen[place]-1] = t
		}
	}
	return kept
}

package mapping

import (
	"slices"
	"strings"

	"tanker/event"
)

// upstreamRenames are attribute mappings in the order in which JavaScript goes through them.
type upstreamRenames []upstreamRename

type upstreamRename struct{ from, to []byte }

// newUpstreamRenames makes the table: of two mappings of one name the last counts, at the place of the first,
// and names that are whole numbers come first.
func newUpstreamRenames(list []Rename) upstreamRenames {
	var table upstreamRenames
	for _, rename := range list {
		if strings.TrimSpace(rename.From) == "" {
			continue
		}
		entry := upstreamRename{from: []byte(rename.From), to: []byte(rename.To)}
		i := slices.IndexFunc(table, func(r upstreamRename) bool { return string(r.from) == rename.From })
		if i < 0 {
			table = append(table, entry)
		} else {
			table[i] = entry
		}
	}
	slices.SortStableFunc(table, func(a, b upstreamRename) int { return compareIndex(a.from, b.from) })
	return table
}

// apply renames one after the other: what is false, 0 or "" keeps its name, a name mapped to itself is deleted.
func (r upstreamRenames) apply(o *jsObject) {
	for _, rename := range r {
		value, ok := o.get(rename.from)
		if !ok && inherited[string(rename.from)] {
			o.set(rename.to, jsValue{}) // a function, which no JSON shows
		}
		if !value.truthy() {
			continue
		}
		if string(rename.to) == "__proto__" {
			if value.value.Kind() == event.Object {
				o.proto = value.value
			}
		} else {
			o.set(rename.to, value)
		}
		o.delete(rename.from)
	}
}

// inherited are the names that every JavaScript object has without having been given them.
var inherited = map[string]bool{
	"constructor": true, "hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true,
	"toLocaleString": true, "toString": true, "valueOf": true, "__proto__": true,
	"__defineGetter__": true, "__defineSetter__": true, "__lookupGetter__": true, "__lookupSetter__": true,
}

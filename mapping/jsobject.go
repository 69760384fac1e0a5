package mapping

import (
	"slices"
	"strconv"

	"tanker/event"
)

// jsObject is a JavaScript object: what is set again keeps its place, and whole numbers come first.
// Names and strings are in UTF-8, with half surrogate pairs encoded as if they were characters.
type jsObject struct {
	members []jsMember
	places  map[string]int // by name; nil as long as there are few
	proto   event.Value    // what "__proto__" was set to, if that was an object
}

type jsMember struct {
	name    []byte
	value   jsValue
	deleted bool
}

// jsValue is a value of an event, or a JSON literal that was made here. The zero jsValue is undefined.
type jsValue struct {
	value   event.Value
	literal []byte
}

func (v jsValue) isNil() bool { return v.literal == nil && v.value.Kind() <= event.Null }

func (v jsValue) truthy() bool {
	if v.literal != nil {
		return string(v.literal) != `""`
	}
	return truthy(v.value)
}

func newJSObject() *jsObject { return &jsObject{members: make([]jsMember, 0, 16)} }

func (o *jsObject) find(name []byte) (int, bool) {
	if o.places != nil {
		i, ok := o.places[string(name)]
		return i, ok
	}
	for i := range o.members {
		if m := &o.members[i]; !m.deleted && string(m.name) == string(name) {
			return i, true
		}
	}
	return 0, false
}

func (o *jsObject) get(name []byte) (jsValue, bool) {
	if i, ok := o.find(name); ok {
		return o.members[i].value, true
	}
	return jsValue{}, false
}

func (o *jsObject) set(name []byte, value jsValue) {
	if i, ok := o.find(name); ok {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, jsMember{name: name, value: value})
	if o.places != nil {
		o.places[string(name)] = len(o.members) - 1
	} else if len(o.members) > fewTraits {
		o.index()
	}
}

func (o *jsObject) index() {
	o.places = make(map[string]int, 2*len(o.members))
	for i, m := range o.members {
		if !m.deleted {
			o.places[string(m.name)] = i
		}
	}
}

func (o *jsObject) delete(name []byte) {
	if i, ok := o.find(name); ok {
		o.members[i].deleted = true
		delete(o.places, string(name))
	}
}

// mostSpread is how many elements or units become members of an object. rudder-transformer has no such bound,
// but a text of a megabyte in the place of traits is a mistake that must not take a hundred times its size.
const mostSpread = 10_000

// spread is {...v}: an object's members, an array's elements by index, a string's UTF-16 units by index.
// It fails if there are too many of these.
func (o *jsObject) spread(v event.Value) bool {
	switch v.Kind() {
	case event.Object:
		for name, value := range v.Fields() {
			o.set(jsDecoded(name.Raw()), jsValue{value: value})
		}
	case event.Array:
		i := 0
		for element := range v.Elements() {
			if i == mostSpread {
				return false
			}
			o.set(strconv.AppendInt(nil, int64(i), 10), jsValue{value: element})
			i++
		}
	case event.String:
		if len(v.Raw()) > mostSpread {
			return false
		}
		for i, unit := range jsUnits(jsDecoded(v.Raw())) {
			o.set(strconv.AppendInt(nil, int64(i), 10), jsValue{literal: appendJSText(nil, unit)})
		}
	}
	return true
}

// spreadPrototype adds what the object would inherit: the clean-up of an identify copies that as well.
func (o *jsObject) spreadPrototype() {
	for name, value := range o.proto.Fields() {
		if _, own := o.get(jsDecoded(name.Raw())); !own {
			o.set(jsDecoded(name.Raw()), jsValue{value: value})
		}
	}
}

// sorted lists the members that are left and not null: whole numbers ascending, then the others in order.
func (o *jsObject) sorted() []jsMember {
	list := make([]jsMember, 0, len(o.members))
	for i := range o.members {
		if m := &o.members[i]; !m.deleted && !m.value.isNil() {
			list = append(list, *m)
		}
	}
	sortMembers(list)
	return list
}

// sortMembers puts whole numbers first, ascending. Most objects have none.
func sortMembers(list []jsMember) {
	for i := range list {
		if name := list[i].name; len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
			slices.SortStableFunc(list, func(a, b jsMember) int { return compareIndex(a.name, b.name) })
			return
		}
	}
}

// append writes the object as JSON.stringify does.
func (o *jsObject) append(out []byte) []byte {
	out = append(out, '{')
	for i, m := range o.sorted() {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendJSText(out, m.name), ':')
		if m.value.literal != nil {
			out = append(out, m.value.literal...)
			continue
		}
		out = appendJS(out, m.value.value.Raw())
	}
	return append(out, '}')
}

// compareIndex orders array indices before other names and among themselves; other names are all equal.
func compareIndex(a, b []byte) int {
	i, j := arrayIndex(a), arrayIndex(b)
	switch {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return 0
}

// noIndex is what follows the largest array index.
const noIndex = 1<<32 - 1

// arrayIndex is the number that a name stands for if JavaScript takes it for an index, else noIndex.
func arrayIndex(name []byte) uint64 {
	if len(name) == 0 || len(name) > 10 || name[0] < '0' || name[0] > '9' || name[0] == '0' && len(name) > 1 {
		return noIndex
	}
	n, err := strconv.ParseUint(string(name), 10, 64)
	if err != nil || n > noIndex {
		return noIndex
	}
	return n
}

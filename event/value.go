package event

import "iter"

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds of JSON values. The zero Kind means that there is no value.
const (
	Absent Kind = iota
	Null
	Bool
	Number
	String
	Object
	Array
)

var kindNames = [...]string{"absent", "null", "bool", "number", "string", "object", "array"}

// String names the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one JSON value of an event, as it was sent. The zero Value is absent: every method may be
// called on it. A Value keeps the whole input of its event alive.
type Value struct {
	doc   *document
	index uint32
	name  bool // the value is the name of the member at index
}

// Kind tells what the value is.
func (v Value) Kind() Kind {
	switch {
	case v.doc == nil:
		return Absent
	case v.name:
		return String
	}
	return v.doc.nodes[v.index].kind
}

// Exists reports whether there is a value, be it null.
func (v Value) Exists() bool { return v.doc != nil }

// IsNull reports whether the value is null. An absent value is not.
func (v Value) IsNull() bool { return v.Kind() == Null }

// Raw is the value as JSON, byte for byte as it came; nil if absent. It must not be modified.
func (v Value) Raw() []byte {
	if v.doc == nil {
		return nil
	}
	n := &v.doc.nodes[v.index]
	start, end := n.start, n.end
	if v.name {
		start, end = n.keyStart, n.keyEnd
	}
	return v.doc.data[start:end:end]
}

// Escaped reports whether the value is a string that is written with escapes.
func (v Value) Escaped() bool {
	if v.doc == nil {
		return false
	}
	n := &v.doc.nodes[v.index]
	if v.name {
		return n.keyEscaped
	}
	return n.escaped
}

// Text is the value as text: a string decoded, a number, true or false as it was written, an object or
// array as JSON, and "" for null and for no value. Half a surrogate pair in a string becomes U+FFFD.
func (v Value) Text() string {
	raw := v.Raw()
	switch {
	case v.Kind() <= Null:
		return ""
	case v.Kind() != String:
		return string(raw)
	case v.Escaped():
		return unquote(raw)
	}
	return string(raw[1 : len(raw)-1])
}

// Is reports whether the value is the string s. Unlike a comparison with Text it does not allocate.
func (v Value) Is(s string) bool {
	if v.Kind() != String {
		return false
	}
	if v.Escaped() {
		return unquote(v.Raw()) == s
	}
	raw := v.Raw()
	return string(raw[1:len(raw)-1]) == s
}

// Get returns the member of an object with that name, the last one if there are several.
// It is absent if there is none or if v is no object.
func (v Value) Get(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	if i := v.doc.find(v.index, key); i != 0 {
		return Value{doc: v.doc, index: i}
	}
	return Value{}
}

// Event is the message that the value is, if it is an object.
func (v Value) Event() (Event, bool) {
	if v.Kind() != Object {
		return Event{}, false
	}
	return Event{doc: v.doc, root: v.index}, true
}

// Members yields the members of an object in order, with their names decoded. Of members with the same
// name the last one's value counts, at the place of the first. Other kinds have no members.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for name, value := range v.Fields() {
			if !yield(name.Text(), value) {
				return
			}
		}
	}
}

// Fields yields the same as Members, with each name as a Value: as it was written, without decoding it.
func (v Value) Fields() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Object {
			return
		}
		d := v.doc
		repeats := d.repeats(v.index)
		for i, end := v.index+1, d.nodes[v.index].next; i < end; i = d.nodes[i].next {
			value := i
			if repeats != nil {
				if value = repeats[i]; value == 0 {
					continue
				}
			}
			if !yield(Value{doc: d, index: i, name: true}, Value{doc: d, index: value}) {
				return
			}
		}
	}
}

// Elements yields the elements of an array in order. Other kinds have none. Elements are not kept ready: each
// one is scanned again when its turn comes, and what is in it when it is asked for. (A Parser keeps those of the
// outer arrays.)
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		d := v.doc
		if end := d.nodes[v.index].next; end > v.index+1 {
			for i := v.index + 1; i < end; i = d.nodes[i].next {
				if !yield(Value{doc: d, index: i}) {
					return
				}
			}
			return
		}
		e := newElements(v.Raw())
		for e.next() {
			if !yield(Value{doc: &document{data: e.data, nodes: e.nodes}}) {
				return
			}
		}
	}
}

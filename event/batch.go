package event

import "fmt"

// SplitBatch checks a batch body, {"batch":[event, …]}, and returns its events in order, all in one scan.
// Each event is parsed: what Parse does need not be done again. MaxBytes bounds the whole body, the other
// limits each event and also what stands beside them. Like Parse it keeps data without copying it.
//
// A batch that is a single object counts as one event. No batch member, null, an empty array or a body
// that is no object is ErrEmptyBatch; an element that is no object is ErrNotObject. Either is said only
// if the whole body is valid JSON, else it is ErrSyntax.
func SplitBatch(data []byte, limits Limits) ([]Event, error) {
	b := batch{}
	if !b.start(data, limits) || !b.body() || !b.finish() {
		return nil, b.err
	}
	if b.odd != nil {
		return nil, b.odd
	}
	if len(b.roots) == 0 {
		return nil, &ParseError{Err: ErrEmptyBatch}
	}
	doc := &document{data: data, nodes: b.nodes}
	events := make([]Event, len(b.roots))
	for i, root := range b.roots {
		events[i] = Event{doc: doc, root: root}
	}
	return events, nil
}

// batch is a scan of a batch body.
type batch struct {
	scanner
	members int // of the body
	roots   []uint32
	odd     *ParseError // the first element that is no object
}

// body scans the whole body. Only what is in its batch member is noted down.
func (b *batch) body() bool {
	if b.peek() != '{' {
		_, _, ok := b.value(false)
		return ok
	}
	b.pos++
	b.space()
	if b.peek() == '}' {
		b.pos++
		return true
	}
	for {
		if !b.bodyMember() {
			return false
		}
		b.space()
		switch b.peek() {
		case '}':
			b.pos++
			return true
		case ',':
			b.pos++
			b.space()
		default:
			return b.syntax("want a comma or the end of the object")
		}
	}
}

func (b *batch) bodyMember() bool {
	b.keys, b.depth = b.members, 0
	start := b.pos
	end, escaped, ok := b.name()
	if !ok {
		return false
	}
	b.members++
	if !isBatch(b.data[start:end], escaped) {
		_, _, ok = b.value(false)
		return ok
	}
	b.roots, b.nodes, b.odd = b.roots[:0], b.nodes[:0], nil // of several batch members the last counts
	switch b.peek() {
	case '[':
		return b.elements()
	case 'n':
		return b.literal("null")
	default:
		return b.element()
	}
}

func isBatch(name []byte, escaped bool) bool {
	return string(name) == `"batch"` || escaped && unquote(name) == "batch"
}

// elements scans the array of events, or of whatever else stands there.
func (b *batch) elements() bool {
	if b.nodes == nil {
		b.nodes = make([]node, 0, nodesFor(len(b.data)-b.pos))
	}
	b.pos++
	b.space()
	if b.peek() == ']' {
		b.pos++
		return true
	}
	for count := 1; ; count++ {
		if count > b.limits.MaxEvents {
			return b.fail(ErrTooManyEvents, b.pos, fmt.Sprintf("more than %d", b.limits.MaxEvents))
		}
		if !b.element() {
			return false
		}
		b.space()
		switch b.peek() {
		case ']':
			b.pos++
			return true
		case ',':
			b.pos++
			b.space()
		default:
			return b.syntax("want a comma or the end of the array")
		}
	}
}

// element scans one event with a budget of its own.
func (b *batch) element() bool {
	b.keys, b.depth = 0, 0
	start := b.pos
	root, ok := b.root()
	if !ok {
		return false
	}
	if kind := b.nodes[root].kind; kind != Object && b.odd == nil {
		b.odd = &ParseError{Err: ErrNotObject, Offset: start, Detail: "found " + kind.String(), Found: kind}
	}
	b.roots = append(b.roots, root)
	return true
}

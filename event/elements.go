package event

import "math"

// elements scans an array, that has been scanned before, an element at a time.
type elements struct{ scanner }

func newElements(array []byte) *elements {
	e := &elements{}
	e.data, e.pos = array, len("[")
	e.limits = Limits{MaxDepth: math.MaxInt, MaxKeys: math.MaxInt} // it has been held to limits before
	return e
}

// next scans the next element into nodes of its own and reports whether there was one.
func (e *elements) next() bool {
	e.space()
	if e.peek() == ',' {
		e.pos++
		e.space()
	}
	if e.peek() == ']' {
		return false
	}
	e.nodes = nil
	_, ok := e.root()
	return ok
}

package event

import (
	"fmt"
	"unicode/utf8"
)

// scanner checks JSON in one pass and notes down the values that can be asked for.
type scanner struct {
	document
	pos    int
	depth  int
	keys   int
	lists  int // down to which depth the elements of arrays get nodes
	limits Limits
	err    *ParseError
}

// start begins a scan: size and UTF-8 are checked first, for the whole input at once.
func (s *scanner) start(data []byte, limits Limits) bool {
	s.data, s.limits = data, limits.withDefaults()
	if len(data) > s.limits.MaxBytes {
		return s.fail(ErrTooLarge, s.limits.MaxBytes, fmt.Sprintf("%d of at most %d", len(data), s.limits.MaxBytes))
	}
	if !utf8.Valid(data) {
		return s.fail(ErrSyntax, invalidUTF8(data), "not valid UTF-8")
	}
	s.space()
	return true
}

// finish checks that nothing but white space follows.
func (s *scanner) finish() bool {
	s.space()
	if s.pos < len(s.data) {
		return s.syntax("want the end of the input")
	}
	return true
}

func (s *scanner) fail(err error, offset int, detail string) bool {
	s.err = &ParseError{Err: err, Offset: offset, Detail: detail}
	return false
}

func (s *scanner) syntax(detail string) bool {
	if s.pos >= len(s.data) {
		detail = "the input ends too early"
	}
	return s.fail(ErrSyntax, s.pos, detail)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek is the byte at the current position, or 0 at the end: 0 begins nothing in JSON.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// root scans a value with a node of its own, and returns the node's index.
func (s *scanner) root() (uint32, bool) {
	i := len(s.nodes)
	s.nodes = append(s.nodes, node{})
	return uint32(i), s.fill(i)
}

// fill scans a value and completes the node at index i with it.
func (s *scanner) fill(i int) bool {
	start := s.pos
	kind, escaped, ok := s.value(true)
	if !ok {
		return false
	}
	n := &s.nodes[i]
	n.start, n.end, n.next = uint32(start), uint32(s.pos), uint32(len(s.nodes))
	n.kind, n.escaped = kind, escaped
	return true
}

// value scans any value. With record, the members of objects get nodes, and the elements of outer arrays.
func (s *scanner) value(record bool) (kind Kind, escaped, ok bool) {
	switch c := s.peek(); c {
	case '"':
		escaped, ok = s.text()
		return String, escaped, ok
	case '{':
		return Object, false, s.nest() && s.object(record)
	case '[':
		return Array, false, s.nest() && s.array(record && s.depth <= s.lists)
	case 't':
		return Bool, false, s.literal("true")
	case 'f':
		return Bool, false, s.literal("false")
	case 'n':
		return Null, false, s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return Number, false, s.number()
		}
		return Absent, false, s.syntax("want a value")
	}
}

// nest steps over the opening bracket of an object or an array.
func (s *scanner) nest() bool {
	if s.depth++; s.depth > s.limits.MaxDepth {
		return s.fail(ErrTooDeep, s.pos, fmt.Sprintf("more than %d levels", s.limits.MaxDepth))
	}
	s.pos++
	s.space()
	return true
}

// unnest steps over the closing bracket.
func (s *scanner) unnest() bool {
	s.depth--
	s.pos++
	return true
}

func (s *scanner) object(record bool) bool {
	if s.peek() == '}' {
		return s.unnest()
	}
	for {
		if !s.member(record) {
			return false
		}
		s.space()
		switch s.peek() {
		case '}':
			return s.unnest()
		case ',':
			s.pos++
			s.space()
		default:
			return s.syntax("want a comma or the end of the object")
		}
	}
}

func (s *scanner) member(record bool) bool {
	start := s.pos
	end, escaped, ok := s.name()
	if !ok {
		return false
	}
	if !record {
		_, _, ok = s.value(false)
		return ok
	}
	i := len(s.nodes)
	s.nodes = append(s.nodes, node{keyStart: uint32(start), keyEnd: uint32(end), keyEscaped: escaped})
	return s.fill(i)
}

// name scans a member's name and the colon after it, and returns where the name ends.
func (s *scanner) name() (end int, escaped, ok bool) {
	if s.peek() != '"' {
		return 0, false, s.syntax("want a name in quotes")
	}
	if s.keys++; s.keys > s.limits.MaxKeys {
		return 0, false, s.fail(ErrTooManyKeys, s.pos, fmt.Sprintf("more than %d", s.limits.MaxKeys))
	}
	if escaped, ok = s.text(); !ok {
		return 0, false, false
	}
	end = s.pos
	s.space()
	if s.peek() != ':' {
		return 0, false, s.syntax("want a colon after the name")
	}
	s.pos++
	s.space()
	return end, escaped, true
}

func (s *scanner) array(record bool) bool {
	if s.peek() == ']' {
		return s.unnest()
	}
	for {
		if !s.arrayElement(record) {
			return false
		}
		s.space()
		switch s.peek() {
		case ']':
			return s.unnest()
		case ',':
			s.pos++
			s.space()
		default:
			return s.syntax("want a comma or the end of the array")
		}
	}
}

// arrayElement scans an element of an array. One that gets a node has a budget of its own for its keys.
func (s *scanner) arrayElement(record bool) bool {
	if !record {
		_, _, ok := s.value(false)
		return ok
	}
	before := s.keys
	s.keys = 0
	_, ok := s.root()
	s.keys = before
	return ok
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// invalidUTF8 is the offset of the first byte that is no part of valid UTF-8.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(data)
}

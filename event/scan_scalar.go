package event

import "encoding/binary"

// text scans a string, from its opening quote over its closing one. The bytes are valid UTF-8 by
// now, so only quotes, backslashes and control characters matter.
func (s *scanner) text() (escaped, ok bool) {
	s.pos++
	for {
		s.pos += plain(s.data[s.pos:])
		switch s.peek() {
		case '"':
			s.pos++
			return escaped, true
		case '\\':
			escaped = true
			if !s.escape() {
				return true, false
			}
		default:
			return escaped, s.syntax("control character in a string")
		}
	}
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x8080808080808080
)

// plain counts the bytes before the first quote, backslash or control character. It looks at eight
// bytes at a time: subtracting from each byte sets its high bit if it was smaller, and an exclusive
// or makes zero of the byte looked for. A byte of its own high bit may hide nothing and is let through.
func plain(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		control := w - eachByte*0x20
		quote := w ^ eachByte*'"'
		backslash := w ^ eachByte*'\\'
		if (control|(quote-eachByte)|(backslash-eachByte))&^w&highBits != 0 {
			break
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// escape scans what follows a backslash. A surrogate without its other half is let through, as JSON does.
func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		for range 4 {
			s.pos++
			if !isHex(s.peek()) {
				return s.syntax(`want four hexadecimal digits after \u`)
			}
		}
		s.pos++
		return true
	default:
		return s.syntax("no such escape")
	}
}

func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

// digits scans one digit or more.
func (s *scanner) digits() bool {
	if !isDigit(s.peek()) {
		return s.syntax("want a digit")
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return true
}

func (s *scanner) literal(word string) bool {
	if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
		s.pos = end
		return true
	}
	return s.syntax("want a value")
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

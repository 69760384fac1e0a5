package mapping

import (
	"bytes"
	"math"
	"slices"
)

// appendJS writes valid JSON as JSON.stringify does after JSON.parse. It goes through it once, however deep
// it is nested.
func appendJS(out, raw []byte) []byte {
	w := jsWriter{in: raw, out: out}
	w.value()
	return w.out
}

// jsWriter copies JSON that is known to be valid.
type jsWriter struct {
	in  []byte
	pos int
	out []byte
}

// peek is the next byte that is no white space.
func (w *jsWriter) peek() byte {
	for {
		switch c := w.in[w.pos]; c {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return c
		}
	}
}

func (w *jsWriter) value() {
	switch w.peek() {
	case '{':
		w.object()
	case '[':
		w.array()
	case '"':
		w.out = appendJSString(w.out, w.text())
	case 't', 'f', 'n':
		w.out = append(w.out, w.word()...)
	default:
		w.out = appendJSNumber(w.out, w.word())
	}
}

// text takes a string with its quotes.
func (w *jsWriter) text() []byte {
	start := w.pos
	for w.pos++; w.in[w.pos] != '"'; w.pos++ {
		if w.in[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
	return w.in[start:w.pos]
}

// word takes a number, true, false or null.
func (w *jsWriter) word() []byte {
	rest := w.in[w.pos:]
	if end := bytes.IndexAny(rest, ",]} \t\n\r"); end >= 0 {
		rest = rest[:end]
	}
	w.pos += len(rest)
	return rest
}

func (w *jsWriter) array() {
	w.out = append(w.out, '[')
	for w.pos++; w.peek() != ']'; {
		if w.peek() == ',' {
			w.pos++
			w.out = append(w.out, ',')
		}
		w.value()
	}
	w.pos++
	w.out = append(w.out, ']')
}

// jsSpan is where a member stands in the output, without the comma behind it.
type jsSpan struct {
	name       []byte
	start, end int
}

// object writes the members as they come, and puts them in order afterwards if that is not JavaScript's.
func (w *jsWriter) object() {
	w.out = append(w.out, '{')
	start := len(w.out)
	var members []jsSpan
	for w.pos++; w.peek() != '}'; {
		if w.peek() == ',' {
			w.pos++
			w.out = append(w.out, ',')
			w.peek()
		}
		m := jsSpan{name: jsDecoded(w.text()), start: len(w.out)}
		w.out = append(appendJSText(w.out, m.name), ':')
		w.peek()
		w.pos++ // the colon
		w.value()
		m.end = len(w.out)
		members = append(members, m)
	}
	w.pos++
	if !inOrder(members) {
		w.rearrange(start, members)
	}
	w.out = append(w.out, '}')
}

// inOrder reports whether no member is named like another one, and none like an array's index.
func inOrder(members []jsSpan) bool {
	if len(members) > fewTraits {
		return false // rather than to compare each with each
	}
	for i, m := range members {
		if arrayIndex(m.name) != noIndex {
			return false
		}
		for _, other := range members[:i] {
			if bytes.Equal(m.name, other.name) {
				return false
			}
		}
	}
	return true
}

// rearrange writes the members anew: of those with the same name the last, at the place of the first, and
// names that are whole numbers before the others.
func (w *jsWriter) rearrange(start int, members []jsSpan) {
	written := slices.Clone(w.out[start:])
	places := make(map[string]int, len(members))
	kept := members[:0]
	for _, m := range members {
		if i, ok := places[string(m.name)]; ok {
			kept[i] = m
			continue
		}
		places[string(m.name)] = len(kept)
		kept = append(kept, m)
	}
	slices.SortStableFunc(kept, func(a, b jsSpan) int { return compareIndex(a.name, b.name) })
	w.out = w.out[:start]
	for i, m := range kept {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, written[m.start-start:m.end-start]...)
	}
}

func appendJSString(out, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(out, raw...)
	}
	return appendJSText(out, jsDecoded(raw))
}

func appendJSNumber(out, raw []byte) []byte {
	if isPlainInteger(raw) {
		return append(out, raw...)
	}
	if f := number(raw); !math.IsInf(f, 0) {
		return appendNumber(out, f)
	}
	return append(out, "null"...)
}

// isPlainInteger reports whether JavaScript writes the number just as it stands.
func isPlainInteger(raw []byte) bool {
	if len(raw) > 15 || raw[0] == '-' && len(raw) == 2 && raw[1] == '0' {
		return false
	}
	for i, c := range raw {
		if (c < '0' || c > '9') && (i > 0 || c != '-') {
			return false
		}
	}
	return true
}

package script

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tanker/event"
)

// restore takes from the original what the script did not change, byte for byte: JavaScript has no number of twenty
// digits, moves members whose names are numbers, and writes 1.0 as 1. Written is an event as JavaScript writes it.
//
// A value that stands where it stood and is the same to JavaScript is replaced by the original's bytes. A number
// that has moved gets its digits back if it has more than JavaScript tells apart and no other number of the original is
// the same to it.
func restore(original *event.Event, written []byte) ([]byte, error) {
	e, err := event.Parse(written, anyEvent)
	if err != nil {
		return nil, err
	}
	r := restorer{long: make(map[float64][]byte)}
	r.findLong(original.Get())
	out, _ := r.merge(make([]byte, 0, len(written)+64), original.Get(), e.Get())
	return out, nil
}

type restorer struct {
	long map[float64][]byte // numbers with many digits; nil for one that stands for several
}

// manyDigits is how many digits every double can tell apart.
const manyDigits = 15

// findLong remembers the numbers that lose digits in JavaScript.
func (r *restorer) findLong(v event.Value) {
	switch v.Kind() {
	case event.Object:
		for _, member := range v.Fields() {
			r.findLong(member)
		}
	case event.Array:
		if len(v.Raw()) <= manyDigits {
			return
		}
		for element := range v.Elements() {
			r.findLong(element)
		}
	case event.Number:
		raw := v.Raw()
		if len(raw) <= manyDigits {
			return
		}
		n := number(raw)
		if before, known := r.long[n]; known && !bytes.Equal(before, raw) {
			raw = nil
		}
		r.long[n] = raw
	}
}

// merge appends a written value, with the original's bytes where JavaScript cannot tell the two apart, and reports
// whether that holds for the whole value. The order of members does not count.
func (r *restorer) merge(out []byte, original, written event.Value) (merged []byte, same bool) {
	if original.Kind() == written.Kind() {
		switch written.Kind() {
		case event.Object:
			return r.mergeObject(out, original, written)
		case event.Array:
			return r.mergeArray(out, original, written)
		}
		if sameScalar(original, written) {
			return append(out, original.Raw()...), true
		}
	}
	switch written.Kind() {
	case event.Object:
		out, _ = r.mergeObject(out, event.Value{}, written)
		return out, false
	case event.Array:
		out, _ = r.mergeArray(out, event.Value{}, written)
		return out, false
	case event.Number:
		if digits := r.long[number(written.Raw())]; digits != nil {
			return append(out, digits...), false
		}
	}
	return append(out, written.Raw()...), false
}

func (r *restorer) mergeObject(out []byte, original, written event.Value) (merged []byte, same bool) {
	before := members(original)
	start := len(out)
	same = true
	count := 0
	out = append(out, '{')
	for name, value := range written.Fields() {
		if count > 0 {
			out = append(out, ',')
		}
		count++
		out = append(append(out, name.Raw()...), ':')
		var equal bool
		out, equal = r.merge(out, before[name.Text()], value)
		same = same && equal
	}
	if same && original.Exists() && count == len(before) {
		return append(out[:start], original.Raw()...), true
	}
	return append(out, '}'), false
}

func members(v event.Value) map[string]event.Value {
	if v.Kind() != event.Object {
		return nil
	}
	return maps.Collect(v.Members())
}

func (r *restorer) mergeArray(out []byte, original, written event.Value) (merged []byte, same bool) {
	before := slices.Collect(original.Elements())
	start := len(out)
	same = true
	count := 0
	out = append(out, '[')
	for value := range written.Elements() {
		if count > 0 {
			out = append(out, ',')
		}
		var old event.Value
		if count < len(before) {
			old = before[count]
		}
		count++
		var equal bool
		out, equal = r.merge(out, old, value)
		same = same && equal
	}
	if same && original.Exists() && count == len(before) {
		return append(out[:start], original.Raw()...), true
	}
	return append(out, ']'), false
}

// sameScalar compares two values of one kind that hold no others.
func sameScalar(a, b event.Value) bool {
	if bytes.Equal(a.Raw(), b.Raw()) {
		return true
	}
	switch a.Kind() {
	case event.Number:
		n := number(a.Raw())
		return n == number(b.Raw()) && !math.IsInf(n, 0)
	case event.String:
		return (a.Escaped() || b.Escaped()) && sameText(a, b)
	}
	return false
}

// sameText compares decoded strings. Halves of surrogate pairs are all decoded to U+FFFD and have to be told apart.
func sameText(a, b event.Value) bool {
	text := a.Text()
	if text != b.Text() || !strings.ContainsRune(text, utf8.RuneError) {
		return text == b.Text()
	}
	return slices.Equal(unescaped(a.Raw()), unescaped(b.Raw()))
}

// number is a number as JavaScript reads it.
func number(raw []byte) float64 {
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(n, 0) {
		return math.NaN() // not in what has been parsed
	}
	return n
}

package mapping

import (
	"math"
	"strconv"
	"strings"

	"tanker/event"
)

// truthy is how JavaScript takes v as a condition.
func truthy(v event.Value) bool {
	switch v.Kind() {
	case event.Absent, event.Null:
		return false
	case event.Bool:
		return v.Raw()[0] == 't'
	case event.String:
		return !v.Is("")
	case event.Number:
		return number(v.Raw()) != 0
	default:
		return true
	}
}

// usable returns the value at the first of the paths that is neither null nor "". False and 0 are values too.
func usable(message event.Value, paths []string) event.Value {
	for _, path := range paths {
		if v := lookup(message, path); v.Kind() > event.Null && !v.Is("") {
			return v
		}
	}
	return event.Value{}
}

// lookup follows a path with dots. A member named like the whole path goes before everything. Where a part is
// missing, it is tried together with those after it, and there is no way back from a part that was found.
func lookup(root event.Value, path string) event.Value {
	if v := child(root, path); v.Exists() {
		return v
	}
	v, rest := root, path
	for rest != "" {
		if v, rest = step(v, rest); !v.Exists() {
			return event.Value{}
		}
	}
	return v
}

// step takes the shortest beginning of path that v has, and returns what remains of the path.
func step(v event.Value, path string) (next event.Value, rest string) {
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '.' {
			continue
		}
		if next = child(v, path[:i]); next.Exists() {
			return next, path[min(i+1, len(path)):]
		}
	}
	return event.Value{}, ""
}

func child(v event.Value, name string) event.Value {
	if v.Kind() != event.Array {
		return v.Get(name)
	}
	index := arrayIndex([]byte(name))
	for element := range v.Elements() {
		if index == 0 {
			return element
		}
		index--
	}
	return event.Value{}
}

// number is the value of a JSON number, as near as a float64 comes. What is too large is infinite.
func number(raw []byte) float64 {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN() // not a JSON number: the parser lets none through
	}
	return f
}

// appendNumber writes a number as JavaScript does: the shortest digits that give it back, with an exponent
// from 21 digits on and below a millionth.
func appendNumber(out []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case f == 0:
		return append(out, '0') // the minus of -0 is not written
	case math.IsInf(f, 0):
		if f < 0 {
			out = append(out, '-')
		}
		return append(out, "Infinity"...)
	case abs < 1e-6 || abs >= 1e21:
		start := len(out)
		out = strconv.AppendFloat(out, f, 'e', -1, 64)
		if n := len(out); n-start >= 4 && out[n-4] == 'e' && out[n-2] == '0' {
			out[n-2] = out[n-1] // e-07 is written e-7
			out = out[:n-1]
		}
		return out
	}
	return strconv.AppendFloat(out, f, 'f', -1, 64)
}

// jsText appends String(v). It fails on an object whose toString is no function: JSON has none.
func jsText(out []byte, v event.Value) ([]byte, bool) {
	switch v.Kind() {
	case event.String:
		return append(out, jsDecoded(v.Raw())...), true
	case event.Number:
		return appendNumber(out, number(v.Raw())), true
	case event.Object:
		return append(out, "[object Object]"...), !v.Get("toString").Exists()
	case event.Array:
		return jsJoin(out, v)
	default:
		return append(out, v.Raw()...), true
	}
}

// jsJoin is an array's toString: its elements with commas between them, null as nothing.
func jsJoin(out []byte, v event.Value) ([]byte, bool) {
	first := true
	for element := range v.Elements() {
		if !first {
			out = append(out, ',')
		}
		first = false
		if element.IsNull() {
			continue
		}
		var ok bool
		if out, ok = jsText(out, element); !ok {
			return out, false
		}
	}
	return out, true
}

// jsLower is toLowerCase, which keeps the dot of İ and knows the form of a Σ that ends a word.
func jsLower(s string) string {
	lowered := strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
	if word, ok := strings.CutSuffix(lowered, "σ"); ok && word != "" && strings.HasSuffix(s, "Σ") {
		return word + "ς"
	}
	return lowered
}

package script

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dop251/goja"

	"tanker/event"
)

// value makes a value of an event one of JavaScript. Unlike the engine's JSON.parse it keeps halves of surrogate pairs,
// and a number beyond all doubles is Infinity.
func (r *run) value(v event.Value) goja.Value {
	switch v.Kind() {
	case event.Object:
		o := r.vm.NewObject()
		for name, member := range v.Members() {
			// To set __proto__ would change what the object inherits.
			_ = o.DefineDataProperty(name, r.value(member), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		}
		return o
	case event.Array:
		var list []any
		for element := range v.Elements() {
			list = append(list, r.value(element))
		}
		return r.vm.NewArray(list...)
	case event.String:
		return r.text(v)
	case event.Number:
		return r.vm.ToValue(number(v.Raw()))
	case event.Bool:
		return r.vm.ToValue(v.Text() == "true")
	default:
		return goja.Null()
	}
}

func (r *run) text(v event.Value) goja.Value {
	s := v.Text()
	if v.Escaped() && strings.ContainsRune(s, utf8.RuneError) {
		return goja.StringFromUTF16(unescaped(v.Raw()))
	}
	return r.vm.ToValue(s)
}

// unescaped reads a valid JSON string as UTF-16.
func unescaped(raw []byte) []uint16 {
	var out []uint16
	for rest := string(raw[1 : len(raw)-1]); rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\u`):
			unit, err := strconv.ParseUint(rest[2:6], 16, 16)
			if err != nil {
				return out // not in what has been parsed
			}
			out = append(out, uint16(unit))
			rest = rest[6:]
		case rest[0] == '\\':
			out = append(out, escapes[rest[1]])
			rest = rest[2:]
		default:
			c, size := utf8.DecodeRuneInString(rest)
			out = utf16.AppendRune(out, c)
			rest = rest[size:]
		}
	}
	return out
}

// escapes are JSON's, apart from \u.
var escapes = map[byte]uint16{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

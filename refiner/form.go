package refiner

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

const (
	maxFormDepth = 64
	maxForm      = 16 << 20
)

// Reasons why a body cannot be sent as a form.
var (
	ErrNotObject    = errors.New("body is not one JSON object")
	ErrFormTooDeep  = errors.New("body is nested more than 64 levels deep")
	ErrFormTooLarge = errors.New("body is larger than 16 MiB as a form")
)

// AppendForm appends a JSON object to dst as form fields. Nested values are named with brackets,
// account[name]=Acme and tags[0]=a, in the order in which they come. Strings are sent decoded, numbers
// and booleans as they are written. A null, an empty object and an empty list become an empty value,
// which clears a trait at Refiner as they do in JSON.
//
// A top-level name that a form's reader would take for another one is left out if the other one is the
// credential or belongs to the user: "api.key" and "api key" arrive as api_key, "id[x]" as id.
func AppendForm(dst, object []byte) ([]byte, error) {
	if !json.Valid(object) {
		return dst, ErrNotObject
	}
	w := formWriter{in: object, out: dst, start: len(dst)}
	if w.peek() != '{' {
		return dst, ErrNotObject
	}
	if err := w.object(0); err != nil {
		return dst, err
	}
	return w.out, nil
}

// formWriter walks JSON that is known to be valid. name is the escaped name of the value at hand.
type formWriter struct {
	in    []byte
	pos   int
	name  []byte
	out   []byte
	start int
}

// peek returns the next byte that means something.
func (w *formWriter) peek() byte {
	for {
		switch c := w.in[w.pos]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			w.pos++
		default:
			return c
		}
	}
}

// object writes the fields of an object. Depth 0 is the whole body.
func (w *formWriter) object(depth int) error {
	w.pos++
	outer, begin := len(w.name), len(w.out)
	for w.peek() != '}' {
		key := w.str()
		before := len(w.out)
		w.enter(depth, key)
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.name = w.name[:outer]
		if depth == 0 && mistakable(key) {
			w.out = w.out[:before]
		}
	}
	w.pos++
	if depth > 0 && len(w.out) == begin {
		return w.field(nil)
	}
	return nil
}

func (w *formWriter) array(depth int) error {
	w.pos++
	outer, i := len(w.name), 0
	for ; w.peek() != ']'; i++ {
		w.enter(depth, strconv.AppendInt(nil, int64(i), 10))
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.name = w.name[:outer]
	}
	w.pos++
	if i == 0 {
		return w.field(nil)
	}
	return nil
}

func (w *formWriter) enter(depth int, key []byte) {
	if depth == 0 {
		w.name = appendEscaped(w.name, key)
		return
	}
	w.name = append(w.name, "%5B"...)
	w.name = appendEscaped(w.name, key)
	w.name = append(w.name, "%5D"...)
}

func (w *formWriter) value(depth int) error {
	switch c := w.peek(); {
	case (c == '{' || c == '[') && depth > maxFormDepth:
		return ErrFormTooDeep
	case c == '{':
		return w.object(depth)
	case c == '[':
		return w.array(depth)
	case c == '"':
		return w.field(w.str())
	case c == 'n':
		w.pos += len("null")
		return w.field(nil)
	}
	return w.field(w.literal())
}

// str reads a string and returns it decoded.
func (w *formWriter) str() []byte {
	begin, escaped := w.pos, false
	for w.pos++; w.in[w.pos] != '"'; w.pos++ {
		if w.in[w.pos] == '\\' {
			escaped = true
			w.pos++
		}
	}
	w.pos++
	quoted := w.in[begin:w.pos]
	if !escaped {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return []byte(text)
}

// literal reads a number, true or false.
func (w *formWriter) literal() []byte {
	begin := w.pos
	for strings.IndexByte(" \t\r\n,]}", w.in[w.pos]) < 0 {
		w.pos++
	}
	return w.in[begin:w.pos]
}

func (w *formWriter) field(text []byte) error {
	if len(w.out)-w.start+len(w.name)+len(text) > maxForm {
		return ErrFormTooLarge
	}
	if len(w.out) > w.start {
		w.out = append(w.out, '&')
	}
	w.out = append(w.out, w.name...)
	w.out = append(w.out, '=')
	w.out = appendEscaped(w.out, text)
	return nil
}

// appendEscaped writes text as url.QueryEscape does.
func appendEscaped(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '-', c == '_', c == '.', c == '~':
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// mistakable reports whether a form's reader would take the name for that of the credential or of the
// user. Common readers trim blanks, cut at the first bracket and put underscores for blanks and dots.
func mistakable(name []byte) bool {
	if !bytes.ContainsAny(name, " .[") {
		return false
	}
	read, _, _ := bytes.Cut(bytes.TrimLeft(name, " "), []byte("["))
	read = bytes.Map(func(r rune) rune {
		if r == ' ' || r == '.' {
			return '_'
		}
		return r
	}, read)
	switch string(read) {
	case "api_key", "id", "email", "uuid", "event":
		return !bytes.Equal(read, name)
	}
	return false
}

package refiner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
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
// credential or the user: "api.key" and "api key" arrive as api_key, "id[x]" as id.
func AppendForm(dst, object []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return dst, ErrNotObject
	}
	w := formWriter{dec: dec, out: dst, start: len(dst)}
	if err := w.object(0); err != nil {
		return dst, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return dst, ErrNotObject
	}
	return w.out, nil
}

// formWriter walks the tokens of a JSON document. name is the escaped name of the value at hand.
type formWriter struct {
	dec   *json.Decoder
	name  []byte
	out   []byte
	start int
}

func (w *formWriter) object(depth int) error {
	outer := len(w.name)
	empty := true
	for w.dec.More() {
		t, err := w.dec.Token()
		if err != nil {
			return notJSON(err)
		}
		key, _ := t.(string)
		if depth == 0 && mistakable(key) {
			if err := w.dec.Decode(&json.RawMessage{}); err != nil {
				return notJSON(err)
			}
			continue
		}
		empty = false
		w.enter(depth, key)
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.name = w.name[:outer]
	}
	return w.leave(depth, empty)
}

func (w *formWriter) array(depth int) error {
	outer := len(w.name)
	i := 0
	for ; w.dec.More(); i++ {
		w.enter(depth, strconv.Itoa(i))
		if err := w.value(depth + 1); err != nil {
			return err
		}
		w.name = w.name[:outer]
	}
	return w.leave(depth, i == 0)
}

func (w *formWriter) enter(depth int, key string) {
	if depth == 0 {
		w.name = append(w.name, url.QueryEscape(key)...)
		return
	}
	w.name = append(w.name, "%5B"...)
	w.name = append(w.name, url.QueryEscape(key)...)
	w.name = append(w.name, "%5D"...)
}

// leave reads the closing bracket.
func (w *formWriter) leave(depth int, empty bool) error {
	if _, err := w.dec.Token(); err != nil {
		return notJSON(err)
	}
	if empty && depth > 0 {
		return w.field("")
	}
	return nil
}

func (w *formWriter) value(depth int) error {
	t, err := w.dec.Token()
	if err != nil {
		return notJSON(err)
	}
	switch v := t.(type) {
	case json.Delim:
		if depth > maxFormDepth {
			return ErrFormTooDeep
		}
		if v == '[' {
			return w.array(depth)
		}
		return w.object(depth)
	case string:
		return w.field(v)
	case json.Number:
		return w.field(v.String())
	case bool:
		return w.field(strconv.FormatBool(v))
	}
	return w.field("")
}

func (w *formWriter) field(text string) error {
	if len(w.out)-w.start+len(w.name)+len(text) > maxForm {
		return ErrFormTooLarge
	}
	if len(w.out) > w.start {
		w.out = append(w.out, '&')
	}
	w.out = append(w.out, w.name...)
	w.out = append(w.out, '=')
	w.out = append(w.out, url.QueryEscape(text)...)
	return nil
}

func notJSON(err error) error { return fmt.Errorf("%w: %w", ErrNotObject, err) }

// mistakable reports whether a form's reader would take the name for that of the credential or of the
// user. Common readers trim blanks, cut at the first bracket and put underscores for blanks and dots.
func mistakable(name string) bool {
	read, _, _ := strings.Cut(strings.TrimLeft(name, " "), "[")
	read = strings.NewReplacer(" ", "_", ".", "_").Replace(read)
	switch read {
	case "api_key", "id", "email", "uuid", "event":
		return read != name
	}
	return false
}

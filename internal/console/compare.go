package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// jsonLine is a line of JSON that is compared with another.
type jsonLine struct {
	Indent string
	Text   string // what stands there: name, value and comma
	Mark   bool   // the other has no such value
	Dim    bool   // of an event: the call does not take it
	Note   string // where in the event the value stands, if not under the same path

	path  string
	name  string // the last part of the path
	value string // kind and text; "" if it is no value of its own
}

// How much of JSON is compared and shown.
const (
	maxCompared = 1200 // lines
	maxShown    = 400  // characters of a value
	maxIndent   = 24   // levels
	maxPath     = 120  // bytes
)

// jsonLines reads JSON into lines, as far as there is room. whole says whether that is all.
func jsonLines(data []byte) (lines []jsonLine, whole bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := lineReader{dec: dec}
	for len(r.lines) < maxCompared {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return r.lines, len(r.levels) == 0
		}
		if err != nil {
			return r.lines, false
		}
		r.add(token)
	}
	return r.lines, !dec.More() && len(r.levels) == 0
}

// lineReader makes lines of tokens.
type lineReader struct {
	dec    *json.Decoder
	lines  []jsonLine
	levels []level
	name   *string // of the member whose value comes next
}

// level is an object or an array that has begun.
type level struct {
	array bool
	path  string
	next  int // index of the next element
}

func (r *lineReader) add(token json.Token) {
	if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
		r.levels = r.levels[:len(r.levels)-1]
		r.put(jsonLine{Text: delim.String()})
		return
	}
	if name, ok := token.(string); ok && r.name == nil && len(r.levels) > 0 && !r.levels[len(r.levels)-1].array {
		r.name = &name
		return
	}
	line := r.place()
	if delim, ok := token.(json.Delim); ok {
		line.Text += delim.String()
		if !r.dec.More() { // nothing in it: on one line
			_, _ = r.dec.Token() // its end, or an error that comes again
			line.Text += map[json.Delim]string{'{': "}", '[': "]"}[delim]
			line.value = "empty " + delim.String()
			r.put(line)
			return
		}
		r.lines = append(r.lines, r.indented(line))
		r.levels = append(r.levels, level{array: delim == '[', path: line.path})
		return
	}
	kind, text := scalar(token)
	line.value = kind + " " + text
	if kind == "string" {
		text = quoted(text)
	}
	line.Text += short(maxShown, text)
	r.put(line)
}

// place begins the line of a value: its name and its path.
func (r *lineReader) place() jsonLine {
	if len(r.levels) == 0 {
		return jsonLine{}
	}
	up := &r.levels[len(r.levels)-1]
	if up.array {
		up.next++
		return jsonLine{path: clipPath(up.path + "[]"), name: ""}
	}
	name := *r.name
	r.name = nil
	path := name
	if up.path != "" {
		path = up.path + "." + name
	}
	return jsonLine{Text: short(maxShown, quoted(name)) + ": ", path: clipPath(path), name: name}
}

// put adds a line that ends a value, with the comma before the next one.
func (r *lineReader) put(line jsonLine) {
	if len(r.levels) > 0 && r.dec.More() {
		line.Text += ","
	}
	r.lines = append(r.lines, r.indented(line))
}

func (r *lineReader) indented(line jsonLine) jsonLine {
	line.Indent = strings.Repeat("  ", min(len(r.levels), maxIndent))
	return line
}

// scalar is a value's kind and text.
func scalar(token json.Token) (kind, text string) {
	switch v := token.(type) {
	case string:
		return "string", v
	case json.Number:
		return "number", v.String()
	case bool:
		if v {
			return "bool", "true"
		}
		return "bool", "false"
	}
	return "null", "null"
}

// quoted is a text as JSON, with its letters as they are.
func quoted(text string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return text
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func clipPath(path string) string {
	if len(path) > maxPath {
		return strings.ToValidUTF8(path[:maxPath], "") + "…"
	}
	return path
}

// comparison is an event beside the call that was made of it.
type comparison struct {
	Event, Call           []jsonLine
	EventWhole, CallWhole bool // nothing is left out
}

// compare finds for each value of a call where the event has the same. What the mapping did is not known: values are
// compared, so a value that the event has twice may come from either place, and one that is like any other, such as
// true, counts only under the same name.
func compare(event, call []byte) comparison {
	c := comparison{}
	c.Event, c.EventWhole = jsonLines(event)
	c.Call, c.CallWhole = jsonLines(call)
	byValue, byText := map[string][]*jsonLine{}, map[string][]*jsonLine{}
	for i := range c.Event {
		line := &c.Event[i]
		if line.value == "" {
			continue
		}
		line.Dim = true
		byValue[line.value] = append(byValue[line.value], line)
		_, text, _ := strings.Cut(line.value, " ")
		byText[text] = append(byText[text], line)
	}
	for i := range c.Call {
		line := &c.Call[i]
		if line.value == "" {
			continue
		}
		_, text, _ := strings.Cut(line.value, " ")
		switch from := origin(line, byValue[line.value]); {
		case from != nil:
			from.Dim = false
			if from.path != line.path {
				line.Note = "from " + visible(from.path)
			}
		case origin(line, byText[text]) != nil:
			from := origin(line, byText[text])
			from.Dim, line.Mark = false, true
			line.Note = "from " + visible(from.path) + ", as another kind of value"
		default:
			line.Mark = true
			line.Note = "not so in the event"
		}
	}
	return c
}

// origin is the line of the event that has the same value as one of the call: one of the same name if there is one, else
// the first, unless the value says too little.
func origin(line *jsonLine, same []*jsonLine) *jsonLine {
	for _, from := range same {
		if sameName(from.name, line.name) {
			return from
		}
	}
	if len(same) > 0 && telling(line.value) {
		return same[0]
	}
	return nil
}

// sameName reports whether two names differ in case and in underscores alone.
func sameName(a, b string) bool {
	plain := func(s string) string { return strings.ReplaceAll(s, "_", "") }
	return strings.EqualFold(plain(a), plain(b))
}

// telling reports whether a value is one that hardly stands in an event twice by chance.
func telling(value string) bool {
	kind, text, _ := strings.Cut(value, " ")
	return kind == "string" && len(text) > 1 || kind == "number" && len(text) > 2
}

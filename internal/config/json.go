package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is how deeply values may be nested in a JSON file that is read.
const maxDepth = 100

// jsonNode is a value of a JSON file, with the line that it is in.
type jsonNode struct {
	line    int
	value   any // nil, bool, string or json.Number; for objects and lists the opening json.Delim
	members []jsonMember
	items   []*jsonNode
}

// jsonMember is a member of an object.
type jsonMember struct {
	name  string
	value *jsonNode
}

// get is the member of that name in any case, the last one, or nil.
func (n *jsonNode) get(name string) *jsonNode {
	if n == nil {
		return nil
	}
	var found *jsonNode
	for _, m := range n.members {
		if strings.EqualFold(m.name, name) {
			found = m.value
		}
	}
	return found
}

// missing reports whether there is no value, or null.
func (n *jsonNode) missing() bool { return n == nil || n.value == nil }

func (n *jsonNode) isObject() bool { return n != nil && n.value == json.Delim('{') }
func (n *jsonNode) isList() bool   { return n != nil && n.value == json.Delim('[') }

// kind says what the value is, for people.
func (n *jsonNode) kind() string {
	if n.missing() {
		return "nothing"
	}
	switch n.value.(type) {
	case bool:
		return "true or false"
	case string:
		return "a text"
	case json.Number:
		return "a number"
	}
	if n.isList() {
		return "a list"
	}
	return "an object"
}

// parseJSON reads a JSON file. An error is in the line that is returned.
func parseJSON(data []byte) (root *jsonNode, line int, err error) {
	p := jsonParser{data: data, line: 1, decoder: json.NewDecoder(bytes.NewReader(data))}
	p.decoder.UseNumber()
	root, err = p.value(0)
	if err == nil {
		if _, after := p.token(); !errors.Is(after, io.EOF) {
			err = errors.New("something follows the end of the object")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the file ends too early")
		p.advance(int64(len(data)))
	}
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		p.advance(at.Offset)
	}
	return root, p.line, err
}

// jsonParser reads a file token by token.
type jsonParser struct {
	data    []byte
	decoder *json.Decoder
	line    int
	counted int64 // bytes whose lines are counted
}

// advance counts the lines up to an offset.
func (p *jsonParser) advance(offset int64) {
	offset = min(offset, int64(len(p.data)))
	if offset > p.counted {
		p.line += bytes.Count(p.data[p.counted:offset], []byte("\n"))
		p.counted = offset
	}
}

func (p *jsonParser) token() (json.Token, error) {
	t, err := p.decoder.Token()
	p.advance(p.decoder.InputOffset())
	return t, err
}

func (p *jsonParser) value(depth int) (*jsonNode, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested deeper than %d levels", maxDepth)
	}
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	n := &jsonNode{line: p.line, value: t}
	switch t {
	case json.Delim('{'):
		for p.decoder.More() {
			name, err := p.token()
			if err != nil {
				return nil, err
			}
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			text, _ := name.(string) // the decoder lets nothing else be a name
			n.members = append(n.members, jsonMember{text, v})
		}
	case json.Delim('['):
		for p.decoder.More() {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, v)
		}
	default:
		return n, nil
	}
	_, err = p.token() // the end of it
	return n, err
}

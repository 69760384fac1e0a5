package refinertest

import (
	"net/url"
	"strconv"
	"strings"
)

// maxBrackets is how deep the names of form fields may nest. A name that goes deeper is taken as one
// word.
const maxBrackets = 64

// parseForm decodes form fields whose names nest with brackets: a[b]=1&a[c][0]=2&a[c][]=3. An object
// whose names are 0, 1, 2 … is a list. Of two fields of one name the later one counts.
func parseForm(raw string) map[string]any {
	if raw == "" {
		return nil
	}
	root := &node{}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		root.set(path(unescape(name)), unescape(value))
	}
	return root.object()
}

// unescape leaves text alone that is not escaped properly.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// path splits a[b][c] into a, b and c. A name with brackets in any other way is one word.
func path(name string) []string {
	first, rest, nested := strings.Cut(name, "[")
	if !nested || first == "" || !strings.HasSuffix(rest, "]") {
		return []string{name}
	}
	segments := append([]string{first}, strings.Split(rest[:len(rest)-1], "][")...)
	if len(segments) > maxBrackets+1 {
		return []string{name}
	}
	for _, segment := range segments[1:] {
		if strings.ContainsAny(segment, "[]") {
			return []string{name}
		}
	}
	return segments
}

// node is a field's text, or the fields below it.
type node struct {
	text     string
	children map[string]*node
}

func (n *node) set(path []string, value string) {
	for i, name := range path {
		if i > 0 && name == "" {
			name = strconv.Itoa(len(n.children)) // a[]=x: one more
		}
		if n.children == nil {
			n.children = map[string]*node{}
		}
		child := n.children[name]
		if child == nil {
			child = &node{}
			n.children[name] = child
		}
		n = child
	}
	n.text, n.children = value, nil
}

func (n *node) object() map[string]any {
	fields := make(map[string]any, len(n.children))
	for name, child := range n.children {
		fields[name] = child.value()
	}
	return fields
}

func (n *node) value() any {
	if n.children == nil {
		return n.text
	}
	list := make([]any, len(n.children))
	for i := range list {
		child := n.children[strconv.Itoa(i)]
		if child == nil {
			return n.object()
		}
		list[i] = child.value()
	}
	return list
}

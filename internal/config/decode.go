package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"tanker/internal/spelling"
)

// decode reads a YAML document into c and notes everything it cannot use. It walks the syntax tree
// itself, because a YAML decoder stops at the first thing that is wrong.
func decode(data []byte, c *Config, found *findings) {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		found.syntax(err)
		return
	}
	if len(file.Docs) > 1 {
		found.addf("", "has %d documents separated by ---: keep one", len(file.Docs))
		return
	}
	for _, doc := range file.Docs {
		if doc.Body != nil {
			d := decoder{found}
			d.value(doc.Body, reflect.ValueOf(c).Elem(), "")
		}
	}
}

// syntax notes that the document is no YAML.
func (f *findings) syntax(err error) {
	problem := Problem{File: f.file, Message: "is no valid YAML: " + firstLine(err.Error())}
	if at, ok := errors.AsType[yaml.Error](err); ok {
		problem.Message = "is no valid YAML: " + firstLine(at.GetMessage())
		if t := at.GetToken(); t != nil && t.Position != nil {
			problem.Line = t.Position.Line
		}
	}
	f.problems = append(f.problems, problem)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// decoder fills a Config from a syntax tree. Every method leaves what it cannot use at its default.
type decoder struct{ *findings }

// value fills one setting or section from node.
func (d *decoder) value(node ast.Node, into reflect.Value, path string) {
	switch n := node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		d.addf(path, "anchors, aliases and tags are not understood: write the value itself")
		return
	case *ast.MappingValueNode: // a section with one key, in some forms
		node = &ast.MappingNode{BaseNode: n.BaseNode, Start: n.GetToken(), Values: []*ast.MappingValueNode{n}}
	}
	switch target := into.Addr().Interface().(type) {
	case *[]string:
		d.names(node, target, path)
	case *string, *Secret, *bool, *int, *time.Duration, *Size, *Sync, *Start:
		d.scalar(node, target, path)
	default:
		if into.Kind() == reflect.Slice {
			d.list(node, into, path)
			return
		}
		d.section(node, into, path)
	}
}

// section fills a struct; a section without anything in it changes nothing.
func (d *decoder) section(node ast.Node, into reflect.Value, path string) {
	if node.Type() == ast.NullType {
		return
	}
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		d.addf(path, "wants a section of keys, not %s", kindOf(node))
		return
	}
	seen := make(map[string]int)
	for _, member := range mapping.Values {
		token := member.Key.GetToken()
		key, line := token.Value, token.Position.Line
		at := join(path, key)
		if first, again := seen[key]; again {
			d.problems = append(d.problems, Problem{d.file, line, at, fmt.Sprintf("is already set in line %d: keep one of the two", first)})
			continue
		}
		seen[key] = line
		d.places[at] = place{file: d.file, line: line}
		if field := fieldOf(into, key); field.IsValid() {
			d.value(member.Value, field, at)
			continue
		}
		d.unknown(into.Type(), key, at)
	}
}

// unknown notes a key that does not exist, and which one was probably meant.
func (d *decoder) unknown(section reflect.Type, key, path string) {
	names := keysOf(section)
	if near := spelling.Nearest(key, names); near != "" {
		d.addf(path, "there is no such key: did you mean %s?", near)
		return
	}
	d.addf(path, "there is no such key: the ones here are %s", strings.Join(names, ", "))
}

// list fills a slice of sections, each beginning with its defaults.
func (d *decoder) list(node ast.Node, into reflect.Value, path string) {
	if node.Type() == ast.NullType {
		return
	}
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.addf(path, "wants a list, each item beginning with a dash, not %s", kindOf(node))
		return
	}
	for i, item := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = place{file: d.file, line: item.GetToken().Position.Line}
		element := reflect.New(into.Type().Elem()).Elem()
		switch e := element.Addr().Interface().(type) {
		case *Source:
			*e = DefaultSource()
		case *Destination:
			*e = DefaultDestination()
		case *Consent:
			*e = DefaultConsent()
		}
		d.value(item, element, at)
		into.Set(reflect.Append(into, element))
	}
}

// names fills a list of words.
func (d *decoder) names(node ast.Node, into *[]string, path string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.addf(path, "wants a list such as [a, b], not %s", kindOf(node))
		return
	}
	*into = make([]string, len(sequence.Values))
	for i, item := range sequence.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.places[at] = place{file: d.file, line: item.GetToken().Position.Line}
		d.scalar(item, &(*into)[i], at)
	}
}

// scalar fills a setting that is one word.
func (d *decoder) scalar(node ast.Node, into any, path string) {
	text, ok := scalarText(node)
	if !ok {
		d.addf(path, "wants %s, not %s", wants(into), kindOf(node))
		return
	}
	var err error
	switch target := into.(type) {
	case *string:
		*target = text
	case *Secret:
		*target = NewSecret(text)
	case *bool:
		err = parseInto(target, text, parseBool)
	case *int:
		err = parseInto(target, text, parseInt)
	case *time.Duration:
		err = parseInto(target, text, parseDuration)
	case *Size:
		err = parseInto(target, text, ParseSize)
	case *Sync:
		err = parseInto(target, text, ParseSync)
	case *Start:
		err = parseInto(target, text, ParseStart)
	}
	if err != nil {
		d.addf(path, "%v", err)
	}
}

// parseInto leaves target as it is if text cannot be read.
func parseInto[T any](target *T, text string, parse func(string) (T, error)) error {
	v, err := parse(text)
	if err == nil {
		*target = v
	}
	return err
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

func parseInt(text string) (int, error) {
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", text)
	}
	return int(n), nil
}

// scalarText is a scalar as it stands in the file, without quotes: a write key 0123 stays what it is.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// wants says what a scalar setting takes.
func wants(into any) string {
	switch into.(type) {
	case *bool:
		return "true or false"
	case *int:
		return "a whole number"
	case *time.Duration:
		return "a duration such as 30s"
	case *Size:
		return "a size such as 4MiB"
	case *Start:
		return `"now", "beginning" or a time such as 2006-01-02T15:04:05Z`
	case *Sync:
		return `"always" or a duration such as 100ms`
	}
	return "a text"
}

// kindOf says what a node is, for people.
func kindOf(node ast.Node) string {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a section"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "an anchor, alias or tag"
	}
	return "a single value"
}

// fieldOf is the field of a section that key sets; not valid if there is none.
func fieldOf(section reflect.Value, key string) reflect.Value {
	t := section.Type()
	for i := range t.NumField() {
		if key != "-" && t.Field(i).Tag.Get("yaml") == key {
			return section.Field(i)
		}
	}
	return reflect.Value{}
}

// keysOf are the keys a section may have.
func keysOf(section reflect.Type) []string {
	var keys []string
	for field := range section.Fields() {
		if key := field.Tag.Get("yaml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// maxWorkspace is how large a workspace configuration may be.
const maxWorkspace = 64 << 20

// refinerType is the type of Refiner's destinations in RudderStack.
const refinerType = "REFINER"

// readWorkspace takes sources and destinations from RudderStack's workspace configuration, if one is named.
func (c *Config) readWorkspace(found *findings) {
	path := c.Workspace.File
	if path == "" {
		return
	}
	for _, section := range []struct {
		name string
		n    int
	}{{"sources", len(c.Sources)}, {"destinations", len(c.Destinations)}} {
		if section.n > 0 {
			found.addf(section.name, "they come from the workspace configuration %s: remove those here, or do without that file", path)
		}
	}
	c.Sources, c.Destinations = nil, nil
	found.enterWorkspace(path)
	data, err := readUpTo(path, maxWorkspace)
	if err != nil {
		found.addf("workspace.file", "%v", err)
		return
	}
	root, line, err := parseJSON(data)
	if err != nil {
		found.problems = append(found.problems, Problem{File: path, Line: line, Message: "is no valid JSON: " + err.Error()})
		return
	}
	w := workspace{findings: found, config: c}
	w.read(jsonValue{root, ""})
}

// workspace reads a workspace configuration.
type workspace struct {
	*findings

	config *Config
	first  map[string]jsonValue // of each destination, where it is described first
}

// jsonValue is a value and its path in the file.
type jsonValue struct {
	*jsonNode

	path string
}

// member is the member of an object, in any case, as RudderStack reads it.
func (v jsonValue) member(name string) jsonValue {
	return jsonValue{v.get(name), join(v.path, name)}
}

// elements are the elements of a list.
func (v jsonValue) elements() []jsonValue {
	if !v.isList() {
		return nil
	}
	list := make([]jsonValue, len(v.items))
	for i, item := range v.items {
		list[i] = jsonValue{item, fmt.Sprintf("%s[%d]", v.path, i)}
	}
	return list
}

// wrongf notes a problem with a value; around is what it is in, which says the line if there is no value.
func (w *workspace) wrongf(v, around jsonValue, format string, args ...any) {
	w.problems = append(w.problems, w.notef(v, around, format, args...))
}

// warnf notes what of a workspace is not taken.
func (w *workspace) warnf(v, around jsonValue, format string, args ...any) {
	w.config.Warnings = append(w.config.Warnings, w.notef(v, around, format, args...))
}

func (w *workspace) notef(v, around jsonValue, format string, args ...any) Problem {
	p := Problem{File: w.workspace, Path: v.path, Message: fmt.Sprintf(format, args...)}
	if v.jsonNode == nil {
		v.jsonNode = around.jsonNode
	}
	if v.jsonNode != nil {
		p.Line = v.line
	}
	return p
}

// stands says where a setting of the configuration comes from.
func (w *workspace) stands(setting string, v, around jsonValue) {
	if v.jsonNode == nil {
		v.jsonNode = around.jsonNode
	}
	w.places[setting] = place{file: w.workspace, line: v.line, path: v.path}
}

// text reads a text that must be there.
func (w *workspace) text(object jsonValue, name, what string) string {
	v := object.member(name)
	s, ok := v.textValue()
	if v.missing() || ok && strings.TrimSpace(s) == "" {
		w.wrongf(v, object, "is missing: it is %s", what)
	} else if !ok {
		w.wrongf(v, object, "wants a text, not %s", v.kind())
	}
	return s
}

// optional reads a text that may be missing.
func (w *workspace) optional(object jsonValue, name string) string {
	v := object.member(name)
	s, ok := v.textValue()
	if !ok && !v.missing() {
		w.wrongf(v, object, "wants a text, not %s", v.kind())
	}
	return s
}

func (v jsonValue) textValue() (string, bool) {
	if v.jsonNode == nil {
		return "", false
	}
	s, ok := v.value.(string)
	return s, ok
}

// enabled reads a switch, which RudderStack takes for off where it is missing.
func (w *workspace) enabled(object jsonValue, name string) bool {
	v := object.member(name)
	if v.missing() {
		w.warnf(v, object, "is missing, which RudderStack takes for false")
		return false
	}
	on, ok := v.value.(bool)
	if !ok {
		w.wrongf(v, object, "wants true or false, not %s", v.kind())
	}
	return on
}

// list returns the elements of a list that may be missing.
func (w *workspace) list(object jsonValue, name string) []jsonValue {
	v := object.member(name)
	if !v.missing() && !v.isList() {
		w.wrongf(v, object, "wants a list, not %s", v.kind())
	}
	return v.elements()
}

// object reports whether v is an object, and notes if it is not.
func (w *workspace) object(v, around jsonValue) bool {
	if !v.isObject() {
		w.wrongf(v, around, "wants an object, not %s", v.kind())
	}
	return v.isObject()
}

func (w *workspace) read(root jsonValue) {
	w.first = make(map[string]jsonValue)
	if !w.object(root, root) {
		return
	}
	sources := root.member("sources")
	if !sources.isList() {
		w.wrongf(sources, root, "wants a list of sources, not %s", sources.kind())
		return
	}
	for _, v := range sources.elements() {
		if w.object(v, sources) {
			w.source(v)
		}
	}
	if len(w.problems) > 0 {
		return
	}
	if len(w.config.Sources) == 0 {
		w.wrongf(sources, root, "there is none that SDKs can send to")
	}
	if len(w.config.Destinations) == 0 {
		w.wrongf(sources, root, "none of them has a destination of the type %s", refinerType)
	}
}

// source takes a source that SDKs send to, with its destinations.
func (w *workspace) source(v jsonValue) {
	definition := v.member("sourceDefinition")
	if category := w.optional(definition, "category"); category != "" {
		w.warnf(definition.member("category"), v, "sources of the category %q are not taken: only those that SDKs send to", category)
		return
	}
	s := DefaultSource()
	s.Name = w.text(v, "id", "what the source is called in the journal, in metrics and elsewhere")
	s.Title = w.optional(v, "name")
	s.WriteKey = NewSecret(w.text(v, "writeKey", "the key that the source's SDK presents"))
	s.Enabled = w.enabled(v, "enabled")
	s.Destinations = []string{}
	setting := fmt.Sprintf("sources[%d]", len(w.config.Sources))
	w.stands(setting, v, v)
	w.stands(setting+".name", v.member("id"), v)
	w.stands(setting+".write_key", v.member("writeKey"), v)
	for _, d := range w.list(v, "destinations") {
		if !w.object(d, v) {
			continue
		}
		if name := w.destination(d); name != "" && !slices.Contains(s.Destinations, name) {
			s.Destinations = append(s.Destinations, name)
		}
	}
	if len(s.Destinations) == 0 {
		w.warnf(v.member("destinations"), v, "none is of the type %s: the source's events are accepted, and go nowhere", refinerType)
	}
	w.config.Sources = append(w.config.Sources, s)
}

// destination takes a destination of Refiner and returns its name. One that several sources have is described with each
// of them, and must be the same everywhere.
func (w *workspace) destination(v jsonValue) string {
	definition := v.member("destinationDefinition")
	if !w.object(definition, v) {
		return ""
	}
	if kind := w.text(definition, "name", "the destination's type"); !strings.EqualFold(kind, refinerType) {
		if kind != "" {
			w.warnf(v, v, "destinations of the type %s are not taken: only %s", kind, refinerType)
		}
		return ""
	}
	id := w.text(v, "id", "what the destination is called in the journal, in metrics and elsewhere")
	if first, known := w.first[id]; known {
		again := workspace{findings: newFindings(""), config: &Config{Workspace: w.config.Workspace}}
		again.workspace = w.workspace
		i := slices.IndexFunc(w.config.Destinations, func(d Destination) bool { return d.Name == id })
		if !reflect.DeepEqual(again.settings(v, id, ""), w.config.Destinations[i]) {
			w.wrongf(v, v, "has other settings than %s, which has the same id: give it an id of its own", first.path)
		}
		return id
	}
	setting := fmt.Sprintf("destinations[%d]", len(w.config.Destinations))
	w.stands(setting, v, v)
	w.stands(setting+".name", v.member("id"), v)
	d := w.settings(v, id, setting)
	if id != "" {
		w.first[id] = v
		w.config.Destinations = append(w.config.Destinations, d)
	}
	return id
}

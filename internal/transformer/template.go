package transformer

import (
	"regexp"
	"strings"

	"tanker/event"
)

// template is a text of a Config that stands for a value of the event: {{ event.traits.key || "default" }}.
var template = regexp.MustCompile(`(?s)^\{\{\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*\|\|(.*)\}\}$`)

// resolver puts values of one event in the place of templates. A value that was used is taken out of the event.
type resolver struct {
	item   *item
	limits event.Limits
	parts  map[string]event.Value // what has changed, by the name of the item's member
}

// resolve gives the item a Config of its own.
func (h *Handler) resolve(i *item) {
	r := resolver{item: i, limits: h.limits, parts: map[string]event.Value{}}
	i.config = r.append(nil, i.target.config)
	i.destination = i.target.value.Raw()
	if string(i.config) != string(i.target.config.Raw()) {
		i.destination = replaced(i.target.value, "Config", i.config)
	}
	i.plan = h.plans.of(i.config)
	if changed, ok := r.parts["message"]; ok {
		if i.event, ok = changed.Event(); !ok {
			i.event = *h.nothing
		}
	}
}

// append writes a value of the Config, its templates resolved.
func (r *resolver) append(out []byte, v event.Value) []byte {
	switch v.Kind() {
	case event.String:
		return r.appendText(out, v)
	case event.Object:
		out = append(out, '{')
		for name, value := range v.Fields() {
			out = append(appendName(out, name), ':')
			out = r.append(out, value)
		}
		return append(out, '}')
	case event.Array:
		out = append(out, '[')
		for element := range v.Elements() {
			if out[len(out)-1] != '[' {
				out = append(out, ',')
			}
			out = r.append(out, element)
		}
		return append(out, ']')
	default:
		return append(out, v.Raw()...)
	}
}

func (r *resolver) appendText(out []byte, v event.Value) []byte {
	parts := template.FindStringSubmatch(strings.TrimSpace(v.Text()))
	if parts == nil {
		return append(out, v.Raw()...)
	}
	if found, ok := r.take(strings.Split(parts[1], ".")); ok {
		return append(out, found...)
	}
	return appendString(out, strings.TrimSpace(strings.ReplaceAll(parts[2], `"`, "")))
}

// take finds the value at a path, and takes it out of the event.
func (r *resolver) take(path []string) ([]byte, bool) {
	part, rest := path[0], path[1:]
	if part == "event" && len(rest) > 0 {
		part = "message"
	}
	root := r.part(part)
	v := root
	for _, name := range rest {
		v = v.Get(name)
	}
	if v.Kind() <= event.Null {
		return nil, false
	}
	found := v.Raw()
	r.parts[part] = event.Value{}
	if len(rest) > 0 {
		if e, err := event.Parse(without(root, rest), r.limits); err == nil {
			r.parts[part] = e.Get()
		}
	}
	return found, true
}

// part is a member of the item, as it is by now.
func (r *resolver) part(name string) event.Value {
	if changed, ok := r.parts[name]; ok {
		return changed
	}
	if name == "destination" {
		return r.item.target.value
	}
	return r.item.value.Get(name)
}

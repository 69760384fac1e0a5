package transformer

import (
	"bytes"

	"tanker/event"
)

// item is one event of a request, with all that is said about it.
type item struct {
	value       event.Value // the whole
	message     event.Value
	metadata    event.Value // absent if there is none
	event       event.Event // the message, less what templates took out of it
	target      *target     // nil if there is no destination
	plan        *plan
	config      []byte // the destination's Config, its templates resolved
	destination []byte // as it is echoed
}

// target is a destination as requests bring it.
type target struct {
	value      event.Value
	config     event.Value
	id         string
	templates  bool // the Config may hold some
	changeable bool // the Config counts in the grouping of events
	plan       *plan
}

// compacted is the value of X-Content-Format by which destinations and connections stand beside the events.
const compacted = "json+compactedv1"

func (x *exchange) isCompacted() bool { return x.request.Header.Get("X-Content-Format") == compacted }

// unpack finds the items of a list. Demanding, every event needs a destination and a connection if the body is
// compacted; otherwise only one whose metadata names them.
func (h *Handler) unpack(x *exchange, list event.Value, demanding bool) *failure {
	for value := range list.Elements() {
		switch value.Kind() {
		case event.Null:
			return internalError("Cannot read properties of null (reading 'metadata')")
		case event.Object:
		default:
			value = event.Value{}
		}
		i := item{value: value, message: value.Get("message"), metadata: value.Get("metadata")}
		if failed := x.aim(&i, demanding); failed != nil {
			return failed
		}
		h.prepare(&i)
		x.items = append(x.items, i)
	}
	return nil
}

// aim finds the item's destination.
func (x *exchange) aim(i *item, demanding bool) *failure {
	if !x.isCompacted() {
		d := i.value.Get("destination")
		i.target = x.target(d.Raw(), d)
		return nil
	}
	id, source := i.metadata.Get("destinationId"), i.metadata.Get("sourceId")
	if !demanding && !id.Exists() {
		return nil
	}
	d := x.root.Get("destinations").Get(id.Text())
	if d.Kind() <= event.Null {
		return internalError("no destination found for id " + idText(id))
	}
	if demanding || source.Exists() {
		pair := idText(source) + ":" + idText(id)
		if x.root.Get("connections").Get(pair).Kind() <= event.Null {
			return internalError("no connection found for id " + pair)
		}
	}
	i.target = x.target(id.Raw(), d)
	return nil
}

// idText is an id as JavaScript puts it into a text.
func idText(v event.Value) string {
	if !v.Exists() {
		return "undefined"
	}
	return v.Text()
}

// target is what is known of a destination; nil if there is none. Most requests have one for all events.
func (x *exchange) target(key []byte, destination event.Value) *target {
	if destination.Kind() <= event.Null {
		return nil
	}
	if known, ok := x.targets[string(key)]; ok {
		return known
	}
	t := &target{value: destination, config: destination.Get("Config"), id: "default"}
	if id := destination.Get("ID"); truthyText(id) {
		t.id = id.Text()
	}
	fixed := destination.Get("hasDynamicConfig")
	t.changeable = fixed.Kind() != event.Bool || string(fixed.Raw()) != "false"
	t.templates = t.changeable && mayHoldTemplates(t.config.Raw())
	x.targets[string(key)] = t
	return t
}

func truthyText(v event.Value) bool { return v.Kind() > event.Null && v.Text() != "" }

// mayHoldTemplates reports whether something in a Config opens two braces, be they written as they are or escaped.
func mayHoldTemplates(config []byte) bool {
	return bytes.Contains(config, []byte("{{")) || bytes.Contains(config, []byte(`\u007`))
}

// prepare readies the item to be mapped.
func (h *Handler) prepare(i *item) {
	var ok bool
	if i.event, ok = i.message.Event(); !ok {
		i.event = *h.nothing
	}
	t := i.target
	switch {
	case t == nil:
	case t.templates:
		h.resolve(i)
	default:
		if t.plan == nil {
			t.plan = h.plans.of(t.config.Raw())
		}
		i.plan, i.config, i.destination = t.plan, t.config.Raw(), t.value.Raw()
	}
}

// aimless reports whether an item has no destination: then rudder-transformer fails on all of them.
func (x *exchange) aimless() bool {
	for i := range x.items {
		if x.items[i].target == nil {
			return true
		}
	}
	return false
}

const noDestination = "Cannot read properties of undefined (reading 'Config')"

package event

import "strings"

// Event is one RudderStack message. It is immutable and may be used by several goroutines at once.
type Event struct {
	doc  *document
	root uint32
	typ  string // overrides the message's own type; "" does not
}

// parsed holds an event together with its document: one allocation for both.
type parsed struct {
	event Event
	doc   document
}

// Parse reads one message: strict JSON (RFC 8259) in valid UTF-8 whose value is an object. It keeps data
// and does not copy it, so data must not be modified afterwards. The error is always a *ParseError.
// A surrogate escape without its other half is no error. Of members with the same name the last counts.
func Parse(data []byte, limits Limits) (*Event, error) {
	s := scanner{}
	if !s.start(data, limits) {
		return nil, s.err
	}
	s.nodes = make([]node, 0, min(nodesFor(len(data)), s.limits.MaxKeys+1))
	start := s.pos
	root, ok := s.root()
	if !ok || !s.finish() {
		return nil, s.err
	}
	if kind := s.nodes[root].kind; kind != Object {
		return nil, &ParseError{Err: ErrNotObject, Offset: start, Detail: "found " + kind.String(), Found: kind}
	}
	p := &parsed{doc: s.document}
	p.event = Event{doc: &p.doc, root: root}
	return &p.event, nil
}

// WithType returns the event with another type than its own, such as the one a request's path stands
// for. An empty t changes nothing. Raw stays as it is.
func (e *Event) WithType(t string) *Event {
	changed := *e
	if t != "" {
		changed.typ = strings.ToLower(t)
	}
	return &changed
}

// Raw is the event as it came, without white space around it. It must not be modified.
func (e *Event) Raw() []byte { return e.value().Raw() }

// Get follows names from member to member: Get("context", "traits") is context.traits.
// It is absent as soon as one of them is missing. Get() is the event itself.
func (e *Event) Get(path ...string) Value {
	v := e.value()
	for _, key := range path {
		v = v.Get(key)
	}
	return v
}

func (e *Event) value() Value { return Value{doc: e.doc, index: e.root} }

// Type is the kind of message in lower case: "identify", "track", and so on. It is "" if there is none or
// if it is no string.
func (e *Event) Type() string {
	if e.typ != "" {
		return e.typ
	}
	v := e.value().Get("type")
	if v.Kind() != String {
		return ""
	}
	for _, t := range [...]string{"track", "identify", "page", "group", "screen", "alias"} {
		if v.Is(t) {
			return t
		}
	}
	return strings.ToLower(v.Text())
}

// Name is the member name: a page's or a screen's.
func (e *Event) Name() Value { return e.value().Get("name") }

// Category is the member category of a page or a screen.
func (e *Event) Category() Value { return e.value().Get("category") }

// EventName is the member event of a track call.
func (e *Event) EventName() Value { return e.value().Get("event") }

// GroupID is the member groupId of a group call.
func (e *Event) GroupID() Value { return e.value().Get("groupId") }

// Traits is the member traits: the user's, in a group call the group's.
func (e *Event) Traits() Value { return e.value().Get("traits") }

// ContextTraits is the member traits of context: the user's, in every call.
func (e *Event) ContextTraits() Value { return e.value().Get("context").Get("traits") }

// Properties is the member properties of a track, page or screen call.
func (e *Event) Properties() Value { return e.value().Get("properties") }

// Context is the member context.
func (e *Event) Context() Value { return e.value().Get("context") }

// Integrations is the member integrations: which destinations the sender wants.
func (e *Event) Integrations() Value { return e.value().Get("integrations") }

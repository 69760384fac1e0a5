package mapping

import (
	"strings"

	"tanker/event"
)

const (
	pathTrackUpstream = "/v1/track"
	contextTraitsPath = "context.traits"

	// longestList is how many bytes of a list are made a page's name of.
	longestList = 64 << 10
)

// Where rudder-transformer looks for a value, in this order.
var (
	userIDPaths  = [...]string{"userId", "traits.userId", "traits.id", "context.traits.userId", "context.traits.id"}
	emailPaths   = [...]string{"traits.email", "context.traits.email", "properties.email", "context.externalId.0.id"}
	traitsPaths  = [...]string{"traits", contextTraitsPath}
	groupIDPaths = [...]string{"groupId", "traits.groupId"}
)

func newUpstream(s Settings) *Mapper {
	return &Mapper{
		profile:         Upstream,
		upstreamUser:    newUpstreamRenames(s.UserAttributes),
		upstreamAccount: newUpstreamRenames(s.AccountAttributes),
		faults:          s.faults,
	}
}

// mapUpstream checks in rudder-transformer's order: the type, the user, the event's name, the settings.
func (m *Mapper) mapUpstream(e *event.Event) (Call, error) {
	kind, err := upstreamType(e)
	if err != nil {
		return Call{}, err
	}
	message := e.Get()
	p := person{id: usable(message, userIDPaths[:]), email: usable(message, emailPaths[:])}
	if !truthy(p.id) && !truthy(p.email) {
		return Call{}, instrumentation(Rejected, ReasonNoIdentity, "At least one of `userId` or `email` is required")
	}
	switch kind {
	case "identify":
		return m.upstreamIdentify(message, p)
	case "group":
		return m.upstreamGroup(message, p)
	case "track":
		if !truthy(message.Get("event")) {
			return Call{}, instrumentation(Rejected, ReasonNoEventName, "Event name is required")
		}
		return m.upstreamTrack(p, jsValue{value: message.Get("event")})
	default:
		return m.upstreamPage(message, p)
	}
}

// upstreamType is the event's type if it is one of the four that are mapped.
func upstreamType(e *event.Event) (string, error) {
	own, t := e.Get("type"), e.Type()
	switch {
	case t == "" && !truthy(own):
		return "", instrumentation(Filtered, ReasonUnsupportedType, "Event type is required")
	case t == "":
		return "", exception("message.type.toLowerCase is not a function")
	case own.Kind() == event.String && !own.Is(t):
		if text := own.Text(); strings.ToLower(text) == t { // else the type is not the event's own
			t = jsLower(text)
		}
	}
	switch t {
	case "identify", "track", "page", "group":
		return t, nil
	}
	return "", instrumentation(Filtered, ReasonUnsupportedType, `Event type "`+t+`" is not supported`)
}

// upstreamIdentify sends the user's id as userId, which is not the name that Refiner gives it.
func (m *Mapper) upstreamIdentify(message event.Value, p person) (Call, error) {
	if m.faults.config != "" {
		return Call{}, m.faults.noConfig("userAttributesMapping")
	}
	if m.faults.user {
		return Call{}, exception(nullEntry)
	}
	form := newJSObject()
	if !form.spread(usable(message, traitsPaths[:])) || !form.spread(lookup(message, contextTraitsPath)) {
		return Call{}, exception(tooWide)
	}
	form.set([]byte("userId"), jsValue{value: p.id})
	form.set([]byte("email"), jsValue{value: p.email})
	m.upstreamUser.apply(form)
	form.spreadPrototype()
	for _, name := range [...]string{"__proto__", "constructor", "prototype"} {
		form.delete([]byte(name))
	}
	return p.upstreamCall(pathIdentify, form), nil
}

// upstreamGroup never sends the user's email: it looks for it under a name that does not exist.
func (m *Mapper) upstreamGroup(message event.Value, p person) (Call, error) {
	if m.faults.config != "" {
		return Call{}, m.faults.noConfig("accountAttributesMapping")
	}
	if m.faults.account {
		return Call{}, exception(nullEntry)
	}
	account := newJSObject()
	if !account.spread(usable(message, traitsPaths[:])) {
		return Call{}, exception(tooWide)
	}
	account.set([]byte("id"), jsValue{value: usable(message, groupIDPaths[:])})
	m.upstreamAccount.apply(account)

	form := newJSObject()
	if truthy(p.id) {
		form.set([]byte("id"), jsValue{value: p.id})
	}
	for _, member := range account.sorted() {
		name := append(append([]byte("account["), member.name...), ']')
		form.set(name, member.value)
	}
	p.email = event.Value{}
	return p.upstreamCall(pathIdentify, form), nil
}

func (m *Mapper) upstreamPage(message event.Value, p person) (Call, error) {
	category, err := upstreamPagePart(message.Get("category"))
	if err != nil {
		return Call{}, err
	}
	name, err := upstreamPagePart(message.Get("name"))
	if err != nil {
		return Call{}, err
	}
	title := pageEvent(category, name)
	return m.upstreamTrack(p, jsValue{literal: appendJSText(nil, []byte(title))})
}

func upstreamPagePart(v event.Value) (string, error) {
	if !truthy(v) {
		return "", nil
	}
	if v.Kind() == event.Array && len(v.Raw()) > longestList {
		return "", exception("The page's name is a list that is too long")
	}
	text, ok := jsText(nil, v)
	if !ok {
		return "", exception("Cannot convert object to primitive value")
	}
	return string(text), nil
}

func (m *Mapper) upstreamTrack(p person, name jsValue) (Call, error) {
	if m.faults.config != "" {
		return Call{}, m.faults.noConfig("apiKey")
	}
	form := newJSObject()
	if truthy(p.id) {
		form.set([]byte("id"), jsValue{value: p.id})
	}
	if truthy(p.email) {
		form.set([]byte("email"), jsValue{value: p.email})
	}
	form.set([]byte("event"), name)
	return p.upstreamCall(pathTrackUpstream, form), nil
}

func (p person) upstreamCall(path string, form *jsObject) Call {
	call := Call{Method: post, Path: path, Body: form.append(make([]byte, 0, 256)), Form: true}
	if truthy(p.id) {
		call.UserID = p.id.Text()
	}
	if truthy(p.email) {
		call.Email = p.email.Text()
	}
	return call
}

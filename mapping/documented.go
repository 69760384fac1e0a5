package mapping

import "tanker/event"

const (
	post         = "POST"
	pathIdentify = "/v1/identify-user"
	pathTrack    = "/v1/track-event"
)

func newDocumented(s Settings) *Mapper {
	m := &Mapper{profile: Documented}
	var warnings []string
	m.user, warnings = newRenames(s.UserAttributes, "user", reserved)
	m.warnings = append(m.warnings, warnings...)
	m.account, warnings = newRenames(s.AccountAttributes, "account", reservedOfAccount)
	m.warnings = append(m.warnings, warnings...)
	return m
}

func (m *Mapper) mapDocumented(e *event.Event) (Call, error) {
	switch e.Type() {
	case "identify":
		return m.identify(e)
	case "track":
		return m.track(e)
	case "page":
		return m.page(e)
	case "group":
		return m.group(e)
	}
	return Call{}, unsupportedType(e)
}

// person is whom an event is about.
type person struct{ id, email event.Value }

func personOf(e *event.Event) (person, error) {
	p := person{id: e.UserID(), email: e.Email()}
	if !p.id.Exists() && !p.email.Exists() {
		return p, rejected(ReasonNoIdentity,
			"The event names no user: send userId, or an email in traits. An anonymousId is not enough for Refiner.")
	}
	return p, nil
}

// start begins a body with whom it is about. More is room for that many bytes.
func (p person) start(more int) object {
	body := newObject(len(p.id.Raw()) + len(p.email.Raw()) + more)
	if p.id.Exists() {
		body = body.add(`"id"`, p.id.Raw())
	}
	if p.email.Exists() {
		body = body.add(`"email"`, p.email.Raw())
	}
	return body
}

func (p person) call(path string, body object) Call {
	return Call{Method: post, Path: path, Body: body.end(), UserID: p.id.Text(), Email: p.email.Text()}
}

func (m *Mapper) identify(e *event.Event) (Call, error) {
	p, err := personOf(e)
	if err != nil {
		return Call{}, err
	}
	own, fromContext := e.Traits(), e.ContextTraits()
	body := p.start(len(own.Raw()) + len(fromContext.Raw()))
	for _, t := range m.user.apply(merge(own, fromContext)) {
		if !reserved(t.name) {
			body = body.addTrait(t)
		}
	}
	return p.call(pathIdentify, body), nil
}

func (m *Mapper) track(e *event.Event) (Call, error) {
	p, err := personOf(e)
	if err != nil {
		return Call{}, err
	}
	name := e.EventName()
	if name.Kind() != event.String || name.Is("") {
		return Call{}, rejected(ReasonNoEventName, "The track call has no event name: send event, a string that is not empty.")
	}
	return p.call(pathTrack, p.start(len(name.Raw())).add(`"event"`, name.Raw())), nil
}

func (m *Mapper) page(e *event.Event) (Call, error) {
	p, err := personOf(e)
	if err != nil {
		return Call{}, err
	}
	name := `"` + pageEvent(pagePart(e.Category()), pagePart(e.Name())) + `"`
	return p.call(pathTrack, p.start(len(name)).add(`"event"`, []byte(name))), nil
}

// pagePart is a page's name or category, still with the escapes of JSON.
func pagePart(v event.Value) string {
	switch {
	case v.Kind() == event.String:
		raw := v.Raw()
		return string(raw[1 : len(raw)-1])
	case event.IsID(v):
		return v.Text()
	}
	return ""
}

// PageName is the name that a page has at Refiner, such as "Viewed Cart Page".
func PageName(e *event.Event) string {
	name := `"` + pageEvent(pagePart(e.Category()), pagePart(e.Name())) + `"`
	return string(decoded([]byte(name)))
}

// pageEvent is the name under which a page view is tracked. Both profiles call it so.
func pageEvent(category, name string) string {
	switch {
	case category == "" && name == "":
		return "pageView"
	case category == "":
		return "Viewed " + name + " Page"
	case name == "":
		return "Viewed " + category + " Page"
	}
	return "Viewed " + category + " " + name + " Page"
}

// group needs the user's own id: traits are the account's here, and an email alone would not do.
func (m *Mapper) group(e *event.Event) (Call, error) {
	p := person{id: e.UserID(), email: e.Email()}
	if !p.id.Exists() {
		return Call{}, rejected(ReasonNoUserID,
			"The group call names no user: send userId. In a group call traits describe the group, so an id among them does not count.")
	}
	traits := e.Traits()
	body := p.start(len(traits.Raw()) + len(e.GroupID().Raw()))
	if account := m.accountOf(e, traits); len(account) > 1 {
		body = body.add(`"account"`, account.end())
	}
	return p.call(pathIdentify, body), nil
}

// accountOf writes the account of a group call. Its id is the group's; an id among the traits counts only
// if there is none.
func (m *Mapper) accountOf(e *event.Event, traits event.Value) object {
	id := groupID(e)
	account := newObject(len(traits.Raw()) + len(id.Raw()))
	if id.Exists() {
		account = account.add(`"id"`, id.Raw())
	}
	for _, t := range m.account.apply(merge(traits, event.Value{})) {
		if reservedOfAccount(t.name) || id.Exists() && string(decoded(t.name)) == "id" {
			continue
		}
		account = account.addTrait(t)
	}
	return account
}

func groupID(e *event.Event) event.Value {
	if v := e.GroupID(); event.IsID(v) {
		return v
	}
	if v := e.Traits().Get("groupId"); event.IsID(v) {
		return v
	}
	return event.Value{}
}

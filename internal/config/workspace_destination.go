package config

import (
	"fmt"
	"slices"
	"strings"
)

// messageTypes are the types of events that have a call at Refiner.
func messageTypes() []string { return []string{"identify", "track", "page", "group"} }

// settings reads what a workspace says of a Refiner destination. setting is its path in the configuration.
func (w *workspace) settings(v jsonValue, id, setting string) Destination {
	d := DefaultDestination()
	d.Name, d.Title, d.Endpoint = id, w.optional(v, "name"), w.config.Workspace.Endpoint
	enabled, processed := w.enabled(v, "enabled"), w.enabled(v, "isProcessorEnabled")
	d.Enabled, d.WhenDisabled = enabled && processed, "drop"
	definition := v.member("destinationDefinition")
	if name := w.optional(definition, "displayName"); name != "" {
		d.Filter.Integration = name
	}
	d.Filter.MessageTypes = w.supportedTypes(definition.member("config"))
	w.transformations(v)

	c := v.member("config")
	w.stands(setting+".api_key", c.member("apiKey"), v)
	if !w.object(c, v) {
		return d
	}
	d.APIKey = NewSecret(strings.TrimSpace(w.text(c, "apiKey", "the API key of the Refiner environment")))
	d.UserAttributes = w.renames(c, "userAttributesMapping", setting+".user_attributes")
	d.AccountAttributes = w.renames(c, "accountAttributesMapping", setting+".account_attributes")
	w.consent(c, &d.Filter)
	w.eventNames(c, &d.Filter)
	w.serverSideIdentify(c, &d.Filter)
	w.unused(c)
	return d
}

// supportedTypes are the types of events that the destination's definition names: a list, or one under cloud as the
// definitions are published. Nil are all.
func (w *workspace) supportedTypes(c jsonValue) []string {
	v := c.member("supportedMessageTypes")
	if v.isObject() {
		v = v.member("cloud")
	}
	if v.missing() {
		return nil
	}
	if !v.isList() {
		w.wrongf(v, c, "wants a list of types, not %s", v.kind())
		return nil
	}
	var said []string
	for _, item := range v.elements() {
		t, ok := item.textValue()
		if !ok {
			w.wrongf(item, v, "wants a text, not %s", item.kind())
		}
		said = append(said, strings.ToLower(strings.TrimSpace(t)))
	}
	types := slices.DeleteFunc(messageTypes(), func(t string) bool { return !slices.Contains(said, t) })
	if len(types) == len(messageTypes()) {
		return nil
	}
	return types
}

// serverSideIdentify takes identify calls from the destination if they are not to come from the server.
func (w *workspace) serverSideIdentify(c jsonValue, f *Filter) {
	v := c.member("enableServerSideIdentify")
	if v.missing() || v.value != false {
		return
	}
	if f.MessageTypes == nil {
		f.MessageTypes = messageTypes()
	}
	f.MessageTypes = slices.DeleteFunc(f.MessageTypes, func(t string) bool { return t == "identify" })
}

// transformations stops before events go to Refiner that a transformation should have changed first.
func (w *workspace) transformations(v jsonValue) {
	list := v.member("transformations")
	if len(list.elements()) == 0 {
		return
	}
	if w.config.Workspace.IgnoreTransformations {
		w.warnf(list, v, "transformations are not carried out: events go to Refiner as they are sent")
		return
	}
	w.wrongf(list, v, "transformations are not in this file, only their ids, and cannot be carried out: disconnect them, or set workspace.ignore_transformations if events may go to Refiner without them")
}

// renames reads an attribute mapping. The form in RudderStack leaves empty rows behind, which say nothing.
func (w *workspace) renames(c jsonValue, name, setting string) []Rename {
	var list []Rename
	for _, v := range w.list(c, name) {
		if !w.object(v, c) {
			continue
		}
		from, to := w.optional(v, "from"), w.optional(v, "to")
		if strings.TrimSpace(from) == "" {
			continue
		}
		if strings.TrimSpace(to) == "" {
			w.warnf(v.member("to"), v, "is empty: the attribute %q keeps its name", from)
			continue
		}
		w.stands(fmt.Sprintf("%s[%d]", setting, len(list)), v, c)
		list = append(list, Rename{From: from, To: to})
	}
	return list
}

// consent reads what the destination needs of the user's consent. Of several entries for a provider the last counts.
func (w *workspace) consent(c jsonValue, f *Filter) {
	for _, v := range w.list(c, "consentManagement") {
		if !w.object(v, c) {
			continue
		}
		rule := DefaultConsent()
		rule.Provider = w.optional(v, "provider")
		if w.optional(v, "resolutionStrategy") == "or" {
			rule.Strategy = "or"
		}
		rule.IDs = w.column(v, "consents", "consent")
		if rule.Provider == "" || len(rule.IDs) == 0 {
			continue
		}
		f.Consent = slices.DeleteFunc(f.Consent, func(other Consent) bool { return other.Provider == rule.Provider })
		f.Consent = append(f.Consent, rule)
	}
	f.OneTrustCategories = w.column(c, "oneTrustCookieCategories", "oneTrustCookieCategory")
	f.KetchPurposes = w.column(c, "ketchConsentPurposes", "purpose")
}

// column reads a list of objects that have one text each, such as [{"purpose":"a"},{"purpose":"b"}].
func (w *workspace) column(object jsonValue, name, member string) []string {
	var texts []string
	for _, v := range w.list(object, name) {
		if !w.object(v, object) {
			continue
		}
		if text := w.optional(v, member); strings.TrimSpace(text) != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// eventNames reads the lists of event names, which RudderStack's SDKs obey and its server does not.
func (w *workspace) eventNames(c jsonValue, f *Filter) {
	option := c.member("eventFilteringOption")
	list := w.optional(c, "eventFilteringOption")
	var into *[]string
	switch list {
	case "", "disable":
		return
	case "whitelistedEvents":
		into = &f.AllowEvents
	case "blacklistedEvents":
		into = &f.DenyEvents
	default:
		w.wrongf(option, c, "%q is not one of disable, whitelistedEvents, blacklistedEvents", list)
		return
	}
	names := w.column(c, list, "eventName")
	if !w.config.Workspace.ServerSideEventFiltering {
		w.warnf(option, c, "names of events are not looked at, as on RudderStack's server: set workspace.server_side_event_filtering to have them filtered")
		return
	}
	if len(names) == 0 && list == "whitelistedEvents" {
		w.wrongf(c.member(list), c, "is empty, so that no event would pass: name some, or set eventFilteringOption to disable")
	}
	*into = names
}

// unused warns of settings that are not known here. Those that are for RudderStack's SDKs, or say nothing in cloud mode,
// are passed over.
func (w *workspace) unused(c jsonValue) {
	known := []string{
		"apiKey", "userAttributesMapping", "accountAttributesMapping", "enableServerSideIdentify",
		"consentManagement", "oneTrustCookieCategories", "ketchConsentPurposes",
		"eventFilteringOption", "whitelistedEvents", "blacklistedEvents",
		"webClientApiKey", "useNativeSDK", "connectionMode",
	}
	for _, m := range c.members {
		if !slices.ContainsFunc(known, func(name string) bool { return strings.EqualFold(name, m.name) }) {
			w.warnf(c.member(m.name), c, "is not known, and makes no difference")
		}
	}
	if mode, ok := c.member("connectionMode").textValue(); ok && mode != "" && mode != "cloud" {
		w.warnf(c.member("connectionMode"), c, "events go to Refiner from here, as in the mode cloud")
	}
}

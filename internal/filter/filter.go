// Package filter decides which events a destination gets, by the rules that RudderStack's server has for its
// destinations, and by the lists of event names that RudderStack has only in its SDKs. Decisions are pure: they depend on the
// event and the settings alone.
package filter

import (
	"fmt"
	"strings"

	"tanker/event"
	"tanker/mapping"
)

// Why an event is filtered: stable codes.
const (
	ReasonDisabled        = "destination_disabled" // the destination is switched off, and drops what it does not get
	ReasonIntegrations    = "integrations"         // the sender's integrations object leaves the destination out
	ReasonConsent         = "consent"              // the user has denied what the destination needs
	ReasonMessageType     = "message_type"         // the destination does not want events of this type
	ReasonEventDenied     = "event_denied"         // its name is among those that are denied
	ReasonEventNotAllowed = "event_not_allowed"    // its name is not among those that are allowed
)

// Settings say which events a destination gets. By the zero value it gets all.
type Settings struct {
	// Disabled lets no event pass.
	Disabled bool

	// Integration is the destination's name in the integrations object of events. "" ignores that object.
	Integration string

	// Consent is what the destination needs of the user's consent.
	Consent Consent

	// Types are the types of events that the destination wants, in lower case. Nil means all.
	Types []string

	// Allow and Deny are names of events. Track calls and pages pass only if their name is in Allow, unless that is
	// empty, and not in Deny. A track call's name is its event. A page has two: its name, and the one that it has at Refiner,
	// such as "Viewed Cart Page". Case counts, space around names does not.
	Allow, Deny []string

	// ScreenAsPage takes screen calls for page calls.
	ScreenAsPage bool
}

// Filter lets the events of one destination pass, or not. It is immutable and may be used by several goroutines
// at once.
type Filter struct {
	settings    Settings
	types       set
	allow, deny set
	consent     consent
}

// New makes a filter.
func New(s Settings) *Filter {
	return &Filter{
		settings: s, types: setOf(s.Types), allow: setOf(s.Allow), deny: setOf(s.Deny), consent: newConsent(s.Consent),
	}
}

// View is the event as the destination sees it: a screen call may be a page.
func (f *Filter) View(e *event.Event) *event.Event {
	if f.settings.ScreenAsPage && e.Type() == "screen" {
		return e.WithType("page")
	}
	return e
}

// Addressed says whether the event is meant for the destination at all: nil, or a *mapping.Refusal. It asks what its sender
// and its user have said, which nothing that changes the event on its way may change.
func (f *Filter) Addressed(e *event.Event) error {
	if f.settings.Disabled {
		return filtered(ReasonDisabled, "The destination is switched off.")
	}
	if name := f.settings.Integration; name != "" && !chosen(e.Integrations(), name) {
		return filtered(ReasonIntegrations, fmt.Sprintf("The event's integrations object leaves %s out.", name))
	}
	if denied := f.consent.denied(e); denied != "" {
		return filtered(ReasonConsent, "The user has not consented: "+denied+".")
	}
	return nil
}

// Wanted says whether the destination wants the event, by its type and its name: nil, or a *mapping.Refusal. The event is
// as it is going to be mapped: one that View has returned.
func (f *Filter) Wanted(e *event.Event) error {
	if f.settings.Types != nil && !f.types[e.Type()] && e.Type() != "" {
		return filtered(ReasonMessageType, fmt.Sprintf("The destination takes %s, no %.100q.", strings.Join(f.settings.Types, ", "), e.Type()))
	}
	return f.checkName(e)
}

// checkName asks the lists of names. A page counts by either of its names.
func (f *Filter) checkName(e *event.Event) error {
	if len(f.allow) == 0 && len(f.deny) == 0 {
		return nil
	}
	var names []string
	switch e.Type() {
	case "track":
		names = []string{nameIn(e.EventName())}
	case "page":
		names = []string{nameIn(e.Name()), strings.TrimSpace(mapping.PageName(e))}
	default:
		return nil
	}
	if name, denied := f.deny.anyOf(names); denied {
		return filtered(ReasonEventDenied, fmt.Sprintf("The destination does not want %.100q.", name))
	}
	if _, allowed := f.allow.anyOf(names); !allowed && len(f.allow) > 0 {
		return filtered(ReasonEventNotAllowed, fmt.Sprintf("%.100q is not among the events that the destination wants.", names[len(names)-1]))
	}
	return nil
}

// nameIn is a string without the space around it, "" for anything else.
func nameIn(v event.Value) string {
	if v.Kind() != event.String {
		return ""
	}
	return strings.TrimSpace(v.Text())
}

// chosen reports whether an integrations object chooses a destination. Without one all are chosen; what is no object
// chooses none. All, true unless it is said, is for those that are not named.
func chosen(integrations event.Value, name string) bool {
	if !integrations.Exists() {
		return true
	}
	if integrations.Kind() != event.Object {
		return false
	}
	others := integrations.Get("All")
	if others.Exists() && others.Kind() != event.Bool {
		return false
	}
	switch own := integrations.Get(name); own.Kind() {
	case event.Bool:
		return isTrue(own)
	case event.Object:
		return true
	default:
		return !others.Exists() || isTrue(others)
	}
}

func isTrue(v event.Value) bool { return v.Kind() == event.Bool && v.Raw()[0] == 't' }

// set is a set of names.
type set map[string]bool

// setOf makes a set of what is not blank.
func setOf(names []string) set {
	s := make(set, len(names))
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" {
			s[name] = true
		}
	}
	return s
}

// anyOf returns the first of the names that is in the set.
func (s set) anyOf(names []string) (string, bool) {
	for _, name := range names {
		if s[name] {
			return name, true
		}
	}
	return "", false
}

func filtered(reason, message string) *mapping.Refusal {
	return &mapping.Refusal{Outcome: mapping.Filtered, Reason: reason, Message: message}
}

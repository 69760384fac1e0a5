package filter

import (
	"strings"

	"tanker/event"
)

// Consent is what a destination needs of the user's consent. The zero value needs nothing. An event says in its
// context.consentManagement what the user has denied; one that says nothing passes.
type Consent struct {
	// Rules are for one provider each. The rule of the event's provider counts, if there is one, and the two lists
	// then do not.
	Rules []ConsentRule

	// OneTrust are cookie categories, for events of the provider oneTrust and for those that name no provider: all must
	// be granted.
	OneTrust []string

	// Ketch are purposes, for events of the provider ketch and for those that name no provider: one of them must be granted.
	// They are not asked where OneTrust was.
	Ketch []string
}

// ConsentRule is what a destination needs where a provider manages consent.
type ConsentRule struct {
	Provider string   // as events name it, such as oneTrust, ketch, iubenda or custom; case counts
	Any      bool     // one of IDs is enough; else all are needed. Only for custom: elsewhere the event says it
	IDs      []string // what must be granted
}

// customProvider is the one provider for which the destination says how many of its consents are needed.
const customProvider = "custom"

// consent is a Consent, ready to be asked.
type consent struct {
	rules           map[string]ConsentRule
	oneTrust, ketch []string
}

func newConsent(c Consent) consent {
	ready := consent{rules: make(map[string]ConsentRule), oneTrust: filled(c.OneTrust), ketch: filled(c.Ketch)}
	for _, r := range c.Rules {
		if r.IDs = filled(r.IDs); len(r.IDs) > 0 {
			ready.rules[r.Provider] = r
		}
	}
	return ready
}

func (c *consent) empty() bool {
	return len(c.rules) == 0 && len(c.oneTrust) == 0 && len(c.ketch) == 0
}

// denied says which consent is missing, "" if none is.
func (c *consent) denied(e *event.Event) string {
	if c.empty() {
		return ""
	}
	said := e.Get("context", "consentManagement")
	denied := make(map[string]bool)
	for id := range said.Get("deniedConsentIds").Elements() {
		if id.Kind() == event.String && !id.Is("") {
			denied[id.Text()] = true
		}
	}
	if len(denied) == 0 {
		return ""
	}
	provider := textOf(said.Get("provider"))
	if rule, ok := c.rules[provider]; ok {
		enough := rule.Any
		if provider != customProvider {
			enough = said.Get("resolutionStrategy").Is("or")
		}
		return missing(rule.IDs, denied, enough)
	}
	if len(c.oneTrust) > 0 && (provider == "" || provider == "oneTrust") {
		return missing(c.oneTrust, denied, false)
	}
	if len(c.ketch) > 0 && (provider == "" || provider == "ketch") {
		return missing(c.ketch, denied, true)
	}
	return ""
}

// missing says which of the needed consents are denied, "" if enough are not.
func missing(needed []string, denied map[string]bool, oneIsEnough bool) string {
	var gone []string
	for _, id := range needed {
		if denied[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 || oneIsEnough && len(gone) < len(needed) {
		return ""
	}
	return strings.Join(gone, ", ") + " denied"
}

func textOf(v event.Value) string {
	if v.Kind() != event.String {
		return ""
	}
	return v.Text()
}

// filled is a list without its empty texts.
func filled(list []string) []string {
	var kept []string
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

package filter_test

import (
	"errors"
	"testing"

	"tanker/event"
	"tanker/internal/filter"
	"tanker/mapping"
)

// check returns the reason for which an event is filtered, "" if it passes.
func check(t *testing.T, s filter.Settings, text string) string {
	t.Helper()
	e, err := event.Parse([]byte(text), event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	call, err := filter.New(s).Before(m).Map(e)
	if err == nil {
		if call.Path == "" {
			t.Errorf("%s: passes, and there is no call", text)
		}
		return ""
	}
	var refusal *mapping.Refusal
	if !errors.As(err, &refusal) || refusal.Message == "" {
		t.Fatalf("%s: %#v", text, err)
	}
	if refusal.Outcome != mapping.Filtered {
		return refusal.Outcome + " " + refusal.Reason
	}
	return refusal.Reason
}

// with is a track call with more members.
func with(members string) string {
	return `{"type":"track","userId":"u1","event":"Bought"` + members + `}`
}

func TestIntegrations(t *testing.T) {
	s := filter.Settings{Integration: "Refiner"}
	for value, passes := range map[string]bool{
		`{}`:                             true,
		`{"All":true}`:                   true,
		`{"All":false}`:                  false,
		`{"All":true,"Refiner":false}`:   false,
		`{"All":false,"Refiner":true}`:   true,
		`{"Refiner":true}`:               true,
		`{"Refiner":false}`:              false,
		`{"All":false,"Refiner":{}}`:     true,
		`{"Refiner":{"enabled":false}}`:  true,
		`{"Refiner":null}`:               true,
		`{"All":false,"Refiner":null}`:   false,
		`{"All":false,"Refiner":"true"}`: false,
		`{"All":false,"Refiner":1}`:      false,
		`{"All":true,"Refiner":[]}`:      true,
		`{"All":"true"}`:                 false,
		`{"All":null}`:                   false,
		`{"All":1,"Refiner":true}`:       false,
		`{"All":{},"Refiner":{}}`:        false,
		`{"all":false}`:                  true,
		`{"All":false,"refiner":true}`:   false,
		`{"All":false,"REFINER":true}`:   false,
		`{"Amplitude":false}`:            true,
		`{"All":false,"Amplitude":true}`: false,
		`null`:                           false,
		`[]`:                             false,
		`"Refiner"`:                      false,
		`true`:                           false,
	} {
		text := with(`,"integrations":` + value)
		if got := check(t, s, text); (got == "") != passes || got != "" && got != filter.ReasonIntegrations {
			t.Errorf("%s: %q, passes should be %v", value, got, passes)
		}
		if got := check(t, filter.Settings{}, text); got != "" {
			t.Errorf("%s: %q with a destination that ignores the object", value, got)
		}
	}
	if got := check(t, s, with("")); got != "" {
		t.Errorf("no object: %q", got)
	}
	if got := check(t, filter.Settings{Integration: "Other"}, with(`,"integrations":{"All":false,"Other":true}`)); got != "" {
		t.Errorf("another name: %q", got)
	}
}

func TestConsent(t *testing.T) {
	rules := filter.Consent{Rules: []filter.ConsentRule{
		{Provider: "oneTrust", IDs: []string{"a", "b", ""}},
		{Provider: "iubenda", IDs: []string{"a", "b"}, Any: true},
		{Provider: "custom", IDs: []string{"a", "b"}, Any: true},
		{Provider: "strict", IDs: nil},
	}}
	all := filter.Consent{Rules: []filter.ConsentRule{{Provider: "custom", IDs: []string{"a", "b"}}}}
	legacy := filter.Consent{OneTrust: []string{"a", "b"}, Ketch: []string{"c", "d"}}
	ketch := filter.Consent{Ketch: []string{"", "c", "d"}}
	both := filter.Consent{Rules: rules.Rules, OneTrust: []string{"x"}, Ketch: []string{"y"}}
	for _, test := range []struct {
		name    string
		consent filter.Consent
		said    string // context.consentManagement
		passes  bool
	}{
		{"nothing is needed", filter.Consent{}, `{"provider":"oneTrust","deniedConsentIds":["a","b"]}`, true},
		{"nothing is denied", rules, `{"provider":"oneTrust","deniedConsentIds":[]}`, true},
		{"empty ids are denied", rules, `{"provider":"oneTrust","deniedConsentIds":["",""]}`, true},
		{"something else is denied", rules, `{"provider":"oneTrust","deniedConsentIds":["c"]}`, true},
		{"one is denied", rules, `{"provider":"oneTrust","deniedConsentIds":["a"]}`, false},
		{"one is denied, and", rules, `{"provider":"oneTrust","resolutionStrategy":"and","deniedConsentIds":["b"]}`, false},
		{"one is denied, or", rules, `{"provider":"oneTrust","resolutionStrategy":"or","deniedConsentIds":["b"]}`, true},
		{"all are denied, or", rules, `{"provider":"oneTrust","resolutionStrategy":"or","deniedConsentIds":["b","c","a"]}`, false},
		{"another strategy", rules, `{"provider":"oneTrust","resolutionStrategy":"OR","deniedConsentIds":["b"]}`, false},
		{"the event's strategy counts", rules, `{"provider":"iubenda","resolutionStrategy":"and","deniedConsentIds":["b"]}`, false},
		{"custom: the destination's counts", rules, `{"provider":"custom","resolutionStrategy":"and","deniedConsentIds":["b"]}`, true},
		{"custom: all are denied", rules, `{"provider":"custom","deniedConsentIds":["b","a"]}`, false},
		{"custom: all are needed", all, `{"provider":"custom","resolutionStrategy":"or","deniedConsentIds":["b"]}`, false},
		{"a provider without a rule", rules, `{"provider":"ketch","deniedConsentIds":["a","b"]}`, true},
		{"no provider", rules, `{"deniedConsentIds":["a","b"]}`, true},
		{"a rule without ids", rules, `{"provider":"strict","deniedConsentIds":["a","b"]}`, true},
		{"another case", rules, `{"provider":"onetrust","deniedConsentIds":["a"]}`, true},
		{"allowed ids do not count", rules, `{"provider":"oneTrust","allowedConsentIds":[]}`, true},
		{"old lists: a category", legacy, `{"deniedConsentIds":["b"]}`, false},
		{"old lists: a category of oneTrust", legacy, `{"provider":"oneTrust","deniedConsentIds":["a"]}`, false},
		{"old lists: or does not count", legacy, `{"resolutionStrategy":"or","deniedConsentIds":["b"]}`, false},
		{"old lists: ketch is not asked", legacy, `{"deniedConsentIds":["c","d"]}`, true},
		{"old lists: ketch is asked for its own", legacy, `{"provider":"ketch","deniedConsentIds":["c","d"]}`, false},
		{"old lists: of other providers", legacy, `{"provider":"custom","deniedConsentIds":["a","b","c","d"]}`, true},
		{"ketch: one purpose is left", ketch, `{"deniedConsentIds":["c"]}`, true},
		{"ketch: none is left", ketch, `{"deniedConsentIds":["d","c"]}`, false},
		{"ketch: not for oneTrust", ketch, `{"provider":"oneTrust","deniedConsentIds":["d","c"]}`, true},
		{"a rule comes before the lists", both, `{"provider":"oneTrust","deniedConsentIds":["x"]}`, true},
		{"lists where there is no rule", both, `{"provider":"","deniedConsentIds":["x"]}`, false},
		{"no object", rules, `["a","b"]`, true},
		{"no list", rules, `{"provider":"oneTrust","deniedConsentIds":"a"}`, true},
		{"what is no text is passed over", rules, `{"provider":"oneTrust","deniedConsentIds":[1,null,"a"]}`, false},
		{"no text for a provider", legacy, `{"provider":7,"deniedConsentIds":["a"]}`, false},
	} {
		got := check(t, filter.Settings{Consent: test.consent}, with(`,"context":{"consentManagement":`+test.said+`}`))
		if (got == "") != test.passes || got != "" && got != filter.ReasonConsent {
			t.Errorf("%s: %q, passes should be %v", test.name, got, test.passes)
		}
	}
}

func TestTypesAndNames(t *testing.T) {
	types := filter.Settings{Types: []string{"identify", "track"}}
	allow := filter.Settings{Allow: []string{" Bought ", "Viewed Cart Page", "Docs", ""}}
	deny := filter.Settings{Deny: []string{"Bought", "Viewed \"Cart\" Page", "Home"}}
	asPage := filter.Settings{ScreenAsPage: true, Types: []string{"page"}, Deny: []string{"Login"}}
	const (
		identify = `{"type":"identify","userId":"u1"}`
		group    = `{"type":"group","userId":"u1","groupId":"g"}`
	)
	page := func(members string) string { return `{"type":"page","userId":"u1"` + members + `}` }
	for _, test := range []struct {
		name, event string
		settings    filter.Settings
		want        string
	}{
		{"a type that is wanted", with(""), types, ""},
		{"in another case", `{"type":"IDENTIFY","userId":"u1"}`, types, ""},
		{"one that is not", group, types, filter.ReasonMessageType},
		{"no type", `{"userId":"u1"}`, types, mapping.ReasonUnsupportedType},
		{"no types", identify, filter.Settings{Types: []string{}}, filter.ReasonMessageType},
		{"an event that is allowed", with(""), allow, ""},
		{"with space", `{"type":"track","userId":"u1","event":" Bought  "}`, allow, ""},
		{"one that is not allowed", `{"type":"track","userId":"u1","event":"bought"}`, allow, filter.ReasonEventNotAllowed},
		{"without a name", `{"type":"track","userId":"u1","event":7}`, allow, filter.ReasonEventNotAllowed},
		{"a page by its name at Refiner", page(`,"category":"Cart"`), allow, ""},
		{"a page by its own name", page(`,"category":"Help","name":"Docs"`), allow, ""},
		{"another page", page(`,"category":"Help"`), allow, filter.ReasonEventNotAllowed},
		{"other types have no name", identify, allow, ""},
		{"an event that is denied", with(""), deny, filter.ReasonEventDenied},
		{"one that is not denied", `{"type":"track","userId":"u1","event":"Sold"}`, deny, ""},
		{"denied, and without a name", `{"type":"track","userId":"u1","event":""}`, deny, "rejected " + mapping.ReasonNoEventName},
		{"a denied page, with escapes", page(`,"name":"\"\u0043art\""`), deny, filter.ReasonEventDenied},
		{"a denied page by its own name", page(`,"name":"Home"`), deny, filter.ReasonEventDenied},
		{"a page that is not denied", page(""), deny, ""},
		{"group calls have no name", group, deny, ""},
		{"a screen", `{"type":"screen","userId":"u1","name":"Menu"}`, asPage, ""},
		{"a denied screen", `{"type":"Screen","userId":"u1","name":"Login"}`, asPage, filter.ReasonEventDenied},
		{"a screen is no page", `{"type":"screen","userId":"u1","name":"Menu"}`, filter.Settings{}, mapping.ReasonUnsupportedType},
		{"a disabled destination", with(""), filter.Settings{Disabled: true}, filter.ReasonDisabled},
	} {
		if got := check(t, test.settings, test.event); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestScreenIsMappedAsPage(t *testing.T) {
	e, err := event.Parse([]byte(`{"type":"screen","userId":"u1","category":"Shop","name":"Cart"}`), event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	call, err := filter.New(filter.Settings{ScreenAsPage: true}).Before(m).Map(e)
	if want := `{"id":"u1","event":"Viewed Shop Cart Page"}`; err != nil || string(call.Body) != want {
		t.Errorf("%s, %v, want %s", call.Body, err, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	e, err := event.Parse([]byte(with(`,"integrations":{"All":true},"context":{"consentManagement":{"provider":"custom","deniedConsentIds":["x"]}}`)), event.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	f := filter.New(filter.Settings{
		Integration: "Refiner", Allow: []string{"Bought"},
		Consent: filter.Consent{Rules: []filter.ConsentRule{{Provider: "custom", IDs: []string{"a"}}}},
	})
	b.ReportAllocs()
	for b.Loop() {
		if f.Addressed(e) != nil || f.Wanted(e) != nil {
			b.Fatal("filtered")
		}
	}
}

package playground

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/event"
	"tanker/internal/filter"
	"tanker/internal/script"
	"tanker/mapping"
)

// fakeScript makes given events of every event.
type fakeScript struct {
	events []string
	err    error
}

func (s *fakeScript) Transform(context.Context, script.Input) (script.Output, error) {
	out := script.Output{Log: []string{"logged"}}
	for _, text := range s.events {
		e, err := event.Parse([]byte(text), event.Limits{})
		if err != nil {
			panic(err)
		}
		out.Events = append(out.Events, e)
	}
	return out, s.err
}

// steps writes the steps of a result in short: the verdict's first letter before each name, the event and the reason behind.
func steps(r Result) string {
	var all []string
	for _, s := range r.Steps {
		text := map[Verdict]string{Passed: "+", Skipped: "o", Stopped: "-"}[s.Verdict] + string(s.Name)
		if s.Event > 0 {
			text += fmt.Sprint("#", s.Event)
		}
		if s.Reason != "" {
			text += ":" + s.Reason
		}
		if s.Setting != "" && s.Verdict == Stopped {
			text += "@" + s.Setting
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

const track = `{"type":"track","userId":"u1","event":"Bought"}`

func TestTry(t *testing.T) {
	rules := filter.Settings{
		Integration: "Refiner", Types: []string{"identify", "track", "page"}, Deny: []string{"Secret"}, ScreenAsPage: true,
		Consent: filter.Consent{OneTrust: []string{"C1"}},
	}
	made := func(events ...string) *fakeScript { return &fakeScript{events: events} }
	for _, test := range []struct {
		name   string
		event  string
		script *fakeScript
		change func(*Request)
		want   string // outcome and reason
		steps  string
	}{
		{"a call", track, nil, nil, "called ", "+read +addressed +wanted +mapping"},
		{"no event", `[1]`, nil, nil, "rejected malformed", "-read"},
		{"not meant", `{"type":"track","userId":"u1","event":"a","integrations":{"All":false}}`, nil, nil, "filtered integrations", "+read -addressed:integrations@filter.integration"},
		{"no consent", `{"type":"track","userId":"u1","event":"a","context":{"consentManagement":{"deniedConsentIds":["C1"]}}}`, nil, nil, "filtered consent", "+read -addressed:consent@filter.consent"},
		{"not wanted", `{"type":"group","userId":"u1","groupId":"g"}`, nil, nil, "filtered message_type", "+read +addressed -wanted:message_type@filter.message_types"},
		{"denied", `{"type":"track","userId":"u1","event":"Secret"}`, nil, nil, "filtered event_denied", "+read +addressed -wanted:event_denied@filter.deny_events"},
		{"denied, and let through", `{"type":"track","userId":"u1","event":"Secret","integrations":{"All":false}}`, nil, func(r *Request) { r.NoFilter = true }, "called ", "+read oaddressed owanted +mapping"},
		{"nobody's", `{"type":"track","anonymousId":"a","event":"a"}`, nil, nil, "rejected no_identity", "+read +addressed +wanted -mapping:no_identity@profile"},
		{"a screen", `{"type":"screen","userId":"u1","name":"Menu"}`, nil, nil, "called ", "+read +addressed +wanted +mapping"},
		{"the path says the type", `{"userId":"u1","event":"a"}`, nil, func(r *Request) { r.Envelope.Type = "track" }, "called ", "+read +addressed +wanted +mapping"},
		{"a type that is none", `{"type":"alias","userId":"u1"}`, nil, func(r *Request) { r.NoFilter = true }, "filtered unsupported_type", "+read oaddressed owanted -mapping:unsupported_type@profile"},
		{"transformed", `{"type":"identify","userId":"u1"}`, made(track), nil, "called ", "+read +addressed +transformation +wanted +mapping"},
		{"left out", track, made(), nil, "filtered transformation", "+read +addressed -transformation:transformation@transformation"},
		{"not transformed", track, made(), func(r *Request) { r.NoTransformation = true }, "called ", "+read +addressed otransformation +wanted +mapping"},
		{
			"several", track, made(track, `{"type":"track","userId":"u1","event":"Secret"}`, track), nil, "called ",
			"+read +addressed +transformation +wanted#1 +mapping#1 -wanted#2:event_denied@filter.deny_events +wanted#3 +mapping#3",
		},
		{"of two users", track, made(track, `{"type":"track","userId":"u2","event":"a"}`), nil, "rejected transformation_error", "+read +addressed +transformation +wanted#1 +mapping#1 +wanted#2 +mapping#2"},
		{"failed", track, &fakeScript{err: &script.Failure{Message: "mask.js:3: no"}}, nil, "rejected transformation_error", "+read +addressed -transformation:transformation_error@transformation"},
		{"not run", track, &fakeScript{err: context.Canceled}, nil, " ", "+read +addressed -transformation@transformation"},
		{"no such profile", track, nil, func(r *Request) { r.Profile = "x" }, " ", "+read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Destination{Name: "d", Filter: rules}
			if test.script != nil {
				d.Script = test.script
			}
			r := Request{Event: []byte(test.event), Envelope: event.Envelope{ReceivedAt: time.Now()}, Source: "s"}
			if test.change != nil {
				test.change(&r)
			}
			got := Try(t.Context(), d, r)
			if is := string(got.Outcome) + " " + got.Reason; is != test.want || steps(got) != test.steps {
				t.Errorf("%s by %s\nwant %s by %s", is, steps(got), test.want, test.steps)
			}
			if got.Message == "" && got.Outcome != Called || len(got.Calls) == 0 && got.Outcome == Called {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTryBounds(t *testing.T) {
	long := Request{Event: []byte(`{"type":"identify","userId":"` + strings.Repeat("u", MaxEvent) + `"}`)}
	if got := Try(t.Context(), Destination{}, long); got.Outcome != Rejected || len(got.Message) > 500 {
		t.Errorf("%+v", got)
	}
	gone := Destination{Suppresses: func(e *event.Event) bool { return e.UserKey() == "u1" }}
	if got := Try(t.Context(), gone, Request{Event: []byte(track)}); got.Outcome != Filtered || got.Reason != "suppressed" || steps(got) != "+read -suppression:suppressed" {
		t.Errorf("%+v", got)
	}
	deep := Request{Event: []byte(`{"a":[[[[1]]]]}`), Limits: event.Limits{MaxDepth: 3}}
	if got := Try(t.Context(), Destination{}, deep); got.Outcome != Rejected || !strings.Contains(got.Message, "nest") {
		t.Errorf("%+v", got)
	}
	lines := Request{Event: []byte("{\n  \"a\": 1,\n  \"é\": x\n}")}
	if got := Try(t.Context(), Destination{}, lines); !strings.HasPrefix(got.Message, "line 3, column 8: ") {
		t.Errorf("%+v", got)
	}
	about := Request{Event: []byte(`{"type":"identify","userId":"` + strings.Repeat("u", 1000) + `"}`)}
	if got := Try(t.Context(), Destination{}, about); len(got.Steps[0].Message) > 300 {
		t.Errorf("%d characters about the event", len(got.Steps[0].Message))
	}
}

// What the playground says is what the destination does.
func TestTryIsWhatDeliveryDoes(t *testing.T) {
	words := []string{"identify", "track", "page", "group", "screen", "alias", "", "Bought"}
	rapid.Check(t, func(t *rapid.T) {
		word := func(label string) string { return rapid.SampledFrom(words).Draw(t, label) }
		rules := filter.Settings{
			Disabled: rapid.IntRange(0, 9).Draw(t, "disabled") == 0, Integration: rapid.SampledFrom([]string{"", "Refiner"}).Draw(t, "integration"),
			ScreenAsPage: rapid.Bool().Draw(t, "screens"),
		}
		if rapid.Bool().Draw(t, "some types") {
			rules.Types = []string{word("type 1"), word("type 2")}
		}
		if rapid.Bool().Draw(t, "some names") {
			rules.Allow, rules.Deny = []string{word("allowed")}, []string{word("denied")}
		}
		profile := rapid.SampledFrom([]mapping.Profile{mapping.Documented, mapping.Upstream}).Draw(t, "profile")
		text := fmt.Sprintf(`{"type":%q,"userId":%q,"event":%q,"name":%q,"groupId":"g","integrations":{"All":%v},"traits":{"a":1}}`,
			word("type"), rapid.SampledFrom([]string{"", "u1"}).Draw(t, "user"), word("event"), word("name"), rapid.Bool().Draw(t, "all"))

		got := Try(t.Context(), Destination{Filter: rules, Mapping: mapping.Settings{Profile: profile}}, Request{Event: []byte(text)})
		m, err := mapping.New(mapping.Settings{Profile: profile})
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Parse([]byte(text), event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		call, err := filter.New(rules).Before(m).Map(e)
		refusal, refused := errors.AsType[*mapping.Refusal](err)
		switch {
		case refused && (got.Reason != refusal.Reason || string(got.Outcome) != refusal.Outcome || got.Message != refusal.Message):
			t.Fatalf("%s: %+v, delivery says %v", text, got, err)
		case !refused && (got.Outcome != Called || cmp.Diff([]mapping.Call{call}, got.Calls) != ""):
			t.Fatalf("%s: %+v, delivery says %s", text, got, call.Body)
		}
		last := got.Steps[len(got.Steps)-1]
		if refused != (last.Verdict == Stopped) || last.Reason != got.Reason {
			t.Fatalf("%s: the last step is %+v", text, last)
		}
	})
}

func FuzzTry(f *testing.F) {
	f.Add([]byte(track), true)
	f.Add([]byte(`{"type":"page","userId":"u1","name":"<script>"}`), false)
	f.Add([]byte(`{`), false)
	f.Fuzz(func(t *testing.T, text []byte, upstream bool) {
		r := Request{Event: text}
		if upstream {
			r.Profile = mapping.Upstream
		}
		got := Try(t.Context(), Destination{}, r)
		if got.Outcome == "" || (got.Outcome == Called) != (len(got.Calls) == 1) || len(got.Steps) == 0 {
			t.Errorf("%s: %+v", text, got)
		}
	})
}

package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"tanker/event"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, r := range recordings(f) {
		f.Add([]byte(r.Message))
	}
	for _, name := range []string{"identify", "track", "page", "group"} {
		data, err := os.ReadFile("testdata/samples/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		message, _, _ := bytes.Cut(data, []byte("\n"))
		f.Add(message)
	}
	f.Add([]byte(`{"type":"identify","userId":"u","traits":{"api_key":1,"id[]":2,"a":1.0,"b":null},"context":{"traits":{"a":2}}}`))
	f.Add([]byte(`{"type":"group","userId":"u","traits":{"id":1,"i\u0064":2,"id][":3}}`))
}

// fuzzed parses a message and maps it. What is refused must be refused properly.
func fuzzed(t *testing.T, m *Mapper, data []byte) (*event.Event, Call, bool) {
	t.Helper()
	e, err := event.Parse(data, event.Limits{})
	if err != nil {
		return nil, Call{}, false
	}
	call, err := m.Map(e)
	var refusal *Refusal
	switch {
	case err == nil:
		return e, call, true
	case !errors.As(err, &refusal) || refusal.Reason == "" || refusal.Message == "" || refusal.Outcome != Rejected && refusal.Outcome != Filtered:
		t.Fatalf("Map(%q): %#v", data, err)
	}
	return nil, Call{}, false
}

func FuzzDocumented(f *testing.F) {
	seeds(f)
	plain, err := New(Settings{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, call, ok := fuzzed(t, plain, data); ok {
			checkDocumented(t, e, call)
		}
	})
}

// checkDocumented checks what holds for every call of the Documented profile.
func checkDocumented(tb testing.TB, e *event.Event, call Call) {
	tb.Helper()
	body, err := event.Parse(call.Body, event.Limits{})
	if err != nil {
		tb.Fatalf("body %q: %v", call.Body, err)
	}
	if !bytes.Equal(body.Get("id").Raw(), e.UserID().Raw()) || !bytes.Equal(body.Get("email").Raw(), e.Email().Raw()) {
		tb.Fatalf("body %q is not about id %q, email %q", call.Body, e.UserID().Raw(), e.Email().Raw())
	}
	if call.UserID != e.UserID().Text() || call.Email != e.Email().Text() || call.UserKey() != e.UserKey() {
		tb.Fatalf("call is about %q, %q", call.UserID, call.Email)
	}
	var names map[string]json.RawMessage
	if err := json.Unmarshal(call.Body, &names); err != nil {
		tb.Fatal(err)
	}
	count := 0
	for name, value := range body.Get().Members() {
		count++
		if read := asFormField(name); read != name && read != "" {
			tb.Fatalf("a form's reader takes %q for %q in %q", name, read, call.Body)
		}
		switch name {
		case "id", "email":
		case "api_key":
			tb.Fatalf("api_key in %q", call.Body)
		default:
			checkMember(tb, e, call, name, value)
		}
	}
	if count != len(names) {
		tb.Fatalf("a name occurs twice in %q", call.Body)
	}
}

// checkMember checks a member beside id and email: it comes from where it has to, byte for byte.
func checkMember(tb testing.TB, e *event.Event, call Call, name string, value event.Value) {
	tb.Helper()
	var want event.Value
	switch e.Type() {
	case "identify":
		if want = e.ContextTraits().Get(name); !want.Exists() {
			want = e.Traits().Get(name)
		}
	case "track":
		want = e.EventName()
	case "group":
		for part, v := range value.Members() {
			if from := e.Traits().Get(part); part != "id" && !bytes.Equal(v.Raw(), from.Raw()) {
				tb.Fatalf("account's %q is %q, want %q", part, v.Raw(), from.Raw())
			}
		}
		want = value
	case "page":
		want = value
		if text := value.Text(); text != "pageView" && (!strings.HasPrefix(text, "Viewed ") || !strings.HasSuffix(text, " Page")) {
			tb.Fatalf("a page is called %q", text)
		}
	}
	if !bytes.Equal(value.Raw(), want.Raw()) || value.IsNull() {
		tb.Fatalf("%q is %q, want %q, in %q", name, value.Raw(), want.Raw(), call.Body)
	}
}

// asFormField is the parameter that a PHP server takes a form field for, if that is one that matters, else "".
func asFormField(name string) string {
	name, _, _ = strings.Cut(name, "\x00")
	name = strings.TrimLeft(name, " ")
	base, _, _ := strings.Cut(name, "[")
	base = strings.NewReplacer(" ", "_", ".", "_").Replace(base)
	switch base {
	case "id", "email", "api_key", "account":
		return base
	}
	return ""
}

func FuzzUpstream(f *testing.F) {
	seeds(f)
	m, err := New(Settings{Profile: Upstream, UserAttributes: []Rename{{"a", "b"}, {"5", "__proto__"}}, AccountAttributes: []Rename{{"name", "x"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, call, ok := fuzzed(t, m, data)
		if !ok {
			return
		}
		body, err := event.Parse(call.Body, event.Limits{MaxBytes: 10 * len(call.Body)})
		if err != nil || !call.Form {
			t.Fatalf("body %q: %v", call.Body, err)
		}
		if again := appendJS(nil, body.Raw()); !bytes.Equal(again, call.Body) {
			t.Fatalf("JavaScript would write\n%q, not\n%q", again, call.Body)
		}
	})
}

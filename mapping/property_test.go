package mapping

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tanker/event"
)

// rawValue draws JSON that is easily damaged by decoding and encoding it again.
func rawValue() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`-?[1-9][0-9]{17,24}`),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})\.[0-9]{0,3}0`),
		rapid.StringMatching(`[1-9]([eE][+-]?[0-9]{1,2})?`),
		rapid.StringMatching(`"([a-z<>&/]|\\u00[0-9a-fA-F]{2}|\\ud83d\\ude0[0-9]|\\u2028|\\/|\\n|ü|😀){0,6}"`),
		rapid.SampledFrom([]string{`true`, `false`, `""`, `"\ud800"`, `[ ]`, `{ }`, `[1.0 , null]`, `{"b":null,"a" : 1.50,"a":2}`}),
	)
}

func TestValuesPassUnchanged(t *testing.T) {
	m := newMapper(t, Settings{})
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`t_[a-z]{1,8}`), rapid.ID).Draw(t, "names")
		traits := make([]string, len(names))
		for i, name := range names {
			traits[i] = `"` + name + `":` + rawValue().Draw(t, name)
		}
		list := strings.Join(traits, ",")
		for _, test := range []struct{ message, want string }{
			{`{"type":"identify","userId":"u","traits":{` + list + `}}`, `{"id":"u",` + list},
			{`{"type":"identify","userId":"u","context":{"traits":{` + list + `}}}`, `{"id":"u",` + list},
			{`{"type":"group","userId":"u","groupId":"g","traits":{` + list + `}}`, `{"id":"u","account":{"id":"g",` + list + `}`},
		} {
			e, err := event.Parse([]byte(test.message), event.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", test.message, err)
			}
			call, err := m.Map(e)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(test.want+"}", ",}", "}")
			if string(call.Body) != want {
				t.Fatalf("%s\ngot  %s\nwant %s", test.message, call.Body, want)
			}
		}
	})
}

// TestNoTraitIsTakenForSomethingElse tries names put together from what a form's reader stumbles over.
func TestNoTraitIsTakenForSomethingElse(t *testing.T) {
	parts := rapid.SampledFrom([]string{"id", "email", "api_key", "apiKey", "API", "KEY", "account", "api", "key", " ", "_", ".", "-", "[", "]", "[]", `\u0000`, `\u0069d`, `\t`, "x"})
	m := newMapper(t, Settings{UserAttributes: []Rename{{"x", "id[]"}, {"xx", " api key"}}})
	rapid.Check(t, func(t *rapid.T) {
		var traits []string
		for range rapid.IntRange(1, 6).Draw(t, "traits") {
			name := strings.Join(rapid.SliceOfN(parts, 1, 5).Draw(t, "name"), "")
			traits = append(traits, `"`+name+`":"evil"`)
		}
		list := strings.Join(traits, ",")
		for _, kind := range []string{"identify", "group"} {
			message := `{"type":"` + kind + `","userId":"u","groupId":"g","properties":{"email":"e"},"traits":{` + list + `}}`
			e, err := event.Parse([]byte(message), event.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			call, err := m.Map(e)
			if err != nil {
				t.Fatal(err)
			}
			body, err := event.Parse(call.Body, event.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range body.Get().Members() {
				if name == "email" && bytes.Equal(value.Raw(), e.Email().Raw()) {
					continue
				}
				if read := asFormField(name); read != "" && (read != name || name != "account" && value.Is("evil")) {
					t.Fatalf("%q is taken for %q in %s", name, read, call.Body)
				}
			}
			for name, value := range body.Get("account").Members() {
				if base, _, _ := strings.Cut(strings.ReplaceAll(name, "]", "["), "["); base == "id" && !value.Is("g") {
					t.Fatalf("%q is taken for the account's id in %s", name, call.Body)
				}
			}
		}
	})
}

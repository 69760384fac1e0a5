package mapping

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRenames(t *testing.T) {
	const identify = `{"type":"identify","userId":"u","traits":{"a":1,"b":2,"c":null,"d":0}}`
	const group = `{"type":"group","userId":"u","groupId":"g","traits":{"a":1,"email":"a@x"}}`
	tests := []struct {
		name          string
		user, account []Rename
		in, want      string
	}{
		{"a user's trait", []Rename{{"a", "x"}}, []Rename{{"b", "y"}}, identify, `{"id":"u","x":1,"b":2,"d":0}`},
		{"an account's trait", []Rename{{"a", "x"}}, []Rename{{"email", "billing"}}, group, `{"id":"u","account":{"id":"g","a":1,"billing":"a@x"}}`},
		{"false values as well", []Rename{{"d", "x"}}, nil, identify, `{"id":"u","a":1,"b":2,"x":0}`},
		{"two change places", []Rename{{"a", "b"}, {"b", "a"}}, nil, identify, `{"id":"u","b":1,"a":2,"d":0}`},
		{"no trait twice", []Rename{{"a", "b"}, {"b", "e"}}, nil, identify, `{"id":"u","b":1,"e":2,"d":0}`},
		{"a name that is taken is taken over", []Rename{{"b", "a"}}, nil, identify, `{"id":"u","a":2,"d":0}`},
		{"a null takes nothing over", []Rename{{"c", "a"}}, nil, identify, `{"id":"u","a":1,"b":2,"d":0}`},
		{"of two for one name the later counts", []Rename{{"b", "x"}, {"a", "x"}}, nil, identify, `{"id":"u","x":1,"d":0}`},
		{"of two for one trait too", []Rename{{"a", "x"}, {"a", "y"}}, nil, identify, `{"id":"u","y":1,"b":2,"d":0}`},
		{"to itself", []Rename{{"a", "a"}}, nil, identify, `{"id":"u","a":1,"b":2,"d":0}`},
		{"a missing trait", []Rename{{"z", "a"}}, nil, identify, `{"id":"u","a":1,"b":2,"d":0}`},
		{"names count with case and spaces", []Rename{{"A", "x"}, {" b", "y"}}, nil, identify, `{"id":"u","a":1,"b":2,"d":0}`},
		{"an empty row of a form", []Rename{{"", ""}, {" ", "x"}}, nil, identify, `{"id":"u","a":1,"b":2,"d":0}`},
		{"a name that needs escapes", []Rename{{"a", "<\"ü\n>"}}, nil, identify, `{"id":"u","<\"ü\n>":1,"b":2,"d":0}`},
		{"a trait in escapes", []Rename{{"ab", "x"}}, nil, `{"type":"identify","userId":"u","traits":{"\u0061b":1}}`, `{"id":"u","x":1}`},
		{"leftovers of the identity can be kept", []Rename{{"id", "legacy_id"}, {"email", "work_email"}}, nil,
			`{"type":"identify","userId":"u","traits":{"id":"old","email":"e@x"}}`, `{"id":"u","email":"e@x","legacy_id":"old","work_email":"e@x"}`},
		{"api_key under a harmless name", []Rename{{"api_key", "widget"}}, nil,
			`{"type":"identify","userId":"u","traits":{"api_key":"k"}}`, `{"id":"u","widget":"k"}`},
		{"onto the account of an identify", []Rename{{"company", "account"}}, nil,
			`{"type":"identify","userId":"u","traits":{"company":{"id":"g"}}}`, `{"id":"u","account":{"id":"g"}}`},
		{"never onto the account's id", nil, []Rename{{"a", "id"}}, group, `{"id":"u","account":{"id":"g","email":"a@x"}}`},
		{"the account's id where no groupId is", nil, []Rename{{"number", "id"}},
			`{"type":"group","userId":"u","traits":{"number":5}}`, `{"id":"u","account":{"id":5}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMapper(t, Settings{UserAttributes: test.user, AccountAttributes: test.account})
			if got := mapped(t, m, test.in); got != identifyUser+test.want {
				t.Errorf("got  %s\nwant %s", got, identifyUser+test.want)
			}
		})
	}
}

func TestRenamesThatAreNotCarriedOut(t *testing.T) {
	for _, to := range []string{"", "null", "undefined", "id", "email", "api_key", "apiKey", "id[]", " email", "account[id]", "api_key[x]"} {
		m := newMapper(t, Settings{UserAttributes: []Rename{{"ok", "fine"}, {"a", to}}})
		if got, want := mapped(t, m, `{"type":"identify","userId":"u","traits":{"a":1,"ok":2}}`), identifyUser+`{"id":"u","a":1,"fine":2}`; got != want {
			t.Errorf("a to %q gives %s, want %s", to, got, want)
		}
		if w := m.Warnings(); len(w) != 1 || !strings.Contains(w[0], "rename 2 of the user attributes") {
			t.Errorf("warnings for %q: %q", to, w)
		}
	}
	for _, to := range []string{"", "id[]", "id]x"} {
		m := newMapper(t, Settings{AccountAttributes: []Rename{{"a", to}}})
		if got, want := mapped(t, m, `{"type":"group","userId":"u","traits":{"a":1}}`), identifyUser+`{"id":"u","account":{"a":1}}`; got != want {
			t.Errorf("a to %q gives %s, want %s", to, got, want)
		}
		if w := m.Warnings(); len(w) != 1 || !strings.Contains(w[0], "rename 1 of the account attributes") {
			t.Errorf("warnings for %q: %q", to, w)
		}
	}
	if w := newMapper(t, Settings{UserAttributes: []Rename{{"a", "b"}, {"", ""}}}).Warnings(); w != nil {
		t.Errorf("warnings without a reason: %q", w)
	}
}

func TestParseRudderConfig(t *testing.T) {
	tests := []struct {
		in   string
		want []Rename
	}{
		{`{"apiKey":"KEY","userAttributesMapping":[{"from":"a","to":"b"},{"from":"","to":""}]}`, []Rename{{"a", "b"}, {"", ""}}},
		{`{"userAttributesMapping":[{"from":5,"to":7},{"from":"a"},{"from":"b","to":null},{"to":"c"},"x",4,null,[]]}`,
			[]Rename{{"5", "7"}, {"a", "undefined"}, {"b", "null"}}},
		{`{"userAttributesMapping":{"from":"a","to":"b"}}`, nil},
		{`{"userAttributesMapping":null}`, nil},
		{`{}`, nil}, {`null`, nil}, {`[]`, nil}, {`"x"`, nil},
	}
	for _, test := range tests {
		s, err := ParseRudderConfig([]byte(test.in))
		if err != nil {
			t.Errorf("ParseRudderConfig(%s): %v", test.in, err)
		}
		if diff := cmp.Diff(test.want, s.UserAttributes); diff != "" || s.AccountAttributes != nil || s.Profile != "" {
			t.Errorf("ParseRudderConfig(%s): -want +got\n%s", test.in, diff)
		}
	}
	s, err := ParseRudderConfig([]byte(`{"accountAttributesMapping":[{"from":"a","to":"b"}]}`))
	if err != nil || len(s.AccountAttributes) != 1 || s.UserAttributes != nil {
		t.Errorf("account attributes: %+v, %v", s, err)
	}
	if _, err := ParseRudderConfig([]byte(`{"userAttributesMapping":`)); err == nil {
		t.Error("half a config is taken")
	}
}

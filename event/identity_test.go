package event

import (
	"regexp"
	"testing"
)

func TestRudderID(t *testing.T) {
	for _, test := range []struct{ user, anonymous, want string }{
		{"u1", "a1", "f81ebcce-dafc-4607-b906-29e68e64b35f"},
		{"", "a1", "b09c6e0b-7298-4c66-88e1-7af047315456"},
		{"u1", "", "5eff0fc3-0944-48fa-9c04-38f62e3890ca"},
	} {
		if got := RudderID(test.user, test.anonymous); got != test.want {
			t.Errorf("RudderID(%q, %q) = %s, want %s", test.user, test.anonymous, got, test.want)
		}
	}
}

func TestNewMessageID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		id := NewMessageID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("NewMessageID() = %s: no UUID of version 4, or a repeated one", id)
		}
		seen[id] = true
	}
}

func TestUserID(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"userId before all", `{"userId":"1","traits":{"userId":"2","id":"3"},"context":{"traits":{"userId":"4","id":"5"}}}`, `"1"`},
		{"then traits.userId", `{"traits":{"id":"3","userId":"2"},"context":{"traits":{"userId":"4","id":"5"}}}`, `"2"`},
		{"then traits.id", `{"traits":{"id":"3"},"context":{"traits":{"userId":"4","id":"5"}}}`, `"3"`},
		{"then context.traits.userId", `{"context":{"traits":{"id":"5","userId":"4"}}}`, `"4"`},
		{"then context.traits.id", `{"context":{"traits":{"id":"5"}}}`, `"5"`},
		{"never anonymousId", `{"anonymousId":"a"}`, ``},
		{"a group's traits are the group's", `{"type":"Group","traits":{"userId":"2","id":"3"},"context":{"traits":{"id":"5"}}}`, `"5"`},
		{"a group's userId", `{"type":"group","userId":"1"}`, `"1"`},
		{"null is passed over", `{"userId":null,"traits":{"id":"3"}}`, `"3"`},
		{"empty is passed over", `{"userId":"","traits":{"id":"3"}}`, `"3"`},
		{"blank is passed over", `{"userId":" \u200b\t","traits":{"id":"3"}}`, `"3"`},
		{"false is passed over", `{"userId":false,"traits":{"id":"3"}}`, `"3"`},
		{"zero is passed over", `{"userId":0.0e5,"traits":{"id":"3"}}`, `"3"`},
		{"an object is passed over", `{"userId":{"a":1},"traits":{"id":"3"}}`, `"3"`},
		{"an array is passed over", `{"userId":["u"],"traits":{"id":"3"}}`, `"3"`},
		{"a number as it came", `{"userId":12345678901234567890}`, `12345678901234567890`},
		{"a small number", `{"userId":0.01}`, `0.01`},
		{"true", `{"userId":true}`, `true`},
		{"space around it stays", `{"userId":" u "}`, `" u "`},
		{"a letter beyond ASCII", `{"userId":"ü"}`, `"ü"`},
		{"the word null", `{"userId":"null"}`, `"null"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(parse(t, test.in).UserID().Raw()); got != test.want {
				t.Errorf("UserID() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestEmail(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"traits first", `{"traits":{"email":"t"},"context":{"traits":{"email":"c"}},"properties":{"email":"p"}}`, `"t"`},
		{"then context.traits", `{"traits":{"email":""},"context":{"traits":{"email":"c"}},"properties":{"email":"p"}}`, `"c"`},
		{"then properties", `{"context":{"traits":{"email":" "}},"properties":{"email":"p"}}`, `"p"`},
		{"strings only", `{"traits":{"email":5},"context":{"traits":{"email":true}},"properties":{"email":["p"]}}`, ``},
		{"in a group context.traits only", `{"type":"group","traits":{"email":"t"},"context":{"traits":{"email":"c"}}}`, `"c"`},
		{"in a group never the others", `{"type":"group","traits":{"email":"t"},"properties":{"email":"p"}}`, ``},
		{"an externalId is no email", `{"context":{"externalId":[{"id":"x"}]}}`, ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(parse(t, test.in).Email().Raw()); got != test.want {
				t.Errorf("Email() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestUserKey(t *testing.T) {
	for in, want := range map[string]string{
		`{"userId":"u","traits":{"email":"e"},"anonymousId":"a"}`: "u",
		`{"userId":7}`: "7",
		`{"userId":"","traits":{"email":"e"},"anonymousId":"a"}`: "e",
		`{"traits":{"email":""},"anonymousId":" a "}`:            "a",
		`{"anonymousId":5}`: "5",
		`{}`:                "",
	} {
		if got := parse(t, in).UserKey(); got != want {
			t.Errorf("UserKey of %s = %q, want %q", in, got, want)
		}
	}
}

func TestCleaning(t *testing.T) {
	for in, want := range map[string]string{
		`"m1"`:                               "m1",
		`"  m 1  "`:                          "m 1",
		`"\tm\n1\u0000"`:                     "m1",
		`"m\u00a0\u00ad\u200b\ufeff\u30001"`: "m1",
		`"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"`: "",
		`"\u200b \u200b"`: "",
		`"ü"`:             "ü",
		`""`:              "",
	} {
		e := parse(t, `{"messageId":`+in+`,"userId":`+in+`,"anonymousId":`+in+`}`)
		if e.MessageID() != want || e.UserIDField() != want || e.AnonymousID() != want {
			t.Errorf("%s is cleaned to %q, %q and %q, want %q", in, e.MessageID(), e.UserIDField(), e.AnonymousID(), want)
		}
		if got := string(e.Get("messageId").Raw()); got != in {
			t.Errorf("cleaning changed the event: %s", got)
		}
	}
}

func TestIDsAsTheGatewayReadsThem(t *testing.T) {
	for in, want := range map[string]string{
		`0`: "0", `false`: "false", `{"a":1}`: `{"a":1}`, `[1]`: "[1]", `null`: "", `1.0`: "1.0",
	} {
		e := parse(t, `{"userId":`+in+`,"anonymousId":`+in+`,"messageId":`+in+`}`)
		if e.UserIDField() != want || e.AnonymousID() != want {
			t.Errorf("%s is read as %q and %q, want %q", in, e.UserIDField(), e.AnonymousID(), want)
		}
		if e.MessageID() != "" {
			t.Errorf("messageId %s is read as %q: only strings count", in, e.MessageID())
		}
		if e.Identified() != (want != "") {
			t.Errorf("Identified() with %s = %t", in, e.Identified())
		}
	}
}

func TestIdentified(t *testing.T) {
	for in, want := range map[string]bool{
		`{"userId":"u"}`:                        true,
		`{"anonymousId":"a"}`:                   true,
		`{"userId":" ","anonymousId":"\u200b"}`: false,
		`{"traits":{"id":"u"}}`:                 false,
		`{"type":"Record"}`:                     true,
		`{"type":"extract"}`:                    true,
		`{"type":"track"}`:                      false,
		`{}`:                                    false,
	} {
		if got := parse(t, in).Identified(); got != want {
			t.Errorf("Identified of %s = %t, want %t", in, got, want)
		}
	}
}

package event

import "testing"

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

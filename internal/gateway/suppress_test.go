package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"tanker/event"
	"tanker/internal/gateway"
)

// TestSuppressed sends events of users who are suppressed: they are answered like any others, and dropped.
func TestSuppressed(t *testing.T) {
	var counts countingMetrics
	var asked []string
	s := start(t, gateway.Options{Metrics: &counts, Suppresses: func(e *event.Event) bool {
		asked = append(asked, e.Type())
		return e.UserKey() == "gone"
	}}, gateway.ServerOptions{})
	for _, tc := range []struct {
		path, body string
		stored     []string
	}{
		{"/v1/track", `{"userId":"gone"}`, nil},
		{"/v1/batch", `{"batch":[{"userId":"gone"},{"userId":"u1"},{"userId":"gone"}]}`, []string{`{"userId":"u1"}`}},
		{"/v1/batch", `{"batch":[{"userId":"gone"}]}`, nil},
		{"/v1/import", `{"batch":[{"userId":"u2"},{"userId":"gone"}]}`, []string{`{"userId":"u2"}`}},
	} {
		if a := s.post(tc.path, tc.body); a.status != 200 || a.body != "ok" {
			t.Errorf("%s %s: %d %q", tc.path, tc.body, a.status, a.body)
		}
		var stored []string
		for _, e := range s.log.take() {
			stored = append(stored, string(e.Body))
		}
		if !slices.Equal(stored, tc.stored) {
			t.Errorf("%s: stored %q, want %q", tc.body, stored, tc.stored)
		}
	}
	if asked[0] != "track" {
		t.Errorf("it was asked about an event of the type %q", asked[0])
	}
	lines := strings.Join(counts.take(), "\n")
	if strings.Count(lines, "suppressed") != 4 || !strings.Contains(lines, " 2 suppressed") {
		t.Errorf("counted\n%s", lines)
	}
}

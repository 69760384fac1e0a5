package mapping

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentation carries out the examples of docs/mapping.md: an event, and in the next line an arrow and what
// comes of it. Those in a block marked upstream are by that profile; in one marked merge there are two events, and the call
// that is made of both.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	count, merges := 0, 0
	profile, merge := Documented, false
	var before, event string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		want, isResult := strings.CutPrefix(line, "→ ")
		switch {
		case line == "```upstream":
			profile = Upstream
		case line == "```merge":
			merge = true
		case line == "```":
			profile, merge = Documented, false
		case strings.HasPrefix(line, "{"):
			before, event = event, line
		case isResult && merge:
			merges++
			if got := mergedOf(t, before, event); got != want {
				t.Errorf("%s\n%s\ngive %s\nthe documentation says %s", before, event, got, want)
			}
		case isResult:
			count++
			if got := mapped(t, newMapper(t, Settings{Profile: profile}), event); got != want {
				t.Errorf("%s\ngives %s\nthe documentation says %s", event, got, want)
			}
		}
	}
	if count < 10 || merges < 3 {
		t.Errorf("only %d examples found, %d of them of two calls", count+merges, merges)
	}
}

// mergedOf is the call that is made of two events.
func mergedOf(t *testing.T, first, second string) string {
	t.Helper()
	m := newMapper(t, Settings{})
	a, errA := m.Map(parse(t, first))
	b, errB := m.Map(parse(t, second))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	call, ok := Merge(a, b)
	if !ok {
		return "two calls"
	}
	return call.Method + " " + call.Path + " " + string(call.Body)
}

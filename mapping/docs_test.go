package mapping

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentation carries out the examples of docs/mapping.md: an event, and in the next line an arrow and what
// comes of it. Those in a block marked upstream are by that profile.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	profile, event := Documented, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		want, isResult := strings.CutPrefix(line, "→ ")
		switch {
		case line == "```upstream":
			profile = Upstream
		case line == "```":
			profile = Documented
		case strings.HasPrefix(line, "{"):
			event = line
		case isResult:
			count++
			if got := mapped(t, newMapper(t, Settings{Profile: profile}), event); got != want {
				t.Errorf("%s\ngives %s\nthe documentation says %s", event, got, want)
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d examples found", count)
	}
}

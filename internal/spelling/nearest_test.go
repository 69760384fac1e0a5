package spelling_test

import (
	"testing"

	"tanker/internal/spelling"
)

func TestNearest(t *testing.T) {
	known := []string{"serve", "status", "sandbox", "demo", "dead"}
	for word, want := range map[string]string{
		"serv":    "serve",
		"Serve":   "serve",
		"sevre":   "serve",
		"statsu":  "status",
		"sandbx":  "sandbox",
		"dea":     "dead",
		"xyz":     "",
		"":        "",
		"destroy": "",
	} {
		if got := spelling.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

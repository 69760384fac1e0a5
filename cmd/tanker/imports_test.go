package main

import (
	"os/exec"
	"strings"
	"testing"
)

// deps are the packages that a package and those it imports need, without its tests.
func deps(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pattern).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}

func TestThePublicPackagesStandAlone(t *testing.T) {
	for _, pattern := range []string{"tanker/event", "tanker/mapping", "tanker/refiner", "tanker/refiner/refinertest"} {
		for _, dep := range deps(t, pattern) {
			switch {
			case strings.HasPrefix(dep, "tanker/internal/"), strings.HasPrefix(dep, "tanker/cmd/"):
				t.Errorf("%s needs %s: the public packages must not know the server", pattern, dep)
			case strings.HasPrefix(dep, "github.com/nats-io/"), strings.HasPrefix(dep, "github.com/prometheus/"):
				t.Errorf("%s needs %s: that is too much to ask of those who use it as a library", pattern, dep)
			}
		}
	}
}

func TestTheProgramIsFreeOfTestTools(t *testing.T) {
	for _, dep := range deps(t, "tanker/cmd/tanker") {
		switch dep {
		case "testing", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/google/go-cmp/cmp", "tanker/internal/tankertest", "tanker/internal/natstest", "tanker/internal/trials", "tanker/internal/journal/journaltest":
			t.Errorf("the program contains %s", dep)
		}
	}
}

func TestTheMappingDoesNoIO(t *testing.T) {
	for _, pattern := range []string{"tanker/event", "tanker/mapping"} {
		for _, dep := range deps(t, pattern) {
			if dep == "net" || dep == "net/http" || dep == "os/exec" {
				t.Errorf("%s needs %s", pattern, dep)
			}
		}
	}
}

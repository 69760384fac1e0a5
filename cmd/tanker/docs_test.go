package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/config"
)

// page reads a page of the documentation.
func page(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// block is the first block of code of a language on a page.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n```"+language+"\n")
	code, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatalf("no block of %s", language)
	}
	return code
}

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, path := range append(pages, "../../README.md") {
		for _, m := range link.FindAllStringSubmatch(page(t, strings.TrimPrefix(path, "../../")), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
	}
}

func TestReadmeListsTheCommands(t *testing.T) {
	var listed, known []string
	for _, m := range regexp.MustCompile("(?m)^\\| `tanker ([a-z]+)").FindAllStringSubmatch(page(t, "README.md"), -1) {
		listed = append(listed, m[1])
	}
	for _, name := range commandNames() {
		if name != "help" {
			known = append(known, name)
		}
	}
	slices.Sort(listed)
	slices.Sort(known)
	if diff := cmp.Diff(known, listed); diff != "" {
		t.Errorf("(-there are +the README lists):\n%s", diff)
	}
}

func TestPagesNameCommandsThatExist(t *testing.T) {
	for _, path := range []string{"README.md", "docs/operations.md", "docs/mapping.md", "docs/transformations.md", "docs/transformer.md"} {
		for _, m := range regexp.MustCompile(`(?m)^ {4}(?:\./)?tanker ([a-z]+)`).FindAllStringSubmatch(page(t, path), -1) {
			if !slices.Contains(commandNames(), m[1]) {
				t.Errorf("%s shows tanker %s, which does not exist", path, m[1])
			}
		}
	}
}

func TestConfigurationInTheReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tanker.yaml")
	if err := os.WriteFile(path, []byte(block(t, page(t, "README.md"), "yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadWithoutSecrets(path); err != nil {
		t.Error(err)
	}
}

func TestVariablesAreDocumented(t *testing.T) {
	variable := regexp.MustCompile(`\b(?:TANKER|REFINER)_[A-Z_]+\b`)
	source, err := os.ReadFile("../../internal/config/environment.go")
	if err != nil {
		t.Fatal(err)
	}
	known := unique(variable.FindAllString(string(source), -1))
	for name, text := range map[string]string{"operations.md": page(t, "docs/operations.md"), "help serve": serveHelp} {
		if diff := cmp.Diff(known, unique(variable.FindAllString(text, -1))); diff != "" {
			t.Errorf("%s (-there are +it names):\n%s", name, diff)
		}
	}
}

func unique(words []string) []string {
	slices.Sort(words)
	return slices.Compact(words)
}

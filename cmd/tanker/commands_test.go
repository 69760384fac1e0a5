package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"help", "help"}} {
		got := tanker(t, args...)
		if got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, "Usage: tanker COMMAND") {
			t.Errorf("%v: %+v", args, got)
		}
		for _, c := range commands() {
			if !strings.Contains(got.stdout, "\n  "+c.name+" ") {
				t.Errorf("%v does not list %s", args, c.name)
			}
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands() {
		if c.name == "help" {
			continue
		}
		asked := tanker(t, "help", c.name)
		if asked.code != 0 || asked.stderr != "" || !strings.HasPrefix(asked.stdout, "Usage: tanker "+c.name) {
			t.Errorf("help %s: %+v", c.name, asked)
		}
		for _, flag := range []string{"-h", "--help"} {
			if got := tanker(t, c.name, flag); got != asked {
				t.Errorf("%s %s differs from help %s: %+v", c.name, flag, c.name, got)
			}
		}
		for i, line := range strings.Split(asked.stdout, "\n") {
			if len([]rune(line)) > 150 {
				t.Errorf("help %s: line %d is too long for a terminal: %s", c.name, i+1, line)
			}
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"srve":              "tanker: there is no command \"srve\"\nhint: did you mean: tanker serve\n",
		"xyzzy":             "tanker: there is no command \"xyzzy\"\nhint: tanker help lists the commands\n",
		"help srve":         "tanker: there is no command \"srve\"\nhint: did you mean: tanker serve\n",
		"serve now":         "tanker: serve: \"now\" is not expected here\nhint: see: tanker help serve\n",
		"serve --conf x":    "tanker: serve: there is no flag --conf\nhint: see: tanker help serve\n",
		"serve --config":    "tanker: serve: flag needs an argument: --config\nhint: see: tanker help serve\n",
		"status --json=x":   "tanker: status: invalid boolean value \"x\" for --json: parse error\nhint: see: tanker help status\n",
		"dead":              "tanker: dead: say what about them: groups, list, show, replay or discard\nhint: see: tanker help dead\n",
		"dead bury":         "tanker: dead: \"bury\" is not one of groups, list, show, replay, discard\nhint: see: tanker help dead\n",
		"dead list --since": "tanker: dead: flag needs an argument: --since\nhint: see: tanker help dead\n",
		"pause":             "tanker: pause: name one destination; tanker status shows them\nhint: see: tanker help pause\n",
		"resume a b":        "tanker: resume: name one destination; tanker status shows them\nhint: see: tanker help resume\n",
		"config":            "tanker: config: say what about it: tanker config example, or tanker config convert FILE\nhint: see: tanker help config\n",
		"version x":         "tanker: version: \"x\" is not expected here\nhint: see: tanker help version\n",
	} {
		got := tanker(t, strings.Fields(line)...)
		if got.code != 2 || got.stderr != want || got.stdout != "" {
			t.Errorf("tanker %s: code %d, stdout %q, stderr\n%s\nwant\n%s", line, got.code, got.stdout, got.stderr, want)
		}
	}
	if got := tanker(t); got.code != 0 || !strings.Contains(got.stdout, "First steps") {
		t.Errorf("without a word: %+v", got)
	}
}

func TestVersion(t *testing.T) {
	if got := tanker(t, "version"); got.code != 0 || !strings.HasPrefix(got.stdout, "tanker development (go1.") {
		t.Errorf("%+v", got)
	}
	var b build
	if err := json.Unmarshal([]byte(tanker(t, "--version", "--json").stdout), &b); err != nil || b.Version != "development" || b.System == "" {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestFlagsAndWordsInAnyOrder(t *testing.T) {
	for _, args := range [][]string{
		{"a", "--n", "1", "b"}, {"--n", "1", "a", "b"}, {"a", "b", "--n=1"}, {"--n", "1", "--", "a", "b"}, {"a", "--n", "1", "--", "b"},
	} {
		fs := newFlags("test")
		n := fs.Int("n", 0, "")
		words, err := parseFlags(fs, "", args, nil)
		if err != nil || *n != 1 || strings.Join(words, " ") != "a b" {
			t.Errorf("%v: words %v, n %d, %v", args, words, *n, err)
		}
	}
	words, err := parseFlags(newFlags("test"), "", []string{"a", "--", "--n", "--"}, nil)
	if err != nil || strings.Join(words, " ") != "a --n --" {
		t.Errorf("after --: %v, %v", words, err)
	}
}

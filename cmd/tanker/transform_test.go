package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	transformIn  = `{"type":"identify","userId":"u1","messageId":"m1","traits":{"age":5}}` + "\n"
	transformOut = `{"messageId":"m1","call":{"method":"POST","path":"/v1/identify-user","body":{"id":"u1","age":5}}}` + "\n"
	upstreamOut  = `{"messageId":"m1","call":{"method":"POST","path":"/v1/identify-user","body":{"age":5,"userId":"u1"}}}` + "\n"
	renamedOut   = `{"messageId":"m1","call":{"method":"POST","path":"/v1/identify-user","body":{"id":"u1","years":5}}}` + "\n"
)

// transformConfig has two destinations. None of the variables that it names is set.
const transformConfig = `
sources:
  - {name: web, write_key_env: NO_SUCH_WRITE_KEY}
destinations:
  - {name: plain, api_key_env: NO_SUCH_KEY_A, profile: upstream}
  - {name: renaming, api_key_env: NO_SUCH_KEY_B, user_attributes: [{from: age, to: years}, {from: x, to: api_key}]}
`

// transformFiles writes the files that the tests name on their command lines.
func transformFiles(t *testing.T) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"events":   transformIn,
		"config":   transformConfig,
		"settings": `{"userAttributesMapping":[{"from":"age","to":"years"}]}`,
		"half":     `{"userAttributesMapping":`,
		"large":    `{"x":"` + strings.Repeat("x", maxSettings) + `"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

func TestTransform(t *testing.T) {
	file := transformFiles(t)
	tests := []struct {
		name    string
		args    []string
		in, out string
		stderr  string // must occur in it
	}{
		{"standard input", nil, transformIn, transformOut, ""},
		{"a dash for it", []string{"-"}, transformIn, transformOut, ""},
		{"a file", []string{file("events")}, "", transformOut, ""},
		{"the upstream profile", []string{"--profile", "upstream"}, transformIn, upstreamOut, ""},
		{"a file before the flags", []string{file("events"), "--profile=upstream", "--strict"}, "", upstreamOut, ""},
		{"a RudderStack destination's settings", []string{"--settings", file("settings")}, transformIn, renamedOut, ""},
		{"a destination of the configuration", []string{"--config", file("config"), "--destination", "plain"}, transformIn, upstreamOut, ""},
		{"one with renames", []string{"--config", file("config"), "--destination", "renaming"}, transformIn, renamedOut, `warning: rename 2 of the user attributes, "x" to "api_key", is not carried out`},
		{"another profile than its own", []string{"--config", file("config"), "--destination", "plain", "--profile", "documented"}, transformIn, transformOut, ""},
		{"rejections without --strict", nil, "x\n", `{"messageId":null,"rejected":{"reason":"malformed","message":"line 1: invalid JSON: want a value at byte 0"}}` + "\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			err := run(context.Background(), append([]string{"transform"}, test.args...), strings.NewReader(test.in), &stdout, &stderr)
			if err != nil {
				t.Fatal(err)
			}
			if stdout.String() != test.out {
				t.Errorf("got  %s\nwant %s", stdout.String(), test.out)
			}
			if !strings.Contains(stderr.String(), test.stderr) || test.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stderr is %q, want %q", stderr.String(), test.stderr)
			}
		})
	}
}

func TestTransformErrors(t *testing.T) {
	file := transformFiles(t)
	tests := []struct {
		name string
		args []string
		in   string
		want string // must occur in the error
		code int
	}{
		{"--strict", []string{"--strict"}, "x\n" + transformIn, "1 of 2 events were rejected", 1},
		{"two files", []string{"a", "b"}, "", `one file at a time: "b" is not expected here`, 2},
		{"no such file", []string{file("missing")}, "", "no such file", 1},
		{"no such profile", []string{"--profile", "x"}, "", `unknown profile "x": want "documented" or "upstream"`, 2},
		{"both kinds of settings", []string{"--config", "a", "--settings", "b"}, "", "exclude each other", 2},
		{"a destination of nothing", []string{"--destination", "x"}, "", "--destination needs --config", 2},
		{"which of two destinations", []string{"--config", file("config")}, "", "say with --destination which one is meant: plain, renaming", 2},
		{"no such destination", []string{"--config", file("config"), "--destination", "x"}, "", `has no destination "x", only plain, renaming`, 2},
		{"no such configuration", []string{"--config", file("missing")}, "", "no such file", 1},
		{"a configuration that is none", []string{"--config", file("events")}, "", "configuration is not usable", 1},
		{"settings that are no JSON", []string{"--settings", file("half")}, "", "half: destination config: invalid JSON", 1},
		{"settings that are too large", []string{"--settings", file("large")}, "", "is larger than", 1},
		{"no such flag", []string{"--nope"}, "", "--nope", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := run(context.Background(), append([]string{"transform"}, test.args...), strings.NewReader(test.in), io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), test.want) || exitCode(err) != test.code {
				t.Errorf("exit code %d, error %v; want %d and %q", exitCode(err), err, test.code, test.want)
			}
		})
	}
}

// TestTransformCanBeInterrupted ends the command while it waits for a line that does not come.
func TestTransformCanBeInterrupted(t *testing.T) {
	in, feed := io.Pipe()
	out, answers := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"transform"}, in, answers, io.Discard) }()
	if _, err := io.WriteString(feed, transformIn); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(transformOut))
	if _, err := io.ReadFull(out, got); err != nil || string(got) != transformOut {
		t.Fatalf("got %q, %v", got, err)
	}
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error is %v", err)
	}
	feed.Close() // lets go of what still reads
}

func TestTransformHelp(t *testing.T) {
	var stdout bytes.Buffer
	if err := run(context.Background(), []string{"help", "transform"}, nil, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Usage: tanker transform", "--profile PROFILE", "--settings FILE", "messageId is null"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the help lacks %q:\n%s", want, stdout.String())
		}
	}
}

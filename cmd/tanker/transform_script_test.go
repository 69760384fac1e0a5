package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const splitScript = `
export function transformEvent(event, metadata) {
  const names = event.properties.names;
  log("names", names, "of", metadata(event).sourceName);
  return names.map(name => ({ ...event, event: name }));
}`

// scriptFiles writes a script, events and cases into a folder of their own, which becomes the working directory.
func scriptFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"t.js":                      splitScript,
		"broken.js":                 "export function transformEvent(event) {\n  return }}",
		"events":                    `{"type":"track","userId":"u1","messageId":"m1","properties":{"names":["a","b"]}}` + "\n" + `{"type":"page","userId":"u1","messageId":"m2"}` + "\n",
		"cases/split.json":          "{\"type\":\"track\",\"userId\":\"u1\",\n \"properties\":{\"names\":[\"a\"]}}\n{\"type\":\"track\",\"userId\":\"u1\",\"properties\":{\"names\":[]}}",
		"cases/wrong.json":          `{"type":"track","userId":"u1","properties":{"names":["a"]}}`,
		"cases/new.json":            `{"type":"track","userId":"u1","properties":{"names":["a"]}}`,
		"cases/README.md":           "not a case",
		"cases/wrong.expected.json": `{"messageId":null,"call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"b"}}} {}`,
		"cases/split.expected.json": `{"call": {"path":"/v1/track-event", "method":"POST", "body":{"event":"a","id":"u1"}}, "messageId":null}
{"messageId":null,"filtered":{"reason":"transformation"}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTransformWithScript(t *testing.T) {
	scriptFiles(t)
	got := tanker(t, "transform", "--script", "t.js", "events")
	want := result{
		stdout: `{"messageId":"m1","call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"a"}}}
{"messageId":"m1","call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"b"}}}
{"messageId":"m2","rejected":{"reason":"transformation_error","message":"t.js:3: TypeError: Cannot read property 'names' of undefined"}}
`,
		stderr: "log: names [\"a\",\"b\"] of source\n",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTransformCases(t *testing.T) {
	scriptFiles(t)
	got := tanker(t, "transform", "--script", "t.js", "--test", "cases")
	const want = `FAIL  new
      there is no cases/new.expected.json: --update writes it
ok    split
FAIL  wrong
      1: want {"messageId":null,"call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"b"}}}
         got  {"messageId":null,"call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"a"}}}
      2: want {}
         got  nothing
`
	if diff := cmp.Diff(want, got.stdout); diff != "" || got.code != 1 || !strings.Contains(got.stderr, "2 of 3 cases failed") {
		t.Errorf("exit code %d, %s(-want +got):\n%s", got.code, got.stderr, diff)
	}
	if got := tanker(t, "transform", "--script", "t.js", "--test", "cases", "--update"); got.code != 0 {
		t.Errorf("--update: %+v", got)
	}
	if got := tanker(t, "transform", "--script", "t.js", "--test", "cases"); got.code != 0 || got.stdout != "ok    new\nok    split\nok    wrong\n" {
		t.Errorf("after --update: %+v", got)
	}
}

func TestTransformScriptErrors(t *testing.T) {
	scriptFiles(t)
	for _, test := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"no such script", []string{"--script", "missing.js"}, "missing.js", 1},
		{"a script that is none", []string{"--script", "broken.js"}, "broken.js:2: SyntaxError: Unexpected token }", 1},
		{"no such folder", []string{"--test", "missing"}, "missing", 1},
		{"a folder without cases", []string{"--test", "."}, ". holds no cases", 1},
		{"a file beside the cases", []string{"--test", "cases", "events"}, "--test takes its events from its folder", 2},
		{"an update of nothing", []string{"--update"}, "--update needs --test", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := tanker(t, append([]string{"transform"}, test.args...)...); got.code != test.code || !strings.Contains(got.stderr, test.want) {
				t.Errorf("%+v, want %d and %q", got, test.code, test.want)
			}
		})
	}
}

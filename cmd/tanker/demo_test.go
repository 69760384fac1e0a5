package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestDemoOnce(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	got := tanker(t, "demo", "--once")
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, want := range []string{
		`Refiner   POST /v1/identify-user {"id":"1hKOmRA4GRlm","email":"alex@example.com","name":"Alex Keener"}`,
		"outcome   rejected: 1 no_identity (neither a user id nor an email)",
		"DESTINATION  STATE",
		"Everything arrived.",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemoKeepsRunning(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := begin(t, "demo")
	url := d.await(t, `curl -u demo-write-key: (http://\S+)/v1/track`)
	if code := post(t, url, demoWriteKey, "track", `{"userId":"you","event":"Said \u001b[2J Hello"}`); code != 200 {
		t.Fatalf("answered %d", code)
	}
	d.await(t, `\d\d:\d\d:\d\d  POST /v1/track-event \{"id":"you","event":"Said \\u001b\[2J Hello"\}`)
	if got := d.stop(); got.code != 0 {
		t.Errorf("code %d\n%s", got.code, got.stdout)
	}
}

func TestDemoSaysWhatIsMissing(t *testing.T) {
	for _, change := range []func(*step){
		func(s *step) { s.want = append(s.want, "/v1/track-event {}") },
		func(s *step) { s.want = nil },
		func(s *step) { s.other = "dead: 1 refused" },
	} {
		s := story()[0]
		change(&s)
		var out strings.Builder
		d := newDemo(&out)
		err := d.run(t.Context(), t.TempDir(), &out, func(ctx context.Context) error {
			missing, err := d.play(ctx, s)
			if missing != 1 {
				t.Errorf("%d missing, want 1", missing)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestPrintWrapped(t *testing.T) {
	words := strings.Repeat("word, ", 40)
	var out strings.Builder
	printWrapped(&out, "    ", words)
	for line := range strings.SplitSeq(out.String(), "\n") {
		if len(line) > lineWidth {
			t.Errorf("%d letters: %s", len(line), line)
		}
	}
	if got := strings.Join(strings.Fields(out.String()), " "); got != strings.TrimSpace(words) {
		t.Errorf("got %s", got)
	}
	out.Reset()
	printWrapped(&out, "    ", strings.Repeat("x", 500))
	if got := out.String(); got != strings.Repeat("x", 500)+"\n" {
		t.Errorf("a word that cannot be broken: %q", got)
	}
}

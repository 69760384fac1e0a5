package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestImport(t *testing.T) {
	var batches []string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, _, _ := r.BasicAuth(); key != "import-key" {
			http.Error(w, "invalid write key", http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		batches = append(batches, string(body))
		_, _ = w.Write([]byte("ok"))
	}))
	defer gateway.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "users.csv")
	if err := os.WriteFile(path, []byte("ref,email,seats\nu1,a@x.test,12\n,,\nu2,,many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", path, "--to", gateway.URL, "--map", "ref=userId", "--map", "seats=seats:number"}

	dry := tanker(t, append(args, "--dry-run")...)
	for _, want := range []string{"ref → userId, email → email, seats → seats (number)", "3 rows: 1 can be used, 2 cannot", "neither a user id nor an email", `"many" is no number`, `POST /v1/identify-user {"id":"u1","email":"a@x.test","seats":12}`} {
		if dry.code != 0 || !strings.Contains(dry.stdout, want) {
			t.Errorf("dry run: want %q in %+v", want, dry)
		}
	}
	if len(batches) != 0 {
		t.Error("a dry run has sent something")
	}
	t.Setenv("TANKER_WRITE_KEY", "")
	if r := tanker(t, args...); r.code == 0 || !strings.Contains(r.stderr, "TANKER_WRITE_KEY is not set") {
		t.Errorf("without a key: %+v", r)
	}
	t.Setenv("TANKER_WRITE_KEY", "wrong")
	if r := tanker(t, args...); r.code == 0 || !strings.Contains(r.stderr, "401 invalid write key") {
		t.Errorf("with a wrong key: %+v", r)
	}
	t.Setenv("TANKER_WRITE_KEY", "import-key")
	if r := tanker(t, args...); r.code != 0 || !strings.Contains(r.stdout, "sent 1 events of 3 rows; 2 rows could not be used") {
		t.Errorf("got %+v", r)
	}
	if len(batches) != 1 || !strings.Contains(batches[0], `"userId":"u1","traits":{"email":"a@x.test","seats":12}`) {
		t.Errorf("sent %q", batches)
	}
	refused, err := os.ReadFile(path + ".refused.csv")
	if want := "ref,email,seats,reason,line\n,,,neither a user id nor an email,3\nu2,,many,\"seats: \"\"many\"\" is no number\",4\n"; err != nil || string(refused) != want {
		t.Errorf("refused rows: %v\n%s", err, refused)
	}
	if r := tanker(t, args...); r.code == 0 || !strings.Contains(r.stderr, "is imported already") {
		t.Errorf("a second time: %+v", r)
	}
	if r := tanker(t, "import", path, "--map", "seats"); r.code == 0 || !strings.Contains(r.stderr, "want COLUMN=TRAIT") {
		t.Errorf("half a rule: %+v", r)
	}
	if r := tanker(t, "import", "users.xlsx"); r.code != 2 || !strings.Contains(r.stderr, "--format") {
		t.Errorf("another kind of file: %+v", r)
	}
}

func TestImportFromStandardInput(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"import", "-", "--format", "ndjson", "--dry-run"}, strings.NewReader(`{"type":"track","userId":"u1","event":"x"}`), &out, io.Discard)
	if err != nil || !strings.Contains(out.String(), `POST /v1/track-event {"id":"u1","event":"x"}`) {
		t.Errorf("%v\n%s", err, &out)
	}
}

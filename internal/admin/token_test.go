package admin_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tanker/internal/admin"
)

func TestEnsureToken(t *testing.T) {
	path := admin.TokenPath(t.TempDir())
	if _, err := admin.ReadToken(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("before there is one: %v", err)
	}
	made, err := admin.EnsureToken(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Reveal()) < 26 {
		t.Errorf("%q can be guessed", made.Reveal())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v: others may read it", info.Mode(), err)
	}
	for name, read := range map[string]func(string) (interface{ Reveal() string }, error){
		"again":       func(p string) (interface{ Reveal() string }, error) { return admin.EnsureToken(p) },
		"by a client": func(p string) (interface{ Reveal() string }, error) { return admin.ReadToken(p) },
	} {
		if got, err := read(path); err != nil || got.Reveal() != made.Reveal() {
			t.Errorf("%s: got another token, or %v", name, err)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	a, errA := admin.EnsureToken(filepath.Join(t.TempDir(), "a"))
	b, errB := admin.EnsureToken(filepath.Join(t.TempDir(), "b"))
	if errA != nil || errB != nil || a.Reveal() == b.Reveal() {
		t.Errorf("%q and %q, %v, %v", a.Reveal(), b.Reveal(), errA, errB)
	}
}

func TestEmptyTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.EnsureToken(path); err == nil {
		t.Error("an empty token must not open the door")
	}
}

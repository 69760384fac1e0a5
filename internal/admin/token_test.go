package admin_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
)

const address = "192.0.2.7"

func admits(a *admin.Access, token config.Secret) bool {
	return a.Admit(address, token.Reveal()) == nil
}

func TestTokenIsMadeOnce(t *testing.T) {
	path := admin.TokenPath(t.TempDir())
	a, made, err := admin.OpenAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Reveal()) < 26 {
		t.Errorf("%q can be guessed", made.Reveal())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v: others may read it", info, err)
	}
	if content, err := os.ReadFile(path); err != nil || strings.Contains(string(content), made.Reveal()) || !strings.HasPrefix(string(content), "sha256:") {
		t.Errorf("the file holds %q, %v", content, err)
	}
	again, none, err := admin.OpenAccess(path)
	if err != nil || !none.IsZero() {
		t.Errorf("again: %q, %v", none.Reveal(), err)
	}
	for name, each := range map[string]*admin.Access{"first": a, "again": again} {
		if !admits(each, made) {
			t.Errorf("%s: the token is refused", name)
		}
		for _, wrong := range []string{"", "wrong", made.Reveal() + "x", readFile(t, path)} {
			if admits(each, config.NewSecret(wrong)) {
				t.Errorf("%s: %q opens the door", name, wrong)
			}
		}
	}
	if _, other, err := admin.OpenAccess(filepath.Join(t.TempDir(), "token")); err != nil || other.Reveal() == made.Reveal() {
		t.Errorf("another server's token: %q, %v", other.Reveal(), err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

// TestPlainTokenIsReplacedByItsHash is about files of earlier versions.
func TestPlainTokenIsReplacedByItsHash(t *testing.T) {
	path := admin.TokenPath(t.TempDir())
	if err := os.WriteFile(path, []byte("THETOKENOFANEARLIERVERSION\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a, made, err := admin.OpenAccess(path)
		if err != nil || !made.IsZero() || !admits(a, config.NewSecret("THETOKENOFANEARLIERVERSION")) {
			t.Errorf("made %q, %v", made.Reveal(), err)
		}
		if strings.Contains(readFile(t, path), "THETOKEN") {
			t.Error("the token is still in the file")
		}
	}
}

func TestTokenFileThatIsNotRight(t *testing.T) {
	for _, content := range []string{" \n", "sha256:", "sha256:00ff", "sha256:" + strings.Repeat("x", 64)} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := admin.OpenAccess(path); err == nil {
			t.Errorf("%q must not open the door", content)
		}
	}
}

func TestRenew(t *testing.T) {
	path := admin.TokenPath(t.TempDir())
	a, old, err := admin.OpenAccess(path)
	if err != nil {
		t.Fatal(err)
	}
	link, _, err := a.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	before := a.Generation()
	token, err := a.Renew()
	if err != nil || admits(a, old) || !admits(a, token) || a.Generation() == before || a.Redeem(link) {
		t.Errorf("%v: old %v, new %v, generation %d", err, admits(a, old), admits(a, token), a.Generation())
	}
	if again, _, err := admin.OpenAccess(path); err != nil || admits(again, old) || !admits(again, token) {
		t.Errorf("after a restart: %v", err)
	}
	if _, err := admin.NewAccess(token).Renew(); !errors.Is(err, admin.ErrConfigured) {
		t.Errorf("a configured one: %v", err)
	}
}

func TestLinksOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admin.NewAccess(config.NewSecret(token))
		link, until, err := a.NewLink()
		if err != nil || time.Until(until) > 5*time.Minute {
			t.Fatalf("%v, %v", until, err)
		}
		if a.Redeem("") || a.Redeem("another") || a.Redeem(token) {
			t.Error("something else opens")
		}
		if !a.Redeem(link) || a.Redeem(link) {
			t.Error("it does not open once")
		}
		late, until, _ := a.NewLink()
		time.Sleep(time.Until(until))
		if a.Redeem(late) {
			t.Error("it opens too late")
		}
		for err == nil {
			_, _, err = a.NewLink()
		}
		if !errors.Is(err, admin.ErrLinks) {
			t.Errorf("too many: %v", err)
		}
		time.Sleep(time.Hour)
		if _, _, err := a.NewLink(); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

func TestWrongTokensHaveToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admin.NewAccess(config.NewSecret(token))
		var wait *admin.WaitError
		tries := 0
		for ; !errors.As(a.Admit(address, "wrong"), &wait); tries++ {
			if tries > 1000 {
				t.Fatal("nobody has to wait")
			}
		}
		if err := a.Admit(address, token); !errors.As(err, &wait) {
			t.Errorf("guessing goes on while one has to wait: %v", err)
		}
		if err := a.Admit("192.0.2.8", token); err != nil {
			t.Errorf("another address: %v", err)
		}
		time.Sleep(wait.After)
		if err := a.Admit(address, token); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		for range 1000 { // the right one is no attempt
			if err := a.Admit("192.0.2.9", token); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestGuessingFromEverywhereHasToWait is about attackers with many addresses.
func TestGuessingFromEverywhereHasToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admin.NewAccess(config.NewSecret(token))
		looked := 0
		for i := range 100_000 {
			if err := a.Admit(fmt.Sprintf("2001:db8:%x:%x::1", i%1000, i%3), "wrong"); errors.Is(err, admin.ErrToken) {
				looked++
			}
		}
		if looked < 100 || looked > 3500 { // one for each address, and what comes at once
			t.Errorf("%d tokens were looked at in no time", looked)
		}
		if err := a.Admit(address, token); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	})
}

func TestRememberedAddressesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admin.NewAccess(config.NewSecret(token))
		looked := 0
		for i := range 100_000 {
			if err := a.Admit(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff), "wrong"); errors.Is(err, admin.ErrToken) {
				looked++
			}
		}
		if looked > 5000 {
			t.Errorf("%d tokens were looked at in no time", looked)
		}
		time.Sleep(time.Hour)
		if err := a.Admit(address, token); err != nil {
			t.Errorf("an hour later: %v", err)
		}
	})
}

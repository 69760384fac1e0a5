package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/admin"
)

func TestEveryPageAsksForALogin(t *testing.T) {
	b := newBench(t)
	for _, item := range b.nav {
		got := b.ask(item.Path, nil)
		if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/login?next="+url.QueryEscape(item.Path) {
			t.Errorf("%s: %d %v", item.Path, got.Code, got.Header())
		}
	}
	if got := b.ask("/logout", url.Values{}); got.Code != http.StatusUnauthorized {
		t.Errorf("a change: %d", got.Code)
	}
	b.header.Set("HX-Request", "true")
	if got := b.ask("/", nil); got.Code != http.StatusUnauthorized || got.Header().Get("Hx-Redirect") == "" {
		t.Errorf("a part of a page: %d %v", got.Code, got.Header())
	}
}

func TestLogin(t *testing.T) {
	b := newBench(t)
	if got := b.ask("/login", url.Values{"token": {"wrong"}}); got.Code != http.StatusUnauthorized || b.cookie != nil {
		t.Errorf("a wrong token: %d, %v", got.Code, b.cookie)
	}
	got := b.ask("/login", url.Values{"token": {" " + token + "\n"}, "next": {"/dead?reason=x"}})
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/dead?reason=x" {
		t.Fatalf("the right token: %d %v", got.Code, got.Header())
	}
	if c := b.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Name != "tanker_session_8081" {
		t.Errorf("cookie %v", c)
	}
	if got := b.ask("/", nil); got.Code != 200 {
		t.Errorf("a page: %d", got.Code)
	}
	if log := b.log.String(); strings.Contains(log, token) || strings.Contains(log, b.cookie.Value) || strings.Count(log, "msg=audit what=\"log in\"") != 2 {
		t.Errorf("log: %s", log)
	}
	was := b.cookie
	if got := b.post(t, "/logout", nil); got.Code != http.StatusSeeOther || b.cookie.MaxAge >= 0 {
		t.Errorf("logout: %d, %v", got.Code, b.cookie)
	}
	b.cookie = was
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("with the cookie of a session that is over: %d", got.Code)
	}
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	b := newBench(t)
	b.header.Set("X-Forwarded-Proto", "https")
	if b.logIn(t); !b.cookie.Secure {
		t.Error("the cookie may be sent without TLS")
	}
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/events?user=a": "/events?user=a", "": "/", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/",
		"/\tevil": "/", "/login?next=/login": "/", "javascript:alert(1)": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

func TestLoginLinkOpensOnce(t *testing.T) {
	b := newBench(t)
	secret, _, err := b.access.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	page := b.page(t, "/login?link="+secret)
	if field := find(page, func(n *html.Node) bool { return attribute(n, "name") == "link" }); attribute(field, "value") != secret || b.cookie != nil {
		t.Errorf("looking at the link: %s, %v", textOf(page), b.cookie)
	}
	if got := b.ask("/login", url.Values{"link": {secret}}); got.Code != http.StatusSeeOther || b.ask("/", nil).Code != 200 {
		t.Errorf("using it: %d %s", got.Code, got.Body)
	}
	b.cookie = nil
	if got := b.ask("/login", url.Values{"link": {secret}}); got.Code != http.StatusUnauthorized || b.cookie != nil {
		t.Errorf("using it again: %d", got.Code)
	}
	if strings.Contains(b.log.String(), secret) {
		t.Error("the log has the link")
	}
}

func TestSessionIsKnown(t *testing.T) {
	b := newBench(t)
	b.header.Set("HX-Request", "true")
	if got := b.ask("/session", nil); got.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got.Code)
	}
	if got := b.logIn(t).ask("/session", nil); got.Code != http.StatusNoContent {
		t.Errorf("somebody: %d", got.Code)
	}
}

func TestSessionsEndWithTheToken(t *testing.T) {
	access, made, err := admin.OpenAccess(filepath.Join(t.TempDir(), "token"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.Console = New(Options{Access: access})
	b.SetBackend(b.server)
	if got := b.ask("/login", url.Values{"token": {made.Reveal()}}); got.Code != http.StatusSeeOther {
		t.Fatalf("%d", got.Code)
	}
	if _, err := access.Renew(); err != nil {
		t.Fatal(err)
	}
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("with the old token's session: %d", got.Code)
	}
}

func TestTooManyWrongTokens(t *testing.T) {
	b := newBench(t)
	var got *httptest.ResponseRecorder
	for range 30 {
		got = b.ask("/login", url.Values{"token": {"wrong"}})
	}
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" || !strings.Contains(got.Body.String(), "too many wrong tokens") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestChangesFromElsewhereAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		header, value string
		token         bool
	}{
		"no CSRF token":             {"Sec-Fetch-Site", "same-origin", false},
		"another site":              {"Sec-Fetch-Site", "cross-site", true},
		"another port":              {"Sec-Fetch-Site", "same-site", true},
		"another origin":            {"Origin", "http://127.0.0.1:3000", true},
		"an origin that is nowhere": {"Origin", "null", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).logIn(t)
			form := url.Values{}
			if test.token {
				form.Set(fieldCSRF, b.csrf(t))
			}
			b.header.Set(test.header, test.value)
			if got := b.ask("/logout", form); got.Code != http.StatusForbidden {
				t.Errorf("%d %s", got.Code, got.Body)
			}
			b.header = http.Header{}
			if got := b.ask("/", nil); got.Code != 200 {
				t.Errorf("it was done nevertheless: %d", got.Code)
			}
		})
	}
	t.Run("another session's CSRF token", func(t *testing.T) {
		b := newBench(t).logIn(t)
		other := b.csrf(t)
		b.cookie = nil
		if got := b.logIn(t).ask("/logout", url.Values{fieldCSRF: {other}}); got.Code != http.StatusForbidden {
			t.Errorf("%d", got.Code)
		}
	})
	t.Run("a login", func(t *testing.T) {
		b := newBench(t)
		b.header.Set("Sec-Fetch-Site", "cross-site")
		if got := b.ask("/login", url.Values{"token": {token}}); got.Code != http.StatusForbidden || b.cookie != nil {
			t.Errorf("%d", got.Code)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t).logIn(t)
		for range 20 { // looked at now and then
			time.Sleep(sessionIdle - time.Minute)
			if time.Since(b.sessions.only().created) > sessionAge {
				break
			}
			if got := b.ask("/", nil); got.Code != 200 {
				t.Fatalf("while it is used: %d", got.Code)
			}
		}
		if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
			t.Errorf("after a week: %d", got.Code)
		}
		b.logIn(t)
		time.Sleep(sessionIdle - time.Minute)
		b.header.Set("HX-Request", "true") // a page that updates itself
		if got := b.ask("/", nil); got.Code != 200 {
			t.Errorf("before that: %d", got.Code)
		}
		b.header = http.Header{}
		time.Sleep(2 * time.Minute)
		if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
			t.Errorf("after half a day without a look: %d", got.Code)
		}
	})
}

// only is one session.
func (s *sessions) only() *session {
	for _, each := range s.byID {
		return each
	}
	return nil
}

func TestSessionsAreBounded(t *testing.T) {
	b := newBench(t).logIn(t)
	first := b.cookie
	for range maxSessions {
		b.cookie = nil
		b.logIn(t)
	}
	if n := len(b.sessions.byID); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	if got := b.ask("/", nil); got.Code != 200 {
		t.Errorf("the last one: %d", got.Code)
	}
	b.cookie = first
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("the one that was not used: %d", got.Code)
	}
}

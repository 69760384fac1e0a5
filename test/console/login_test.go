package console_test

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tanker/internal/config"
)

func TestLogin(t *testing.T) {
	k := start(t, nil)
	b := open(t, k)
	b.visit(t, "/") // and is asked who is there
	b.shows(t, "Log in")
	b.shot(t, "login")
	b.permit("401")
	b.do(t, "log in with a wrong token", chromedp.SendKeys(chromedp.CSS("#token"), "not the token"), chromedp.KeyEvent("\r"))
	b.shows(t, "This is not the token.")
	b.shot(t, "login-wrong")
	b.do(t, "log in", chromedp.SendKeys(chromedp.CSS("#token"), adminToken), chromedp.KeyEvent("\r"))
	b.until(t, `document.querySelector("nav [aria-current]")?.textContent === "Overview"`)
	b.click(t, ".logout button")
	b.until(t, `location.pathname === "/login"`)
	b.visit(t, "/")
	b.shows(t, "Log in")
}

// TestLoginLink opens the console by a link of the command line.
func TestLoginLink(t *testing.T) {
	k := start(t, nil)
	link, err := k.client.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, k)
	b.do(t, "open the link", chromedp.Navigate(link.URL))
	b.until(t, `location.pathname === "/" && document.querySelector("nav [aria-current]")?.textContent === "Overview"`)
	b.click(t, ".logout button")
	b.until(t, `location.pathname === "/login"`)
	b.permit("401")
	b.do(t, "open the link again", chromedp.Navigate(link.URL))
	b.shows(t, "This link opens nothing any more")
	b.shot(t, "login-used-link")
}

// TestSessionEnds has the token replaced while a page is open: the page asks for a login by itself.
func TestSessionEnds(t *testing.T) {
	k := start(t, func(c *config.Config) { c.Admin.Token = config.Secret{} }) // the server makes one
	b := open(t, k)
	link, err := k.socket.LoginLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, "log in", chromedp.Navigate(link.URL))
	b.until(t, `document.querySelector("[data-live]")?.dataset.live === "on"`)
	b.permit("401") // if the page asks for something before it hears of it
	if _, err := k.socket.RenewToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(t, `location.pathname + location.search === "/login?next=%2F"`)
}

// TestKeyboard goes through the console without a mouse.
func TestKeyboard(t *testing.T) {
	k := start(t, nil)
	b := open(t, k)
	b.visit(t, "/login")
	b.until(t, `document.activeElement.id === "token"`)
	b.do(t, "type the token", chromedp.KeyEvent(adminToken+"\r"))
	b.until(t, `document.querySelector("nav [aria-current]") !== null`)
	const focus = `(document.activeElement.textContent || document.activeElement.value || "").trim()`
	press := func(key string) string {
		t.Helper()
		b.do(t, "press a key", chromedp.KeyEvent(key))
		return value[string](t, b, focus)
	}
	if got := press(kb.Tab); got != "Skip to the content" || !value[bool](t, b, `document.activeElement.getBoundingClientRect().left >= 0`) {
		t.Errorf("first comes %q", got)
	}
	var seen []string
	for range 40 {
		got := press(kb.Tab)
		if !value[bool](t, b, `getComputedStyle(document.activeElement).outlineStyle !== "none" || document.activeElement === document.body`) {
			t.Errorf("one does not see that the focus is on %q", got)
		}
		if seen = append(seen, got); got == "The charts as a table" {
			break
		}
	}
	for _, want := range []string{"Tanker", "Overview", "Log out", "day", "week", "The charts as a table"} {
		if !slices.Contains(seen, want) {
			t.Errorf("Tab does not reach %q: %q", want, seen)
		}
	}
	press("\r")
	b.until(t, `document.querySelector("details.numbers").open`)
	b.do(t, "back to the top", chromedp.Evaluate[chromedp.Void]("void document.querySelector('.skip').focus()"))
	press("\r")
	b.until(t, `document.activeElement.id === "main"`)
}

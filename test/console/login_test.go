package console_test

import (
	"testing"

	"github.com/chromedp/chromedp"
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

package console_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestUser(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	b.visit(t, "/users")
	b.shot(t, "user-empty")
	k.send(t, "identify", `{"userId":"u1","traits":{"email":"alex@example.com","plan":"pro"}}`)
	for n := range 60 {
		k.send(t, "track", fmt.Sprintf(`{"userId":"u1","event":"Event %d","context":{"traits":{"email":"alex@example.com"}}}`, n))
	}
	k.send(t, "track", `{"userId":"u2","event":"Of somebody else"}`)
	k.settled(t)
	b.do(t, "ask for a user", chromedp.SendKeys(chromedp.CSS("#user"), "alex@example.com"), chromedp.KeyEvent("\r"))
	b.until(t, `location.search === "?user=alex%40example.com" && document.querySelectorAll(".ev").length === 50`)
	b.until(t, `document.querySelector(".ev").innerText.includes("Event 59")`)
	b.click(t, `a[href*="before="]`)
	b.until(t, `document.querySelectorAll(".ev").length === 11`)
	b.shows(t, "the log was looked through to its beginning")
	if strings.Contains(b.text(), "Of somebody else") {
		t.Error("the page shows the events of another user")
	}
	b.visit(t, "/users?user=alex@example.com")
	b.click(t, `form[action="/users/contact"] button`)
	b.shows(t, "As refiner had it")
	b.visit(t, "/users?user=u1")
	b.click(t, `form[action="/users/contact"] button`)
	b.shows(t, "As refiner had it")
	b.until(t, `document.getElementById("contact").innerText.includes("pro")`)
	b.shot(t, "user")
	b.visit(t, "/users?user=nobody")
	b.shows(t, "The log holds no event of this user")
	b.click(t, `form[action="/users/contact"] button`)
	b.shows(t, "Refiner has no contact with this id or email.")
}

// TestHostileEvents shows events that were made to do harm.
func TestHostileEvents(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	nasty := "<script>window.hurt = 1</script>\"'><img src=x onerror='window.hurt=1'>\u202egnp.exe\u2066\x1b[31m"
	text, err := json.Marshal(nasty)
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"a":`, 25) + string(text) + strings.Repeat("}", 25)
	k.send(t, "track", fmt.Sprintf(`{"userId":%s,"event":%s,"properties":%s}`, text, text, deep))
	k.send(t, "identify", fmt.Sprintf(`{"userId":"big","traits":{"essay":%q,%s:%s,"many":[%s1]}}`, strings.Repeat("x", 1<<19), text, text, strings.Repeat("1,", 20_000)))
	k.settled(t)
	for _, path := range []string{"/live", "/events/1.0", "/events/2.0", "/events?outcome=delivered", "/users?user=big", "/events/2.0/send/refiner"} {
		b.visit(t, path)
		b.until(t, `document.readyState === "complete" && document.querySelector("h1")`)
		if value[bool](t, b, `"hurt" in window || !!document.querySelector("main img, main script") || /[\u202e\u2066\u001b]/.test(document.body.innerText)`) {
			t.Errorf("%s: what the event says has done something", path)
		}
	}
	b.visit(t, "/events/1.0")
	b.shows(t, "⟨U+202E⟩gnp.exe")
	b.shot(t, "event-hostile")
	b.visit(t, "/live")
	b.until(t, `document.querySelectorAll(".ev").length === 2`)
	b.shot(t, "live-hostile")
}

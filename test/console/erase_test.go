package console_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

func TestEraseUser(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	b.visit(t, "/erasures")
	b.shows(t, "Nobody was erased.")
	k.send(t, "identify", `{"userId":"u1","traits":{"email":"alex@example.com"}}`)
	k.send(t, "track", `{"userId":"u1","event":"Secret"}`)
	k.send(t, "track", `{"userId":"u2","event":"Of somebody else"}`)
	k.settled(t)
	b.visit(t, "/users?user=u1")
	b.click(t, `a[href^="/users/erase"]`)
	b.shows(t, "with its survey answers")
	b.shows(t, "2 events of 3")
	b.shot(t, "erase-plan")
	b.do(t, "type the name once more", chromedp.SendKeys(chromedp.CSS("#confirm"), "u1"))
	b.click(t, `form[action="/users/erase"] button`)
	b.shows(t, "2 events blanked")
	b.shows(t, "1 deleted, with survey answers")
	b.shows(t, "nothing was found in 3 events")
	b.shot(t, "erase-done")
	b.visit(t, "/users?user=u1")
	b.shows(t, "The log holds no event of this user")
	b.visit(t, "/users?user=u2")
	b.shows(t, "Of somebody else")
	b.visit(t, "/erasures/1")
	b.click(t, `form[action="/erasures/1/lift"] button`)
	b.shows(t, "Events of this user are taken again.")
}

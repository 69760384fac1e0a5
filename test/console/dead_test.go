package console_test

import (
	"fmt"
	"strings"
	"testing"

	"tanker/refiner/refinertest"
)

// die sends events that Refiner refuses: of two kinds, and one that would do harm where it is shown.
func (k *tanker) die(t *testing.T) {
	t.Helper()
	k.refiner.SetFaults(
		refinertest.Fault{User: "u1", Status: 422, Body: `{"message":"The email alex@example.com is not deliverable."}`},
		refinertest.Fault{User: "u2", Status: 422, Body: `{"message":"The email kim@example.com is not deliverable."}`},
		refinertest.Fault{User: "u3", Status: 400, Body: `{"error":"<script>alert(1)</script> is no event"}`},
	)
	k.send(t, "identify", `{"userId":"u1","traits":{"email":"alex@example.com","plan":"pro","seats":12}}`)
	k.send(t, "identify", `{"userId":"u2","traits":{"email":"kim@example.com"}}`)
	k.send(t, "track", `{"userId":"u1","event":"Order Completed"}`)
	k.send(t, "track", `{"userId":"u3","event":"<script>alert(1)</script>`+"\u202e"+strings.Repeat("long ", 50)+`"}`)
	k.settled(t)
}

func TestDeadLetters(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	b.click(t, `nav a[href="/dead"]`)
	b.shows(t, "There are no dead letters")
	b.shot(t, "dead-empty")

	k.die(t)
	b.visit(t, "/dead")
	b.shows(t, "4 letters of 3 users")
	b.shows(t, "3 refused with 422 The email … is not deliverable.")
	b.shot(t, "dead")
	b.click(t, `#groups tbody tr:first-child a`)
	b.shows(t, "Letters of this group")
	b.shows(t, "3 letters of 2 users")
	b.shot(t, "dead-group")

	// One letter: corrected, and sent again.
	b.visit(t, "/dead?user=u1")
	b.click(t, `td a[href^="/dead/refiner/"]`)
	b.shows(t, "It is the very call that was refused.")
	b.shot(t, "dead-letter")
	b.edit(t, "#event", `"plan": "pro"`, `"plan": "free`)
	b.shows(t, "this event cannot be sent")
	b.shot(t, "dead-letter-wrong")
	b.edit(t, "#event", `"plan": "free`, `"plan": "free"`)
	b.shows(t, "Marked lines differ from the call that was refused.")
	b.until(t, `[...document.querySelectorAll("#trial mark")].map(m => m.textContent.trim()).join() === '"plan": "pro",,"plan": "free",'`)
	b.shot(t, "dead-letter-corrected")
	k.refiner.SetFaults(refinertest.Fault{User: "u2", Status: 422, Body: `{"message":"no"}`})
	b.click(t, `button[formaction$="/replay"]`)
	b.shows(t, "is sent again: its event waits behind what its user has waiting already")
	k.settled(t)
	if c, ok := k.refiner.Contact("u1", ""); !ok || fmt.Sprint(c.Attributes["plan"]) != "free" {
		t.Errorf("u1 at Refiner: %+v", c)
	}

	// One letter: looked at in the playground, and discarded.
	b.visit(t, "/dead?user=u3")
	b.click(t, `td a[href^="/dead/refiner/"]`)
	b.click(t, `form[action="/playground"] button`)
	b.until(t, `location.pathname === "/playground"`)
	b.shows(t, "It becomes a call")
	b.visit(t, "/dead?user=u3")
	b.click(t, `td a[href^="/dead/refiner/"]`)
	b.click(t, "summary")
	b.click(t, "button.danger")
	b.shows(t, "is discarded")

	// Some: those with a checked box. What dies again comes back.
	b.visit(t, "/dead?user=u2")
	b.click(t, `input[name="letter"]`)
	b.click(t, `form[action="/dead/plan"] table ~ p button[value="replay"], .scroll ~ p button[value="replay"]`)
	b.shows(t, "1 letter would be sent again")
	b.shows(t, "1 × POST /v1/identify-user")
	b.shot(t, "dead-plan")
	b.click(t, `form[action$="/confirm"] button`)
	b.shows(t, "1 letter sent again")
	b.shot(t, "dead-report")
	k.settled(t)

	// All that match.
	b.visit(t, "/dead")
	b.shows(t, "2 letters of 2 users")
	b.click(t, `#groups button[value="discard"]`)
	b.shows(t, "2 letters would be deleted for good")
	b.shot(t, "dead-plan-discard")
	b.click(t, `form[action$="/confirm"] button.danger`)
	b.shows(t, "2 letters discarded")
	b.click(t, `a[href="/dead"]`)
	b.shows(t, "There are no dead letters")
}

func TestLargeDeadLetter(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{User: "u1", Status: 413, Body: `{"error":"too large"}`})
	k.send(t, "identify", `{"userId":"u1","traits":{"text":"`+strings.Repeat("<b>x", 1<<18)+`"}}`)
	k.settled(t)
	b.visit(t, "/dead")
	b.click(t, `td a[href^="/dead/refiner/"]`)
	b.shows(t, "It is too large to be corrected here")
	b.shot(t, "dead-letter-large")
}

package console_test

import (
	"fmt"
	"strings"
	"testing"

	"tanker/internal/admin"
	"tanker/internal/config"
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

// TestManyDeadLetters begins to send many again, and stops.
func TestManyDeadLetters(t *testing.T) {
	k := start(t, func(c *config.Config) {
		c.Destinations[0].Limits.KeyPerMinute, c.Destinations[0].Limits.UserPerMinute = 0, 0
	})
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{Status: 422, Body: `{"message":"no such luck"}`})
	const letters = 3000
	var batch strings.Builder
	for i := range letters {
		fmt.Fprintf(&batch, `,{"type":"track","userId":"u%d","event":"Order %d"}`, i%500, i)
	}
	k.send(t, "batch", `{"batch":[`+batch.String()[1:]+`]}`)
	k.settled(t)
	b.visit(t, "/dead")
	b.shows(t, "3,000 letters of 500 users")
	b.click(t, `a[href*="after="]`)
	b.shows(t, "First page")
	b.shot(t, "dead-busy")
	b.click(t, `input[data-check-all]`)
	b.click(t, `form:has(input[data-check-all]) button[value="discard"]`)
	b.shows(t, "50 letters would be deleted for good")
	b.visit(t, "/dead")
	b.click(t, `#groups button[value="replay"]`)
	b.shows(t, "3,000 letters would be sent again")
	b.shows(t, "The first 20 of them")
	b.shot(t, "dead-plan-busy")
	b.click(t, `form[action$="/confirm"] button`)
	b.shows(t, "Sending again")
	b.until(t, `document.querySelector("#job progress")?.value > 0`)
	b.click(t, `form[action$="/stop"] button`)
	b.shows(t, "It was stopped before its end")
	b.shot(t, "dead-stopped")
	k.await(t, "what was sent has ended again", func(d admin.DestinationStatus) bool { return d.Pending == 0 && d.Accepted > letters })
	if d := k.destination(t); d.Accepted >= 2*letters {
		t.Errorf("all were sent: %+v", d)
	}
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

package console_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/refiner/refinertest"
)

func TestEvent(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	k.send(t, "identify", `{"userId":"u1","context":{"traits":{"email":"alex@example.com","plan":"pro","seats":7,"tags":["red","green"]}},"messageId":"message-of-the-identify"}`)
	k.send(t, "page", `{"userId":"u1","name":"Cart","properties":{"url":"https://example.com/cart"}}`)
	k.send(t, "track", `{"anonymousId":"somebody","event":"Pricing Viewed"}`)
	k.settled(t)

	// From its row to the event.
	b.visit(t, "/live?type=identify")
	b.click(t, ".ev-what a")
	b.until(t, `location.pathname === "/events/1.0"`)
	b.shows(t, "Delivered with its own call, at the first attempt")
	b.shows(t, "POST /v1/identify-user")
	b.until(t, `[...document.querySelectorAll(".note")].some(e => e.textContent.includes("userId"))`)
	b.shot(t, "event")
	b.visit(t, "/events/3.0")
	b.shows(t, "No call can be made of it")
	b.shot(t, "event-rejected")
	b.click(t, `main a[href^="/playground"]`)
	b.until(t, `location.pathname === "/playground" && document.querySelector("textarea").value.includes("Pricing Viewed")`)

	// Again: asked first, then done.
	b.visit(t, "/events/2.0")
	b.click(t, `a[href="/events/2.0/send/refiner"]`)
	b.shows(t, "Refiner counts it once more")
	b.shot(t, "event-send")
	b.click(t, "main form button")
	b.until(t, `location.pathname === "/events/2.0"`)
	b.shows(t, "The event is sent to refiner again")
	k.await(t, "it is delivered once more", func(d admin.DestinationStatus) bool { return d.Totals.Delivered == 3 && d.Pending == 0 })
	b.visit(t, "/events/4.0")
	b.shows(t, "it repeats 2.0")

	// By its message id, and by its place.
	b.visit(t, "/events")
	b.shot(t, "events-empty")
	b.do(t, "find", chromedp.SendKeys(chromedp.CSS("#find"), "message-of-the-identify"), chromedp.KeyEvent("\r"))
	b.until(t, `location.pathname === "/events/1.0"`)
	b.permit("404")
	b.visit(t, "/events/99.0")
	b.shows(t, "there is no event at 99.0 any more")

	// What is behind a number.
	b.visit(t, "/events?destination=refiner&outcome=delivered")
	b.until(t, `document.querySelectorAll(".ev").length === 3`)
	b.shot(t, "events")
	b.visit(t, "/events?destination=refiner&outcome=rejected&reason=no_identity")
	b.until(t, `document.querySelectorAll(".ev").length === 1`)
	b.do(t, "another outcome", chromedp.SendKeys(chromedp.CSS("#outcome"), "dead"), chromedp.Focus(chromedp.CSS("#reason")), chromedp.KeyEvent("\r"))
	b.until(t, `location.search.includes("outcome=dead")`)
	b.shows(t, "There is none")
}

// TestEventInTrouble looks at events that Refiner refuses, and at those that wait behind them.
func TestEventInTrouble(t *testing.T) {
	k := start(t, func(c *config.Config) { c.Destinations[0].Merge = true })
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{Status: 503})
	k.send(t, "identify", `{"userId":"u1","traits":{"email":"alex@example.com"}}`)
	k.send(t, "identify", `{"userId":"u1","traits":{"plan":"pro"}}`)
	k.send(t, "track", `{"userId":"u1","event":"Order Done"}`)
	b.visit(t, "/events/1.0")
	b.until(t, `(document.querySelector("table")?.innerText.includes("503")) || (location.reload(), false)`)
	b.shows(t, "pending")
	b.shot(t, "event-waiting")
	b.visit(t, "/events/3.0")
	b.shows(t, "Before it comes 1.0 of the same user.")
	b.visit(t, "/events?destination=refiner&outcome=pending")
	b.until(t, `document.querySelectorAll(".ev").length === 3`)
	b.shot(t, "events-pending")
	b.visit(t, "/users?user=u1")
	b.shows(t, "Waiting for refiner")
	b.shot(t, "user-waiting")

	k.refiner.SetFaults()
	k.settled(t)
	b.visit(t, "/events/1.0")
	b.until(t, `document.querySelector(".fate .state").textContent === "delivered"`)
	if !strings.Contains(b.text(), "Its call brought other events too: 2.0") {
		t.Errorf("nothing is said of the event that went along: %s", b.text())
	}
	b.shot(t, "event-merged")
	b.visit(t, "/events/2.0")
	b.shows(t, "one call brought both")
}

// TestEventAtTwoDestinations looks at an event that one destination takes and the other refuses.
func TestEventAtTwoDestinations(t *testing.T) {
	k := start(t, func(c *config.Config) {
		second := c.Destinations[0]
		second.Name, second.Filter.MessageTypes = "second", []string{"identify"}
		c.Destinations = append(c.Destinations, second)
	})
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{User: "u1", Path: "/v1/track-event", Status: 422, Body: `{"message":"the event name is too long"}`})
	k.send(t, "track", `{"userId":"u1","event":"Order Done","properties":{"total":99.5,"currency":"EUR"}}`)
	k.settled(t)
	b.visit(t, "/events/1.0")
	b.shows(t, "Dead refused with 422 once")
	b.shows(t, "Not wanted here")
	b.shot(t, "event-dead")
	b.click(t, `a[href="/dead/refiner/1.0"]`)
	b.until(t, `location.pathname === "/dead/refiner/1.0"`)
	b.visit(t, "/users?user=u1")
	b.shows(t, "refiner: dead")
	b.shows(t, "second: filtered")
	b.visit(t, "/live")
	b.until(t, row("Order Done")+"?.textContent.includes('second: filtered')")
	b.shot(t, "live-two")
}

package console_test

import (
	"strings"
	"testing"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/refiner/refinertest"
)

func TestDestinations(t *testing.T) {
	k := start(t, func(c *config.Config) {
		d := &c.Destinations[0]
		d.UserAttributes = []config.Rename{{From: "plan_name", To: "plan"}}
		d.Limits.KeyPerMinute = 600
	})
	b := logIn(t, k)
	b.click(t, `nav a[href="/destinations"]`)
	b.shows(t, "limits.key_per_minute 600")
	b.shows(t, "plan_name → plan")
	b.shot(t, "destinations")

	b.click(t, `form[action$="/check"] button`)
	b.shows(t, "Refiner accepts the key, of the environment")
	b.permit("429")
	b.click(t, `form[action$="/check"] button`)
	b.shows(t, "this key was checked a moment ago")

	b.visit(t, "/destinations")
	b.click(t, `form[action$="/pause"] button`)
	b.shows(t, "nothing is sent to it until you resume it")
	k.send(t, "identify", `{"userId":"u1"}`)
	k.await(t, "the event waits", func(d admin.DestinationStatus) bool { return d.Pending == 1 && d.State == "paused" })
	b.visit(t, "/destinations")
	b.shows(t, "1 event waits")
	b.shot(t, "destinations-paused")
	b.click(t, `form[action$="/resume"] button`)
	b.shows(t, "goes on where it was, in order")
	k.settled(t)
	b.click(t, "details summary")
	b.shows(t, "skip_unchanged")
	if text := b.text(); strings.Contains(text, apiKey) || strings.Contains(text, writeKey) || strings.Contains(text, adminToken) {
		t.Error("a key is shown")
	}
}

func TestDestinationInTrouble(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{Status: 401, Body: `{"error":"API key does not look valid"}`})
	k.send(t, "identify", `{"userId":"u1"}`)
	k.await(t, "the destination is blocked", func(d admin.DestinationStatus) bool { return d.State == "blocked" })
	b.visit(t, "/destinations")
	b.shows(t, "blocked")
	b.click(t, `form[action$="/check"] button`)
	b.shows(t, "Refiner refuses the key")
	b.shot(t, "destinations-blocked")
}

func TestSources(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	b.click(t, `nav a[href="/sources"]`)
	b.shows(t, "how to send one")
	b.shot(t, "sources-empty")
	b.click(t, `td a[href="/sources/app"]`)
	b.shows(t, "Waiting for the first event…")
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	b.shows(t, `analytics.load("WRITE_KEY", "`+k.Gateway+`", {`)
	b.shot(t, "source-waiting")

	b.click(t, `form[method="post"][action="/sources/app"] button`)
	b.shows(t, "The write key is "+writeKey)
	b.shows(t, `analytics.load("`+writeKey+`", "`+k.Gateway+`", {`)
	b.click(t, "details.snippet:last-child summary")
	b.shows(t, "curl -u "+writeKey+": "+k.Gateway+"/v1/track")
	b.shot(t, "source-key")
	if at := value[string](t, b, "location.href"); strings.Contains(at, writeKey) {
		t.Errorf("the address is %s", at)
	}

	// What the page says works, and the page sees it.
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	k.send(t, "track", `{"userId":"u1","event":"Order Completed"}`)
	b.shows(t, "1 event received so far.")
	b.until(t, `document.querySelector('a[href="/events/1.0"]') !== null && document.querySelector(".flash.warn") === null`)
	b.shot(t, "source-seen")
	k.send(t, "track", `{"userId":"u1","event":"Order Completed"}`)
	b.shows(t, "2 events received so far.")

	b.visit(t, "/sources/app")
	b.until(t, `(document.querySelector("#address").value = "https://events.example.com", true)`)
	b.click(t, `form[method="get"] button`)
	b.shows(t, `"https://events.example.com", {`)
	b.visit(t, "/sources")
	b.shot(t, "sources")
}

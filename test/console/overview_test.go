package console_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/journal"
	"tanker/internal/series"
	"tanker/refiner/refinertest"
)

func TestOverviewOfNothing(t *testing.T) {
	k := start(t, func(c *config.Config) { c.Destinations = nil })
	b := logIn(t, k)
	b.shows(t, "There is no destination yet")
	b.shot(t, "overview-none")
}

// TestOverview sends events and sees them go their way, without loading the page again.
func TestOverview(t *testing.T) {
	k := start(t, nil)
	k.refiner.SetFaults(refinertest.Fault{User: "refused", Status: 422, Body: `{"message":"no such luck"}`})
	b := logIn(t, k)
	b.shows(t, "It works, and nothing waits.")
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	b.shot(t, "overview-empty")
	for i := range 30 {
		k.send(t, "identify", fmt.Sprintf(`{"userId":"u%d","traits":{"email":"u%[1]d@example.com"}}`, i))
		k.send(t, "track", fmt.Sprintf(`{"userId":"u%d","event":"Order Completed"}`, i))
	}
	k.send(t, "track", `{"anonymousId":"somebody","event":"Pricing Viewed"}`)
	k.send(t, "alias", `{"userId":"u1","previousId":"u0"}`)
	k.send(t, "identify", `{"userId":"refused"}`)
	k.settled(t)
	b.shows(t, "delivered 60")
	b.shows(t, "no_identity 1")
	b.until(t, `document.querySelector(".stop.dead .count").textContent === "1"`)
	b.until(t, `document.querySelector(".charts").dataset.drawn !== undefined && document.querySelectorAll(".uplot").length === 4`)
	b.shot(t, "overview-busy")
	b.click(t, ".numbers summary")
	b.click(t, `.spans a[href="/?span=week"]`)
	b.until(t, `document.querySelector(".spans [aria-current]").textContent === "week" && document.querySelectorAll(".uplot").length === 4`)
	for number, shows := range map[string]string{
		"rejected": "Pricing Viewed", "filtered": "alias", "delivered": "Order Completed", "dead": "no such luck",
	} {
		b.visit(t, "/")
		b.click(t, "#refiner-"+number+"-")
		b.shows(t, shows)
	}
}

// chart is an hour and a half of a day's work, which another process is supposed to have done before.
func chart(t *testing.T, dir string) {
	t.Helper()
	store, now := series.New(""), time.Now().Add(-90*time.Minute)
	var state series.State
	how := store.Destination("refiner")
	for i := 0; now.Before(time.Now().Add(-30 * time.Second)); i++ {
		now = now.Add(series.Every)
		in := 200 + int(150*math.Sin(float64(i)/30))
		if i > 300 && i < 340 { // the server was down
			continue
		}
		if i > 360 && i < 380 {
			in = 1500 // more than the limit
		}
		out := min(660, int(state.Pending)+in)
		for n := range out {
			how.Call("ok", 200, time.Millisecond)
			how.Delivered(time.Duration(20+n%60+int(state.Pending)*90/66) * time.Millisecond)
		}
		state.Accepted += uint64(in)
		state.Finished += uint64(out)
		state.Pending = state.Accepted - state.Finished
		if state.Oldest = (time.Time{}); state.Pending > 0 {
			state.Oldest = now.Add(-time.Duration(state.Pending) * 15 * time.Millisecond)
		}
		how.Observe(state)
		store.Sample(now)
	}
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(dir, "journal"), MaxBytes: 256 << 20, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Save(t.Context(), j), j.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestChartsSurviveARestart looks at charts of what an earlier process saw.
func TestChartsSurviveARestart(t *testing.T) {
	k := start(t, func(c *config.Config) { chart(t, c.DataDir) })
	b := logIn(t, k)
	b.until(t, `document.querySelector(".charts").dataset.drawn !== undefined`)
	b.click(t, ".numbers summary")
	if rows := value[int](t, b, `document.querySelectorAll(".numbers tbody tr").length`); rows < 8 {
		t.Errorf("%d rows in the table", rows)
	}
	b.shot(t, "overview-charts")
}

// TestOverviewInTrouble looks at a destination whose key is refused, and at one that is paused.
func TestOverviewInTrouble(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	k.refiner.SetFaults(refinertest.Fault{Status: 401, Body: `{"message":"Unauthenticated."}`})
	for i := range 5 {
		k.send(t, "identify", fmt.Sprintf(`{"userId":"u%d"}`, i))
	}
	k.await(t, "the key is refused", func(d admin.DestinationStatus) bool { return d.State == "blocked" })
	b.shows(t, "Refiner has refused the API key since")
	b.shows(t, "nothing reaches refiner")
	b.shot(t, "overview-blocked")
	if err := k.client.Pause(t.Context(), "refiner"); err != nil {
		t.Fatal(err)
	}
	b.shows(t, "An operator has paused it since")
	b.shot(t, "overview-paused")
	k.refiner.SetFaults()
	if err := k.client.Resume(t.Context(), "refiner"); err != nil {
		t.Fatal(err)
	}
	k.settled(t)
	b.shows(t, "It works, and nothing waits.")
}

// TestOverviewKeepsTheFocus tabs to a number and has it exchanged.
func TestOverviewKeepsTheFocus(t *testing.T) {
	k := start(t, nil)
	k.send(t, "identify", `{"userId":"u1"}`)
	k.settled(t)
	b := logIn(t, k)
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	const number = `document.querySelector(".stop.end .count")`
	if value[bool](t, b, number+`.tagName !== "A"`) {
		t.Skip("numbers are not links")
	}
	value[bool](t, b, number+`.focus(), true`)
	before := value[string](t, b, "document.activeElement.id")
	k.send(t, "identify", `{"userId":"u2"}`)
	b.until(t, number+`.textContent === "2"`)
	b.until(t, fmt.Sprintf("document.activeElement.id === %q", before))
}

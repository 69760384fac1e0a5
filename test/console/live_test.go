package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"tanker/internal/config"
)

// sendBatch sends events together, as SDKs do.
func (k *tanker) sendBatch(t *testing.T, events []map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"batch": events})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequest(http.MethodPost, k.Gateway+"/v1/batch", bytes.NewReader(body))
	req.SetBasicAuth(writeKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("batch: %s", resp.Status)
	}
}

// row is an expression that finds the row of an event by a text in it.
func row(text string) string {
	return fmt.Sprintf("[...document.querySelectorAll('.ev')].find(e => e.textContent.includes(%q))", text)
}

func TestLive(t *testing.T) {
	k := start(t, nil)
	b := logIn(t, k)
	b.visit(t, "/live")
	b.shows(t, "No event has come yet")
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	b.shot(t, "live-empty")

	k.send(t, "identify", `{"userId":"u1","traits":{"email":"alex@example.com"}}`)
	k.send(t, "track", `{"userId":"u1","event":"Order Done"}`)
	k.send(t, "track", `{"anonymousId":"somebody","event":"Pricing Viewed"}`)
	b.until(t, row("Order Done")+"?.textContent.includes('delivered')")
	b.until(t, row("Pricing Viewed")+"?.textContent.includes('rejected')")
	b.until(t, `document.getElementById("live-empty").hidden`)
	b.shows(t, "accepted and")

	// Filters take effect as one types, and are in the URL.
	b.do(t, "filter", chromedp.SendKeys(chromedp.CSS("#f-event"), "order"))
	b.until(t, `location.search === "?event=order" && document.querySelectorAll(".ev").length === 1`)
	k.send(t, "track", `{"userId":"u2","event":"Order Cancelled"}`)
	k.send(t, "track", `{"userId":"u2","event":"Something else"}`)
	b.until(t, `document.querySelectorAll(".ev").length === 2 && `+row("Order Cancelled"))
	b.visit(t, "/live?outcome=rejected")
	b.until(t, `document.querySelectorAll(".ev").length === 1 && document.getElementById("f-outcome").value === "rejected"`)

	// Paused it stands still, by the keyboard too; then it shows what it has missed.
	b.visit(t, "/live")
	b.until(t, row("Something else"))
	b.do(t, "pause", chromedp.Focus(chromedp.CSS("#live-pause")), chromedp.KeyEvent(" "))
	b.until(t, `location.search === "?paused=1" && document.querySelector("[data-live]").textContent === "paused"`)
	k.send(t, "track", `{"userId":"u3","event":"Meanwhile"}`)
	k.settled(t)
	if value[bool](t, b, "!!"+row("Meanwhile")) {
		t.Error("a paused page goes on")
	}
	b.shot(t, "live-paused")
	b.click(t, "#live-pause")
	b.until(t, row("Meanwhile")+"?.textContent.includes('delivered')")

	// While the focus is on a row the rows stand still.
	b.do(t, "focus", chromedp.Focus(chromedp.CSS(".ev a")))
	k.send(t, "track", `{"userId":"u3","event":"In between"}`)
	k.settled(t)
	b.until(t, `document.querySelector(".ev").contains(document.activeElement)`)
	if value[bool](t, b, "!!"+row("In between")) {
		t.Error("the rows move under the focus")
	}
	b.do(t, "let go", chromedp.Focus(chromedp.CSS("#live-pause")))
	b.until(t, row("In between"))
	b.shot(t, "live")
}

// TestLiveAtFiveHundred watches 500 events a second, each with its outcome. On a machine that is busy with other things
// tasks are long whatever the page does; then what counts is how much of a processor the page takes.
func TestLiveAtFiveHundred(t *testing.T) {
	k := start(t, func(c *config.Config) { c.Destinations[0].Limits = config.Limits{} })
	b := logIn(t, k)
	b.do(t, "measure", command(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}))
	b.visit(t, "/live")
	b.until(t, `document.querySelector("[data-live]").dataset.live === "on"`)
	value[bool](t, b, `(() => {
		window.longest = window.tasks = 0;
		new PerformanceObserver(l => { for (const e of l.getEntries()) { longest = Math.max(longest, e.duration); tasks++; } }).observe({entryTypes: ["longtask"]});
		return true;
	})()`)
	busy, begun := b.busy(t), time.Now()
	k.flood(t)
	longest, share := value[float64](t, b, "longest"), (b.busy(t)-busy)/time.Since(begun).Seconds()
	t.Logf("%d long tasks, the longest of %.0f ms; %.0f %% of a processor; %s", value[int](t, b, "tasks"), longest, 100*share,
		value[string](t, b, `document.getElementById("live-rates").textContent`))
	if longest >= 200 && share > 0.3 {
		t.Errorf("a task took %.0f ms, and the page %.0f %% of a processor", longest, 100*share)
	}
	k.settled(t)
	b.until(t, `[...document.querySelectorAll(".ev")].every(e => e.textContent.includes("delivered"))`)
	if rows := value[int](t, b, `document.querySelectorAll(".ev").length`); rows != 300 {
		t.Errorf("the page keeps %d rows", rows)
	}
	b.shot(t, "live-busy")
}

// busy is how many seconds of a processor the page has taken.
func (b *tab) busy(t *testing.T) float64 {
	t.Helper()
	var seconds float64
	b.do(t, "measure", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		result, err := cdp.Call(ctx, target, performance.GetMetrics, cdp.Empty{})
		for _, metric := range result.Metrics {
			if metric.Name == "TaskDuration" {
				seconds = metric.Value
			}
		}
		return err
	}))
	return seconds
}

// flood sends 500 events a second for some seconds.
func (k *tanker) flood(t *testing.T) {
	t.Helper()
	const rate, seconds, parts = 500, 6, 10
	next := time.NewTicker(time.Second / parts)
	defer next.Stop()
	for n := range seconds * parts {
		events := make([]map[string]any, rate/parts)
		for i := range events {
			events[i] = map[string]any{"type": "track", "userId": fmt.Sprint("user-", n%7, i), "event": fmt.Sprint("Event ", n, ".", i)}
		}
		k.sendBatch(t, events)
		<-next.C
	}
}

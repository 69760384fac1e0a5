package console_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"tanker/internal/config"
	"tanker/internal/erasure"
)

// write replaces all of a text area, as a hand does.
func (b *tab) write(t *testing.T, selector, text string) {
	t.Helper()
	b.do(t, "empty "+selector, chromedp.Focus(chromedp.CSS(selector)))
	b.until(t, fmt.Sprintf(`(document.querySelector(%q).select(), document.execCommand("insertText", false, %q))`, selector, text))
}

func TestPlayground(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mask.js")
	code := `export function transformEvent(event) {
  if (event.event === "Heartbeat") return;
  if (event.event === "Loop") for (;;);
  if (event.traits?.email) { log("masked"); event.traits.email = "masked@example.com"; }
  return event;
}`
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	k := start(t, func(c *config.Config) {
		testing := c.Destinations[0]
		testing.Name, testing.Transformation = "testing", path
		testing.Filter.DenyEvents = []string{"Secret"}
		c.Destinations = append(c.Destinations, testing)
	})
	b := logIn(t, k)
	b.click(t, `nav a[href="/playground"]`)
	b.shows(t, "It becomes a call")
	b.shot(t, "playground")

	for _, example := range []struct{ name, says string }{
		{"track", "POST /v1/track-event"}, {"page", "Viewed Docs Home Page"}, {"group", "acme"},
		{"rejected", "It is rejected"}, {"filtered", "It is filtered"}, {"identify", "/v1/identify-user"},
	} {
		b.click(t, fmt.Sprintf(`a[href*="example=%s"]`, example.name))
		b.shows(t, example.says)
		if example.name == "rejected" || example.name == "filtered" {
			b.shot(t, "playground-"+example.name)
		}
	}

	// As one types, the result follows; the address tells nothing.
	b.edit(t, "#event", `"pro"`, `"free"`)
	b.until(t, `document.querySelector("#result pre").textContent.includes('"plan": "free"')`)
	b.edit(t, "#event", `"free",`, `"free`)
	b.shows(t, "line 6, column")
	b.shot(t, "playground-wrong")
	b.write(t, "#event", `{"type":"track","userId":"u1","event":"Secret"}`)
	b.shows(t, "POST /v1/track-event")
	if at := value[string](t, b, "location.href"); strings.Contains(at, "u1") {
		t.Errorf("the address is %s", at)
	}

	// Another destination: with a filter and a transformation.
	b.choose(t, "#to", "testing")
	b.shows(t, "The setting is filter.deny_events.")
	b.click(t, `input[name="no_filter"]`)
	b.shows(t, "It becomes a call")
	b.write(t, "#event", `{"type":"identify","userId":"u1","traits":{"email":"alex@example.com"}}`)
	b.until(t, `document.querySelector("#result pre").textContent.includes("masked@example.com")`)
	b.shows(t, "What the transformation logged")
	b.shot(t, "playground-transformed")
	b.click(t, `input[name="no_transformation"]`)
	b.until(t, `document.querySelector("#result pre").textContent.includes("alex@example.com")`)
	b.click(t, `input[name="no_transformation"]`)
	b.write(t, "#event", `{"type":"track","userId":"u1","event":"Loop"}`)
	b.shows(t, "transformation_error")
	b.write(t, "#event", `{"type":"track","userId":"u1","event":"Heartbeat"}`)
	b.shows(t, "The transformation left the event out.")
	b.choose(t, "#profile", "upstream")
	b.choose(t, "#to", "refiner")
	b.shows(t, "POST /v1/track sent as a form")
	b.choose(t, "#type", "page")
	b.shows(t, "pageView")

	// An event of the log.
	k.send(t, "identify", `{"userId":"u7","traits":{"text":"<script>alert(1)</script>`+"\u202e"+`"}}`)
	b.do(t, "position", chromedp.SendKeys(chromedp.CSS("#position"), "1.0"), chromedp.KeyEvent("\r"))
	b.until(t, `document.querySelector("#event").value.includes('"u7"')`)
	b.shows(t, "alert(1)")
	b.permit("404")
	b.do(t, "position", chromedp.SendKeys(chromedp.CSS("#position"), "9"), chromedp.KeyEvent("\r")) // 1.09
	b.shows(t, "not found")

	// Of a user who was erased.
	if _, err := k.client.StartErasure(t.Context(), erasure.Request{User: "u9"}); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	b.visit(t, "/playground")
	b.write(t, "#event", `{"type":"track","userId":"u9","event":"Bought"}`)
	b.shows(t, "The user was erased, and is suppressed")

	// Without scripts it works as well.
	b.visit(t, "/playground?example=group")
	b.click(t, "#try button")
	b.until(t, `location.search === ""`)
	b.shows(t, "POST /v1/identify-user")
}

// choose chooses in a list, as a hand does.
func (b *tab) choose(t *testing.T, selector, choice string) {
	t.Helper()
	b.until(t, fmt.Sprintf(`(() => {
		const list = document.querySelector(%q);
		list.value = %q;
		return list.value === %q && list.dispatchEvent(new Event("input", {bubbles: true}));
	})()`, selector, choice, choice))
}

package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tanker/internal/filter"
	"tanker/internal/journal"
	"tanker/internal/playground"
	"tanker/mapping"
)

// fakePlayground is the part of a fake server that the playground asks.
type fakePlayground struct {
	playgrounds []Playground
	request     playground.Request
	tried       int
	stored      map[journal.Position]journal.Entry
}

func (f *fakePlayground) Playgrounds() []Playground { return f.playgrounds }

func (f *fakePlayground) TryEvent(ctx context.Context, destination string, r playground.Request) (playground.Result, error) {
	f.request = r
	f.tried++
	d := playground.Destination{Name: destination, Filter: filter.Settings{Integration: "Refiner", Deny: []string{"Secret"}}}
	return playground.Try(ctx, d, r), nil
}

func (f *fakePlayground) StoredEvent(_ context.Context, at journal.Position) (journal.Entry, error) {
	if e, ok := f.stored[at]; ok {
		return e, nil
	}
	return journal.Entry{}, fmt.Errorf("event %s: %w", at, journal.ErrNotFound)
}

// playgroundBench is a console that is logged in, with two destinations.
func playgroundBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t).logIn(t)
	b.server.playgrounds = []Playground{{Name: "production", Profile: "documented"}, {Name: "testing", Profile: "upstream", Form: true}}
	return b
}

func TestPlaygroundExamples(t *testing.T) {
	b := playgroundBench(t)
	for name, want := range map[string]string{
		"":         `It becomes a call called POST /v1/identify-user { "id": "u1", "email": "alex@example.com"`,
		"track":    `POST /v1/track-event { "id": "u1", "event": "Order Completed" }`,
		"page":     `"event": "Viewed Docs Home Page"`,
		"group":    `"account": { "id": "acme"`,
		"rejected": "It is rejected no_identity",
		"filtered": "It is filtered integrations",
	} {
		text := textOf(b.page(t, "/playground?example="+name))
		if !strings.Contains(text, want) || !strings.Contains(text, "Step by step") {
			t.Errorf("%s: no %q in %s", name, want, text)
		}
	}
	if text := textOf(b.page(t, "/playground?example=filtered")); !strings.Contains(text, "The setting is filter.integration .") {
		t.Error(text)
	}
	b.server.playgrounds = nil
	if text := textOf(b.page(t, "/playground")); !strings.Contains(text, "There is no destination to try events for.") {
		t.Error(text)
	}
}

func TestPlaygroundTries(t *testing.T) {
	b := playgroundBench(t)
	got := b.post(t, "/playground", url.Values{
		"event": {"{\"userId\":\"u1\",\r\n\"event\":\"Secret\"}"}, "destination": {"testing"}, "profile": {"upstream"}, "type": {"track"},
		"source": {"web"}, "no_filter": {"1"}, "no_transformation": {"1"},
	})
	text := textOf(parse(t, got.Body))
	if !strings.Contains(text, "It becomes a call called POST /v1/track sent as a form") || strings.Contains(got.Header().Get("Location"), "u1") {
		t.Error(text)
	}
	if r := b.server.request; r.Profile != mapping.Upstream || r.Envelope.Type != "track" || r.Source != "web" || !r.NoFilter || !r.NoTransformation || r.Envelope.ReceivedAt.IsZero() {
		t.Errorf("%+v", r)
	}
	for event, want := range map[string]string{
		`{"type":"track","userId":"u1","event":"Secret"}`: "The setting is filter.deny_events .",
		"{\"type\":\"track\",\n}":                         "line 2, column",
		"\n":                                              "Paste an event, or choose an example",
	} {
		got := b.post(t, "/playground", url.Values{"event": {event}})
		if text := textOf(parse(t, got.Body)); got.Code != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: no %q in %d %s", event, want, got.Code, text)
		}
	}
	if got := b.post(t, "/playground", url.Values{"event": {"{}"}, "destination": {"other"}}); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
	if got := b.ask("/playground", url.Values{"event": {"{}"}}); got.Code != http.StatusForbidden {
		t.Errorf("without a CSRF token: %d", got.Code)
	}
	csrf := b.csrf(t)
	b.header.Set("HX-Request", "true")
	if got := b.ask("/playground", url.Values{"event": {"{}"}, fieldCSRF: {csrf}}).Body.String(); strings.Contains(got, "<html") || !strings.Contains(got, `id="result"`) {
		t.Error(got)
	}
	if log := b.log.String(); strings.Contains(log, "Secret") || strings.Contains(log, "u1") {
		t.Error(log)
	}
}

func TestPlaygroundPicksStoredEvents(t *testing.T) {
	b := playgroundBench(t)
	b.server.stored = map[journal.Position]journal.Entry{
		journal.At(17, 3): {Source: "web", Type: "track", Body: []byte("{\"userId\":\"u\u202e1\",\"event\":\"Bought\"}")},
		journal.At(18, 0): {Source: "web", Body: []byte(`{"a":"` + strings.Repeat("x", maxEdited) + `"}`)},
	}
	page := b.page(t, "/playground?destination=testing&position=17.3")
	area := find(page, func(n *html.Node) bool { return n.Data == "textarea" })
	if text := textOf(area); text != `{ "userId": "u\u202e1", "event": "Bought" }` {
		t.Error(text)
	}
	if r := b.server.request; r.Envelope.Type != "track" || r.Source != "web" || !strings.Contains(textOf(page), "It becomes a call") {
		t.Errorf("%+v", r)
	}
	for position, want := range map[string]int{"18.0": 422, "19.0": 404, "x": 400} {
		if got := b.ask("/playground?position="+position, nil); got.Code != want {
			t.Errorf("%s: %d, want %d", position, got.Code, want)
		}
	}
}

func TestHostileEventInThePlayground(t *testing.T) {
	b := playgroundBench(t)
	for _, event := range []string{
		hostile,
		`{"type":"identify","userId":"<script>alert(1)</script>","traits":{"<img src=x onerror=alert(1)>":"\u202e\u0007` + "\u202e" + `</textarea><script>"}}`,
		`{"type":"track","userId":"u1","event":"` + strings.Repeat("<script>", 1<<16) + `"}`,
		`{"type":"` + strings.Repeat("x", 1<<19) + `","userId":"u1"}`,
		"</textarea><script>alert(1)</script>",
	} {
		got := b.post(t, "/playground", url.Values{"event": {event}})
		if got.Code != 200 {
			t.Errorf("%.50s: %d", event, got.Code)
		}
		page := parse(t, got.Body)
		for n := range page.Descendants() {
			if n.Data == "script" && (n.FirstChild != nil || !strings.HasPrefix(attribute(n, "src"), assetPrefix)) || n.Data == "img" && attribute(n, "src") == "x" {
				t.Errorf("%.50s: <%s> %v", event, n.Data, n.Attr)
			}
		}
		result := find(page, func(n *html.Node) bool { return attribute(n, "id") == "result" })
		if text := textOf(result); strings.ContainsAny(text, "\u202e\x07") || len(text) > 50_000 {
			t.Errorf("%.50s: %d bytes: %.200s", event, len(text), text)
		}
	}
	if got := b.post(t, "/playground", url.Values{"event": {strings.Repeat("x", playground.MaxEvent+1)}}); got.Code != 200 || !strings.Contains(textOf(parse(t, got.Body)), "It is rejected") {
		t.Errorf("too large: %d", got.Code)
	}
}

package console

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/journal"
)

func TestSourcesPage(t *testing.T) {
	b := setupBench(t)
	if text := textOf(b.page(t, "/sources")); !strings.Contains(text, "web 0 how to send one production from the file keys/web") {
		t.Error(text)
	}
	b.server.end = journal.SourceEnd{Events: 12345, Last: &journal.Entry{ReceivedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	if text := textOf(b.page(t, "/sources")); !strings.Contains(text, "web 12,345 2026-01-02 03:04:05 UTC production") {
		t.Error(text)
	}
	b.server.apps = nil
	if text := textOf(b.page(t, "/sources")); !strings.Contains(text, "There is no source yet.") {
		t.Error(text)
	}
}

func TestSourcePage(t *testing.T) {
	b := setupBench(t)
	page := b.page(t, "/sources/web")
	text := textOf(page)
	for _, want := range []string{
		"Waiting for the first event…", `analytics.load("WRITE_KEY", "http://127.0.0.1:8080", {`, "Node.js", "Android", "curl -u WRITE_KEY:",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "write-key-of-web") || strings.Contains(text, docsAddress) {
		t.Errorf("the key is shown, or the address of the documentation: %s", text)
	}
	address := find(page, func(n *html.Node) bool { return attribute(n, "name") == "address" && n.Data == "input" })
	if got := attribute(address, "value"); got != "http://127.0.0.1:8080" {
		t.Error(got)
	}
	b.server.end = journal.SourceEnd{Events: 1, Last: &journal.Entry{Position: journal.At(17, 3), ReceivedAt: time.Now()}}
	page = b.page(t, "/sources/web?address=https%3A%2F%2Fevents.example.com%2F")
	if text := textOf(page); !strings.Contains(text, "1 event received so far.") || !strings.Contains(text, `"https://events.example.com", {`) {
		t.Error(text)
	}
	if find(page, func(n *html.Node) bool { return attribute(n, "href") == "/events/17.3" }) == nil {
		t.Error("no link to the event")
	}
	for path, want := range map[string]int{
		"/sources/other": 404, "/sources/web?address=javascript:alert(1)": 400, "/sources/web?address=https://a:b@c": 400,
		"/sources/web?address=nowhere": 400, "/sources/web?address=https://x/" + strings.Repeat("y", 400): 400,
	} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d, want %d", path, got.Code, want)
		}
	}
}

func TestWriteKeyIsShownOnDemand(t *testing.T) {
	b := setupBench(t)
	if got := b.ask("/sources/web", url.Values{}); got.Code != http.StatusForbidden {
		t.Errorf("without a CSRF token: %d", got.Code)
	}
	got := b.post(t, "/sources/web", url.Values{"address": {"https://events.example.com"}})
	text := textOf(parse(t, got.Body))
	if got.Code != 200 || !strings.Contains(text, "The write key is write-key-of-web") || !strings.Contains(text, `analytics.load("write-key-of-web", "https://events.example.com", {`) {
		t.Error(text)
	}
	if log := b.log.String(); !strings.Contains(log, `what="show write key"`) || !strings.Contains(log, "source=web") || strings.Contains(log, "write-key-of-web") {
		t.Error(log)
	}
	if got := b.post(t, "/sources/other", nil); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
}

func TestSourceStream(t *testing.T) {
	b := setupBench(t)
	next := b.events(t, "/sources/web/stream")
	if got := next(); got != "seen" {
		t.Errorf("got %q", got)
	}
}

func TestGatewayAddress(t *testing.T) {
	b := setupBench(t)
	for _, test := range []struct{ gateway, host, want string }{
		{"http://127.0.0.1:8080", "localhost:8081", "http://localhost:8080"},
		{"http://127.0.0.1:8080", "tanker.internal", "http://tanker.internal:8080"},
		{"https://127.0.0.1:8443", "[::1]:8081", "https://[::1]:8443"},
		{"https://10.0.0.5:8443", "127.0.0.1:8081", "https://10.0.0.5:8443"},
		{"", "127.0.0.1:8081", docsAddress},
	} {
		b.server.gateway = test.gateway
		v := &visit{Request: &http.Request{Host: test.host}, backend: b.server}
		if got := v.gatewayAddress(); got != test.want {
			t.Errorf("%s seen from %s: %s, want %s", test.gateway, test.host, got, test.want)
		}
	}
}

// TestSnippetsAreTheDocumented keeps the copy that is embedded the same as the page.
func TestSnippetsAreTheDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/sdks.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != sdksPage {
		t.Error("internal/console/sdks.md differs from docs/sdks.md: copy it")
	}
	list := snippetsFor("https://x.example", "KEY")
	if n := strings.Count(sdksPage, "\n```") / 2; len(list) != n || n < 10 {
		t.Errorf("%d snippets, want %d", len(list), n)
	}
	for _, s := range list {
		if s.SDK == "" || strings.Contains(s.Code, "```") || !strings.Contains(s.Code, "KEY") || strings.Contains(s.Code, docsKey) || !strings.Contains(s.Code, "https://x.example") {
			t.Errorf("%+v", s)
		}
	}
}

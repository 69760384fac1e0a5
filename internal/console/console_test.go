package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/journal"
	"tanker/internal/series"
)

const token = "token-0123456789abcdef"

// fakeOverview is the part of a fake server that the overview asks.
type fakeOverview struct {
	status admin.Status
	store  *series.Store
	err    error
}

func (f *fakeOverview) Status(context.Context) (admin.Status, error) { return f.status, f.err }

func (f *fakeOverview) Series(destination string) (*series.Series, error) {
	for i := range f.status.Destinations {
		if f.status.Destinations[i].Name == destination {
			return f.store.Destination(destination), nil
		}
	}
	return nil, journal.ErrNotFound
}

func (f *fakeOverview) SourceSeries(source string) *series.Series { return f.store.Source(source) }

// fakeServer is a server as the pages see it. A test sets the parts that its page asks.
type fakeServer struct {
	*fakeOverview
	*fakeDead
	*fakeEvents
	*fakePlayground
	*fakeSetup
	*fakeErasing
}

// bench is a console with a fake server behind it, and a browser that has no script.
type bench struct {
	*Console

	server *fakeServer
	access *admin.Access
	log    *strings.Builder
	cookie *http.Cookie
	header http.Header // that the browser adds to each request
}

// newBench makes a console with nothing but an empty server.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		server: &fakeServer{
			fakeOverview:   &fakeOverview{store: series.New("")},
			fakeDead:       newFakeDead(t),
			fakeEvents:     &fakeEvents{},
			fakePlayground: &fakePlayground{},
			fakeSetup:      &fakeSetup{},
			fakeErasing:    &fakeErasing{&fakeErasures{}},
		},
		access: admin.NewAccess(config.NewSecret(token)),
		log:    &strings.Builder{}, header: http.Header{},
	}
	b.Console = New(Options{
		Access: b.access, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	b.SetBackend(b.server)
	return b
}

// ask makes a request; a form makes it a POST.
func (b *bench) ask(path string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8081"+path, nil)
	if form != nil {
		req = httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8081"+path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(req.Header, b.header)
	if b.cookie != nil {
		req.AddCookie(b.cookie)
	}
	recorder := httptest.NewRecorder()
	b.ServeHTTP(recorder, req)
	for _, cookie := range recorder.Result().Cookies() {
		b.cookie = cookie
	}
	return recorder
}

// logIn logs in.
func (b *bench) logIn(t *testing.T) *bench {
	t.Helper()
	if got := b.ask("/login", url.Values{"token": {token}}); got.Code != http.StatusSeeOther {
		t.Fatalf("login: %d %s", got.Code, got.Body)
	}
	return b
}

// page asks for a page, which must be there, and parses it.
func (b *bench) page(t *testing.T, path string) *html.Node {
	t.Helper()
	got := b.ask(path, nil)
	if got.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.Code, got.Body)
	}
	return parse(t, got.Body)
}

// post sends a form with the session's CSRF token.
func (b *bench) post(t *testing.T, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set(fieldCSRF, b.csrf(t))
	return b.ask(path, form)
}

// csrf is the token that pages of the session carry.
func (b *bench) csrf(t *testing.T) string {
	t.Helper()
	field := find(b.page(t, "/"), func(n *html.Node) bool { return n.Data == "input" && attribute(n, "name") == fieldCSRF })
	if field == nil {
		t.Fatal("the page has no CSRF token")
	}
	return attribute(field, "value")
}

func parse(t *testing.T, r io.Reader) *html.Node {
	t.Helper()
	root, err := html.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// find is the first node below another for which holds is true.
func find(root *html.Node, holds func(*html.Node) bool) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && holds(n) {
			return n
		}
	}
	return nil
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textOf is the text below a node, with single spaces.
func textOf(root *html.Node) string {
	var words []string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "title" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// TestAssetsArePinned has whoever replaces a file of somebody else say so here. The licences are in licenses/.
func TestAssetsArePinned(t *testing.T) {
	for name, want := range map[string]string{
		"htmx.min.js":         "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717", // htmx.org 2.0.11
		"htmx-ext-sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136", // htmx-ext-sse 2.2.4
		"uPlot.iife.min.js":   "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f", // uplot 1.6.32
		"uPlot.min.css":       "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
	} {
		content, err := fs.ReadFile(assetFiles, "assets/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is another file: %x", name, sum)
		}
	}
}

func TestAssetsMayBeKept(t *testing.T) {
	b := newBench(t)
	path, err := b.assets.path("console.css")
	if err != nil {
		t.Fatal(err)
	}
	got := b.ask(path, nil)
	if got.Code != 200 || got.Header().Get("Content-Type") != "text/css; charset=utf-8" || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("%d %v", got.Code, got.Header())
	}
	if got := b.ask("/assets/console.000000000000.css", nil); got.Code != 404 {
		t.Errorf("another version: %d", got.Code)
	}
}

func TestHeaders(t *testing.T) {
	got := newBench(t).logIn(t).ask("/", nil)
	policy := got.Header().Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
		t.Errorf("policy %s", policy)
	}
	if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", got.Header())
	}
	for n := range parse(t, got.Body).Descendants() {
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			t.Errorf("<%s> in the page", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s> in the page", n.Data, a.Key)
			}
		}
	}
}

func TestProblems(t *testing.T) {
	b := newBench(t).logIn(t)
	if got := b.ask("/nowhere", nil); got.Code != 404 || !strings.Contains(got.Body.String(), "there is no such page") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	b.server.err = errors.New(`<script>alert("x")</script>`)
	if got := b.ask("/", nil); got.Code != 500 || strings.Contains(got.Body.String(), "<script>alert") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	b.SetBackend(nil)
	if got := b.ask("/", nil); got.Code != 503 || !strings.Contains(got.Body.String(), `http-equiv="refresh"`) {
		t.Errorf("without a server: %d %s", got.Code, got.Body)
	}
}

func TestFunctions(t *testing.T) {
	for got, want := range map[string]string{
		number(48210):                        "48,210",
		number(-1234567):                     "-1,234,567",
		number(uint64(7)):                    "7",
		size(512):                            "512 bytes",
		size(int64(1536)):                    "1.5 KiB",
		span(90 * time.Second):               "90 s",
		span(26 * time.Hour):                 "26 h",
		visible("a\u202eb\x1b\u200b\nc"):     "a⟨U+202E⟩b⟨U+001B⟩⟨U+200B⟩\nc",
		visible("ok \xff é 👩‍🚀"):             "ok � é 👩‍🚀",
		short(3, "abcdef"):                   "abc… (6 characters)",
		short(6, "äöüäöü"):                   "äöüäöü",
		pretty([]byte(`{"a":1e400,"b":[]}`)): "{\n  \"a\": 1e400,\n  \"b\": []\n}",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	large := pretty([]byte(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`))
	if len(large) > 10_000 || !strings.Contains(large, "1,048,58") {
		t.Errorf("a large value is shown in %d bytes: …%s", len(large), large[max(0, len(large)-100):])
	}
	many := pretty([]byte("[" + strings.Repeat("1,", 1<<18) + "1]"))
	if len(many) > 2*maxJSON || !strings.Contains(many, "cut off here") {
		t.Errorf("many values are shown in %d bytes", len(many))
	}
	if got, err := query("/events", "destination", "a b", "user", ""); err != nil || got != "/events?destination=a+b" {
		t.Errorf("%s, %v", got, err)
	}
}

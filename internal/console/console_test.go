package console

import (
	"bufio"
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
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
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

func TestEveryPageAsksForALogin(t *testing.T) {
	b := newBench(t)
	for _, item := range b.nav {
		got := b.ask(item.Path, nil)
		if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/login?next="+url.QueryEscape(item.Path) {
			t.Errorf("%s: %d %v", item.Path, got.Code, got.Header())
		}
	}
	if got := b.ask("/logout", url.Values{}); got.Code != http.StatusUnauthorized {
		t.Errorf("a change: %d", got.Code)
	}
	b.header.Set("HX-Request", "true")
	if got := b.ask("/", nil); got.Code != http.StatusUnauthorized || got.Header().Get("Hx-Redirect") == "" {
		t.Errorf("a part of a page: %d %v", got.Code, got.Header())
	}
}

func TestLogin(t *testing.T) {
	b := newBench(t)
	if got := b.ask("/login", url.Values{"token": {"wrong"}}); got.Code != http.StatusUnauthorized || b.cookie != nil {
		t.Errorf("a wrong token: %d, %v", got.Code, b.cookie)
	}
	got := b.ask("/login", url.Values{"token": {" " + token + "\n"}, "next": {"/dead?reason=x"}})
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/dead?reason=x" {
		t.Fatalf("the right token: %d %v", got.Code, got.Header())
	}
	if c := b.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Name != "tanker_session_8081" {
		t.Errorf("cookie %v", c)
	}
	if got := b.ask("/", nil); got.Code != 200 {
		t.Errorf("a page: %d", got.Code)
	}
	if log := b.log.String(); strings.Contains(log, token) || strings.Contains(log, b.cookie.Value) || strings.Count(log, "msg=audit what=\"log in\"") != 2 {
		t.Errorf("log: %s", log)
	}
	was := b.cookie
	if got := b.post(t, "/logout", nil); got.Code != http.StatusSeeOther || b.cookie.MaxAge >= 0 {
		t.Errorf("logout: %d, %v", got.Code, b.cookie)
	}
	b.cookie = was
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("with the cookie of a session that is over: %d", got.Code)
	}
}

func TestCookieIsSecureBehindTLS(t *testing.T) {
	b := newBench(t)
	b.header.Set("X-Forwarded-Proto", "https")
	if b.logIn(t); !b.cookie.Secure {
		t.Error("the cookie may be sent without TLS")
	}
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/events?user=a": "/events?user=a", "": "/", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/",
		"/\tevil": "/", "/login?next=/login": "/", "javascript:alert(1)": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

func TestLoginLinkOpensOnce(t *testing.T) {
	b := newBench(t)
	secret, _, err := b.access.NewLink()
	if err != nil {
		t.Fatal(err)
	}
	page := b.page(t, "/login?link="+secret)
	if field := find(page, func(n *html.Node) bool { return attribute(n, "name") == "link" }); attribute(field, "value") != secret || b.cookie != nil {
		t.Errorf("looking at the link: %s, %v", textOf(page), b.cookie)
	}
	if got := b.ask("/login", url.Values{"link": {secret}}); got.Code != http.StatusSeeOther || b.ask("/", nil).Code != 200 {
		t.Errorf("using it: %d %s", got.Code, got.Body)
	}
	b.cookie = nil
	if got := b.ask("/login", url.Values{"link": {secret}}); got.Code != http.StatusUnauthorized || b.cookie != nil {
		t.Errorf("using it again: %d", got.Code)
	}
	if strings.Contains(b.log.String(), secret) {
		t.Error("the log has the link")
	}
}

func TestSessionIsKnown(t *testing.T) {
	b := newBench(t)
	b.header.Set("HX-Request", "true")
	if got := b.ask("/session", nil); got.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got.Code)
	}
	if got := b.logIn(t).ask("/session", nil); got.Code != http.StatusNoContent {
		t.Errorf("somebody: %d", got.Code)
	}
}

func TestSessionsEndWithTheToken(t *testing.T) {
	access, made, err := admin.OpenAccess(filepath.Join(t.TempDir(), "token"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.Console = New(Options{Access: access})
	b.SetBackend(b.server)
	if got := b.ask("/login", url.Values{"token": {made.Reveal()}}); got.Code != http.StatusSeeOther {
		t.Fatalf("%d", got.Code)
	}
	if _, err := access.Renew(); err != nil {
		t.Fatal(err)
	}
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("with the old token's session: %d", got.Code)
	}
}

func TestTooManyWrongTokens(t *testing.T) {
	b := newBench(t)
	var got *httptest.ResponseRecorder
	for range 30 {
		got = b.ask("/login", url.Values{"token": {"wrong"}})
	}
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") == "" || !strings.Contains(got.Body.String(), "too many wrong tokens") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestChangesFromElsewhereAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		header, value string
		token         bool
	}{
		"no CSRF token":             {"Sec-Fetch-Site", "same-origin", false},
		"another site":              {"Sec-Fetch-Site", "cross-site", true},
		"another port":              {"Sec-Fetch-Site", "same-site", true},
		"another origin":            {"Origin", "http://127.0.0.1:3000", true},
		"an origin that is nowhere": {"Origin", "null", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).logIn(t)
			form := url.Values{}
			if test.token {
				form.Set(fieldCSRF, b.csrf(t))
			}
			b.header.Set(test.header, test.value)
			if got := b.ask("/logout", form); got.Code != http.StatusForbidden {
				t.Errorf("%d %s", got.Code, got.Body)
			}
			b.header = http.Header{}
			if got := b.ask("/", nil); got.Code != 200 {
				t.Errorf("it was done nevertheless: %d", got.Code)
			}
		})
	}
	t.Run("another session's CSRF token", func(t *testing.T) {
		b := newBench(t).logIn(t)
		other := b.csrf(t)
		b.cookie = nil
		if got := b.logIn(t).ask("/logout", url.Values{fieldCSRF: {other}}); got.Code != http.StatusForbidden {
			t.Errorf("%d", got.Code)
		}
	})
	t.Run("a login", func(t *testing.T) {
		b := newBench(t)
		b.header.Set("Sec-Fetch-Site", "cross-site")
		if got := b.ask("/login", url.Values{"token": {token}}); got.Code != http.StatusForbidden || b.cookie != nil {
			t.Errorf("%d", got.Code)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t).logIn(t)
		for range 20 { // looked at now and then
			time.Sleep(sessionIdle - time.Minute)
			if time.Since(b.sessions.only().created) > sessionAge {
				break
			}
			if got := b.ask("/", nil); got.Code != 200 {
				t.Fatalf("while it is used: %d", got.Code)
			}
		}
		if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
			t.Errorf("after a week: %d", got.Code)
		}
		b.logIn(t)
		time.Sleep(sessionIdle - time.Minute)
		b.header.Set("HX-Request", "true") // a page that updates itself
		if got := b.ask("/", nil); got.Code != 200 {
			t.Errorf("before that: %d", got.Code)
		}
		b.header = http.Header{}
		time.Sleep(2 * time.Minute)
		if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
			t.Errorf("after half a day without a look: %d", got.Code)
		}
	})
}

// only is one session.
func (s *sessions) only() *session {
	for _, each := range s.byID {
		return each
	}
	return nil
}

func TestSessionsAreBounded(t *testing.T) {
	b := newBench(t).logIn(t)
	first := b.cookie
	for range maxSessions {
		b.cookie = nil
		b.logIn(t)
	}
	if n := len(b.sessions.byID); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	if got := b.ask("/", nil); got.Code != 200 {
		t.Errorf("the last one: %d", got.Code)
	}
	b.cookie = first
	if got := b.ask("/", nil); got.Code != http.StatusSeeOther {
		t.Errorf("the one that was not used: %d", got.Code)
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

// events reads the names of a stream's events, over a real connection.
func (b *bench) events(t *testing.T, path string) (next func() string) {
	t.Helper()
	web := httptest.NewServer(b)
	client := web.Client()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
	req.Header.Set("Accept", "text/event-stream")
	req.AddCookie(&http.Cookie{Name: cookieName(req), Value: b.cookie.Value})
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); web.Close() })
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				return name
			}
		}
		return ""
	}
}

func TestStreamEndsWithTheSession(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.status.Destinations = []admin.DestinationStatus{{Name: "production"}}
	next := b.events(t, "/overview/stream")
	if got := next(); got != "verdict" {
		t.Errorf("first %q", got)
	}
	b.sessions.end(b.sessions.only())
	got := next()
	for ; got != "over" && got != ""; got = next() { // what is on its way already
	}
	if got != "over" {
		t.Error("the page does not hear of it")
	}
}

func TestStreamEndsWhenTheServerStops(t *testing.T) {
	b := newBench(t).logIn(t)
	next := b.events(t, "/overview/stream")
	b.Close()
	for next() != "" { // until it ends
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s, one := newStreams(), &session{}
	for i := range maxSessionStreams {
		if !s.open(one) {
			t.Fatalf("stream %d is refused", i)
		}
	}
	if s.open(one) {
		t.Error("one session has too many")
	}
	for s.open(&session{}) { // each of somebody else
	}
	if s.all != maxStreams {
		t.Errorf("%d streams", s.all)
	}
	s.close(one)
	if !s.open(one) {
		t.Error("the place of one that has ended is not free")
	}
}

// TestEventsOfAStream: browsers drop an event without data, and take each line of it by itself.
func TestEventsOfAStream(t *testing.T) {
	for data, want := range map[string]string{
		"":             "event: name\ndata:\n\n",
		"one":          "event: name\ndata: one\n\n",
		"one\r\n\ntwo": "event: name\ndata: one\ndata: \ndata: two\n\n",
	} {
		w := httptest.NewRecorder()
		s := &Stream{visit: &visit{w: w}, control: http.NewResponseController(w), stop: func() {}}
		if err := s.Send("name", []byte(data)); err != nil || w.Body.String() != want {
			t.Errorf("%q becomes %q, %v", data, w.Body, err)
		}
	}
}

// TestStreamsSayThatTheyAreAlive waits on a stream on which nothing happens.
func TestStreamsSayThatTheyAreAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t).logIn(t)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8081/overview/stream", nil)
		req.AddCookie(b.cookie)
		w, ended := httptest.NewRecorder(), make(chan struct{})
		go func() { b.ServeHTTP(w, req); close(ended) }()
		time.Sleep(5*heartbeat + time.Second)
		stop()
		<-ended
		if alive := strings.Count(w.Body.String(), ": alive\n\n"); alive != 5 {
			t.Errorf("it said %d times that it is alive, want 5: %s", alive, w.Body)
		}
	})
}

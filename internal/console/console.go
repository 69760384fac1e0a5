// Package console is the web console for operators: pages that are made on the server and shown on the admin port.
//
// Each page is a file here, with its template in pages/ and an interface that says what it needs of the running server.
// The package decides who may see them and what they look like; what they show and change is the server's.
package console

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is the running server as the pages see it: each page says what it needs.
type Backend interface {
	overviewBackend
	liveBackend
	eventBackend
	userBackend
	erasureBackend
	deadBackend
	playgroundBackend
	destinationsBackend
	sourcesBackend
}

// Access decides who may come in.
type Access interface {
	// Admit returns nil if a token is the right one. An address that has brought too many wrong ones has to wait: then
	// the error is an *admin.WaitError, whatever the token.
	Admit(address, token string) error
	// Redeem reports whether a login link opens the console. It does so once.
	Redeem(link string) bool
	// Generation grows when the token is replaced: who came in with an earlier one has to come again.
	Generation() uint64
}

// Options configure a Console.
type Options struct {
	// Access decides who may come in. Required.
	Access Access
	// Version is what the pages say of the program.
	Version string
	// Logger gets an audit line for each login and each change. Default: no log.
	Logger *slog.Logger
}

// Console answers requests for pages. Until it has a backend its pages say that the server is starting.
type Console struct {
	options  Options
	log      *slog.Logger
	mux      *http.ServeMux
	assets   *assets
	pages    map[string]*template.Template // by name
	nav      []navItem
	sessions *sessions
	streams  *streams
	origins  *http.CrossOriginProtection
	backend  atomic.Pointer[Backend]

	closing   chan struct{}
	closeOnce sync.Once
}

// New makes a console.
func New(o Options) *Console {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Console{
		options: o, log: o.Logger, mux: http.NewServeMux(), pages: map[string]*template.Template{},
		sessions: newSessions(o.Access.Generation, time.Now), streams: newStreams(),
		origins: http.NewCrossOriginProtection(), closing: make(chan struct{}),
	}
	if err := c.load(); err != nil {
		panic(err) // what is embedded is wrong, whatever the options
	}
	c.mux.Handle("GET "+assetPrefix, c.assets)
	c.loginRoutes()
	for _, page := range c.list() {
		page.routes(routes{c})
	}
	routes{c}.get("/", func(*visit) error { return errNoPage })
	return c
}

// page is one page of the console, or several that belong together.
type page struct {
	nav    []navItem // its entries in the navigation
	routes func(routes)
}

// navItem is an entry in the navigation.
type navItem struct {
	Path string
	Text string
}

// list is all pages, in the order of the navigation.
func (c *Console) list() []page {
	return []page{
		overviewPage(),
		livePage(),
		eventPages(),
		userPages(),
		erasurePages(),
		deadPage(),
		playgroundPage(),
		destinationsPage(),
		sourcesPage(),
	}
}

// load reads what is embedded.
func (c *Console) load() error {
	for _, page := range c.list() {
		c.nav = append(c.nav, page.nav...)
	}
	var err error
	if c.assets, err = newAssets(); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	if c.pages, err = c.parsePages(); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	return nil
}

// SetBackend says what the pages show; nil means nothing for now.
func (c *Console) SetBackend(b Backend) {
	if b == nil {
		c.backend.Store(nil)
		return
	}
	c.backend.Store(&b)
}

// Close ends the streams that pages have open, which would keep a server from stopping. Pages are still answered.
func (c *Console) Close() { c.closeOnce.Do(func() { close(c.closing) }) }

// contentPolicy lets pages load nothing but the console's own files, and run no script that stands in a page.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP answers a request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      contentPolicy,
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	} {
		w.Header().Set(name, value)
	}
	c.mux.ServeHTTP(w, r)
}

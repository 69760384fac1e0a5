package sdk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"tanker/refiner/refinertest"
)

// browserSDKs are RudderStack's SDKs for browsers: where npm puts the file, and what a page does to start them.
var browserSDKs = map[string]struct{ file, start string }{
	"v3": {
		"node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/esm/index.mjs",
		`import { RudderAnalytics } from "/sdk.mjs"; window.analytics = new RudderAnalytics();`,
	},
	"v1": {
		"node_modules/rudder-sdk-js/dist/npm/index.es.js",
		`import * as analytics from "/sdk.mjs"; window.analytics = analytics;`,
	},
}

// shop is a web site, of another origin than Tanker, whose page loads an SDK.
func shop(t *testing.T, sdk, dataPlane, options string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sdk.mjs", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		http.ServeFile(w, r, browserSDKs[sdk].file)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><script type="module">%s
			analytics.load(%q, %q, {configUrl: %[3]q, sendAdblockPage: false, %s});
			analytics.ready(() => { window.started = true });
		</script>`, browserSDKs[sdk].start, writeKey, dataPlane, options)
	})
	mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>Elsewhere</title>") })
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	return site.URL
}

// browse opens a page in a browser of its own and waits until its SDK has started.
func browse(t *testing.T, page string) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, closeBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	browser, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil { // waits until the browser is gone
			t.Errorf("close the browser: %v", err)
		}
		closeTab()
		closeBrowser()
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	ctx, cancel := context.WithTimeout(browser, 90*time.Second)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(page), chromedp.Poll[chromedp.Void]("window.started", chromedp.WithPollingTimeout(0))); err != nil {
		t.Fatalf("the SDK did not start: %v", err)
	}
	return ctx
}

// chromium finds the browser. Without one the test is skipped, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
	requireSDK(t)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("Chromium is not installed, which make test does")
	}
	t.Skip("Chromium is not installed: run make test")
	return ""
}

func do(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void]("void ("+script+")")); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
}

// unsteady passes requests on to the gateway, but answers the first few that bring events with 503. It notes the paths
// of those that bring events.
func unsteady(t *testing.T, gateway string, failures int64) (address string, paths func() []string) {
	t.Helper()
	to, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64
	left.Store(failures)
	seen := make(chan string, 1000)
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			seen <- r.URL.Path
			if left.Add(-1) >= 0 {
				w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
				w.Header().Set("Access-Control-Allow-Credentials", "true")
				http.Error(w, "service unavailable", http.StatusServiceUnavailable)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { web.Close(); transport.CloseIdleConnections() })
	return web.URL, func() []string {
		var list []string
		for len(seen) > 0 {
			list = append(list, <-seen)
		}
		return list
	}
}

// TestBrowserSDKs sends identify, track, page and group from a page, one after the other, while the first requests are
// answered 503, and an event of somebody unknown after a reset.
func TestBrowserSDKs(t *testing.T) {
	for sdk := range browserSDKs {
		t.Run(sdk, func(t *testing.T) {
			refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
			at, status := startTanker(t, refiner.URL)
			address, paths := unsteady(t, at.Gateway, 2)
			page := browse(t, shop(t, sdk, address, ""))

			steps := []struct{ script, want string }{
				{
					`analytics.identify("u1", {email: "alex@example.com", plan: "pro", seats: 12})`,
					`/v1/identify-user {"id":"u1","email":"alex@example.com","plan":"pro","seats":12}`,
				},
				{
					`analytics.track("Order Completed", {orderId: "ORD122", price: 5.67})`,
					`/v1/track-event {"id":"u1","email":"alex@example.com","event":"Order Completed"}`,
				},
				{
					`analytics.page("Docs", "Home", {path: "/docs"})`,
					`/v1/track-event {"id":"u1","email":"alex@example.com","event":"Viewed Docs Home Page"}`,
				},
				{
					`analytics.group("acme", {name: "Acme", employees: 1000})`,
					`/v1/identify-user {"id":"u1","email":"alex@example.com","account":{"id":"acme","name":"Acme","employees":1000}}`,
				},
			}
			var want []string
			for i, step := range steps {
				want = append(want, step.want)
				do(t, page, step.script)
				if err := refiner.WaitCalls(page, int64(i+1)); err != nil {
					t.Fatalf("%s did not arrive: %v", step.script, err)
				}
			}
			do(t, page, `analytics.reset(true)`)
			do(t, page, `analytics.track("Pricing Viewed")`)
			for status().Totals.Rejected["no_identity"] == 0 {
				if page.Err() != nil {
					t.Fatal("the event after the reset was not taken")
				}
			}
			if diff := cmp.Diff(want, summaries(refiner)); diff != "" {
				t.Error(diff)
			}
			if got := len(paths()); got < len(steps)+1+2 {
				t.Errorf("%d requests brought events, want the first ones again", got)
			}
		})
	}
}

// TestBrowserLeaves sends an event with the browser's beacon while the page is being left.
func TestBrowserLeaves(t *testing.T) {
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	at, _ := startTanker(t, refiner.URL)
	address, paths := unsteady(t, at.Gateway, 0)
	site := shop(t, "v3", address, `useBeacon: true, beaconQueueOptions: {flushQueueInterval: 10 * 60 * 1000}`)
	page := browse(t, site)
	do(t, page, `analytics.identify("u1", {plan: "pro"})`)
	do(t, page, `analytics.track("Page Left")`)
	if err := chromedp.Do(page, chromedp.Navigate(site+"/elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := refiner.WaitCalls(page, 2); err != nil {
		t.Fatalf("what was sent on leaving did not arrive: %v", err)
	}
	want := []string{`/v1/identify-user {"id":"u1","plan":"pro"}`, `/v1/track-event {"id":"u1","event":"Page Left"}`}
	if diff := cmp.Diff(want, summaries(refiner)); diff != "" {
		t.Error(diff)
	}
	if got := paths(); !slices.Contains(got, "/beacon/v1/batch") {
		t.Errorf("requests went to %v, want a beacon", got)
	}
}

// TestPixelInAPage loads the image that a mail or a page without scripts has.
func TestPixelInAPage(t *testing.T) {
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	at, _ := startTanker(t, refiner.URL)
	page := browse(t, shop(t, "v3", at.Gateway, ""))
	image := at.Gateway + "/pixel/v1/track?writeKey=" + writeKey + "&userId=u7&event=Mail%20Opened"
	script := fmt.Sprintf(`new Promise((done, failed) => { const i = new Image(); i.onload = () => done(i.width); i.onerror = failed; i.src = %q })`, image)
	width, err := chromedp.Run(page, chromedp.Evaluate[int](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if width != 1 {
		t.Errorf("the image is %d pixels wide", width)
	}
	if err := refiner.WaitCalls(page, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`/v1/track-event {"id":"u7","event":"Mail Opened"}`}, summaries(refiner)); diff != "" {
		t.Error(diff)
	}
}

// summaries are the paths and bodies of what arrived.
func summaries(refiner *refinertest.Server) []string {
	var list []string
	for _, c := range refiner.Calls() {
		list = append(list, c.Path+" "+strings.TrimSpace(string(c.Body)))
	}
	return list
}

package console_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"tanker/internal/tankertest"
)

// shots is where screenshots are kept: with none named, in the test's own directory for artifacts.
var shots = flag.String("shots", "", "`DIR` for screenshots of the pages (default: the test's artifacts, see go help testflag)")

// tab is a browser with one page open. What goes wrong in it without anybody seeing fails the test at its end: errors in
// the console, breaches of the content policy, requests to other hosts.
type tab struct {
	context.Context

	base string // URL of the console
	dir  string // for screenshots

	mu    sync.Mutex
	wrong []string
	fine  []string // parts of what may be wrong
}

// open starts a browser.
func open(t *testing.T, k *tanker) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, closeBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	browser, closeTab := chromedp.NewContext(allocator)
	b := &tab{base: k.Admin, dir: shotDir(t)}
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil { // waits until the browser is gone
			t.Errorf("close the browser: %v", err)
		}
		closeTab()
		closeBrowser()
		for _, wrong := range b.wrong {
			t.Errorf("in the browser: %s", wrong)
		}
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	ctx, cancel := context.WithTimeout(browser, 2*time.Minute)
	t.Cleanup(cancel)
	b.Context = ctx
	if err := chromedp.Listen(browser, b.listen); err != nil {
		t.Fatal(err)
	}
	b.do(t, "start to listen",
		command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}),
		command(network.Enable, network.EnableParams{}), chromedp.EmulateViewport(1280, 900))
	return b
}

// logIn opens a browser and logs in.
func logIn(t *testing.T, k *tanker) *tab {
	t.Helper()
	b := open(t, k)
	b.visit(t, "/login")
	b.do(t, "log in", chromedp.SendKeys(chromedp.CSS("#token"), adminToken), chromedp.KeyEvent("\r"))
	b.until(t, `document.querySelector("nav [aria-current]") !== null`)
	return b
}

// command makes an action of a command of the protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

// do carries out actions.
func (b *tab) do(t *testing.T, what string, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, b.text())
	}
}

// visit opens a path of the console.
func (b *tab) visit(t *testing.T, path string) {
	t.Helper()
	b.do(t, "visit "+path, chromedp.Navigate(b.base+path))
}

// click clicks on what a CSS selector finds first, once it can be seen. The page may just have put something else in its
// place: then that is clicked on.
func (b *tab) click(t *testing.T, selector string) {
	t.Helper()
	const replaced = "Could not find node with given id"
	for {
		err := chromedp.Do(b, chromedp.Click(chromedp.CSS(selector)))
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), replaced) {
			t.Fatalf("click %s: %v\n%s", selector, err, b.text())
		}
	}
}

// until waits until an expression in the page holds.
func (b *tab) until(t *testing.T, script string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b, 30*time.Second)
	defer cancel()
	var last error // while one page gives way to another there is nothing to ask
	err := tankertest.Await(ctx, func() (bool, error) {
		var holds bool
		holds, last = chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+script+")"))
		return holds && last == nil, nil
	})
	if err != nil {
		t.Fatalf("never: %s: %v\n%s", script, last, b.text())
	}
}

// shows waits until the page shows a text.
func (b *tab) shows(t *testing.T, text string) {
	t.Helper()
	b.until(t, fmt.Sprintf("document.body?.innerText.replace(/\\s+/g, ' ').includes(%q)", text))
}

// text is what the page shows, for messages.
func (b *tab) text() string {
	text, err := chromedp.Run(b, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// value is what an expression in the page is.
func value[T any](t *testing.T, b *tab, script string) T {
	t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// looks are how pages are looked at.
var looks = []struct {
	name   string
	scheme string
	width  int64
}{
	{"light-360", "light", 360},
	{"light-1600", "light", 1600},
	{"dark-360", "dark", 360},
	{"dark-1600", "dark", 1600},
}

// shot keeps screenshots of the whole page, light and dark, narrow and wide, and fails if the page is wider than the
// window.
func (b *tab) shot(t *testing.T, name string) {
	t.Helper()
	for _, look := range looks {
		b.do(t, "look "+look.name, chromedp.EmulateViewport(look.width, 900),
			command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
			}))
		b.until(t, fmt.Sprintf("innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches", look.width, look.scheme))
		if wide := value[int](t, b, "document.documentElement.scrollWidth"); wide > int(look.width) {
			t.Errorf("%s %s: the page is %d wide", name, look.name, wide)
		}
		image, err := chromedp.Run(b, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatalf("screenshot %s: %v", name, err)
		}
		if look.width > 1000 {
			b.accessible(t, name+" "+look.name)
		}
		file := filepath.Join(b.dir, name+"-"+look.name+".png")
		if err := os.WriteFile(file, image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("screenshots: %s", filepath.Join(b.dir, name+"-*.png"))
	b.do(t, "look as before", chromedp.EmulateViewport(1280, 900), command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))
}

// accessible fails if axe-core finds something serious in the page.
func (b *tab) accessible(t *testing.T, name string) {
	t.Helper()
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("axe-core is not installed, which make test does")
		}
		t.Logf("%s is not checked with axe-core, which is not installed: run make test", name)
		return
	}
	if _, err := chromedp.Run(b, chromedp.Evaluate[chromedp.Void](string(axe)+"; void 0")); err != nil {
		t.Fatalf("axe-core: %v", err)
	}
	found, err := chromedp.Run(b, chromedp.Evaluate[[]string](`axe.run().then(r => r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.flatMap(v => v.nodes.map(n => v.impact + ": " + v.help + ": " + n.html + " " + n.failureSummary)))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("axe-core: %v", err)
	}
	for _, problem := range found {
		t.Errorf("%s: %s", name, problem)
	}
}

// permit lets something go wrong in the browser whose message contains a text: an answer 401, for example.
func (b *tab) permit(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fine = append(b.fine, text)
}

// listen notes what goes wrong.
func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.note(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value)+arg.Description)
			}
			b.note(fmt.Sprintf("console.%s: %s", e.Type, strings.Join(words, " ")))
		}
	case *runtime.EventExceptionThrown:
		b.note("exception: " + e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if at, err := url.Parse(e.Request.URL); err == nil && at.Scheme != "data" && at.Scheme != "blob" && !strings.HasPrefix(e.Request.URL, b.base+"/") {
			b.note("request to another host: " + e.Request.URL)
		}
	case *page.EventJavascriptDialogOpening:
		b.note("dialog: " + e.Message)
	}
}

func (b *tab) note(wrong string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fine := range b.fine {
		if strings.Contains(wrong, fine) {
			return
		}
	}
	b.wrong = append(b.wrong, wrong)
}

// shotDir is where a test keeps its screenshots.
func shotDir(t *testing.T) string {
	t.Helper()
	if *shots == "" {
		return t.ArtifactDir()
	}
	if err := os.MkdirAll(*shots, 0o700); err != nil {
		t.Fatal(err)
	}
	return *shots
}

// chromium finds the browser. Without one the test is skipped, but not in CI.
func chromium(t *testing.T) string {
	t.Helper()
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

// edit replaces a part of a text area as a hand does: what listens to input hears of it.
func (b *tab) edit(t *testing.T, selector, old, with string) {
	t.Helper()
	script := fmt.Sprintf(`(() => {
		const area = document.querySelector(%q), at = area.value.indexOf(%q);
		if (at < 0) return false;
		area.focus();
		area.setSelectionRange(at, at + %d);
		return document.execCommand("insertText", false, %q);
	})()`, selector, old, len(old), with)
	if !value[bool](t, b, script) {
		t.Fatalf("%s does not hold %q: %s", selector, old, b.text())
	}
}

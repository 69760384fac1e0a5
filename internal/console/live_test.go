package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/internal/live"
	"tanker/refiner"
)

// fakeEvents is the part of a fake server that the pages of events ask.
type fakeEvents struct {
	frames       []live.Frame // what happens
	mu           sync.Mutex   // of watched
	watched      live.Filter  // that was asked for last
	watchErr     error        // what watching ends with; nil means that nothing more happens
	destinations []string

	event     history.Inspected // that there is
	inspected history.InspectOptions
	resent    []string
	resendErr error
	listed    history.ListOptions // that were asked for last
	list      history.Page
	sought    history.FindOptions
	found     history.Found

	waiting    map[string]history.Waiting // by destination and user
	asked      string                     // whose contact
	contact    refiner.ContactRecord
	contactErr error
}

func (f *fakeEvents) Watch(ctx context.Context, filter live.Filter, emit func(live.Frame) error) error {
	f.watch(filter)
	for _, frame := range f.frames {
		if err := emit(frame); err != nil {
			return err
		}
	}
	if f.watchErr != nil {
		return f.watchErr
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeEvents) Latest(_ context.Context, filter live.Filter) (live.Frame, error) {
	f.watch(filter)
	if f.watchErr != nil {
		return live.Frame{}, f.watchErr
	}
	return f.frames[0], nil
}

func (f *fakeEvents) watch(filter live.Filter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = filter
}

func (f *fakeEvents) SourceNames() []string      { return []string{"app", "site"} }
func (f *fakeEvents) DestinationNames() []string { return f.destinations }

// hostileTexts are texts that try to be more than text.
var hostileTexts = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, "a\u202egnp.exe", "\x1b[31m\x00\u2066",
	`</li><li id="x">`, "{{.CSRF}}", "line\r\ndata: x\r\n\r\nevent: over\r\ndata: ", strings.Repeat("é", 500_000), `' onmouseover='x`,
}

func (f *fakeEvents) Inspect(_ context.Context, at journal.Position, o history.InspectOptions) (history.Inspected, error) {
	f.inspected = o
	if at != f.event.Position {
		return history.Inspected{}, journal.ErrNotFound
	}
	return f.event, nil
}

func (f *fakeEvents) Resend(_ context.Context, destination string, at journal.Position) error {
	f.resent = append(f.resent, fmt.Sprint(destination, " ", at))
	return f.resendErr
}

func (f *fakeEvents) List(_ context.Context, o history.ListOptions) (history.Page, error) {
	f.listed = o
	return f.list, nil
}

func (f *fakeEvents) Find(_ context.Context, o history.FindOptions) (history.Found, error) {
	f.sought = o
	return f.found, nil
}

func (f *fakeEvents) Waiting(_ context.Context, destination, user string) (history.Waiting, bool) {
	w, known := f.waiting[destination+" "+user]
	return w, known
}

func (f *fakeEvents) Contact(_ context.Context, destination, user string) (refiner.ContactRecord, error) {
	f.asked = destination + " " + user
	return f.contact, f.contactErr
}

func row(n int, name string, outcomes ...live.Outcome) *live.Row {
	return &live.Row{Event: &live.Event{
		Position: journal.At(uint64(n), 0), Source: "app", Type: "track", Name: name, User: name, ReceivedAt: time.Now(),
	}, Outcomes: outcomes}
}

// onlyText fails if a page has an element or an attribute that no template writes.
func onlyText(t *testing.T, root *html.Node) {
	t.Helper()
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "img" && attribute(n, "src") == "x" || n.Data == "script" && n.FirstChild != nil || attribute(n, "id") == "x" {
			t.Errorf("<%s> has been let in", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "href" && strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("<%s %s=%q> has been let in", n.Data, a.Key, a.Val)
			}
		}
	}
	text := textOf(root)
	for _, hidden := range []string{"\u202e", "\u2066", "\x1b", "\x00"} {
		if strings.Contains(text, hidden) {
			t.Errorf("the page shows %+q as it is", hidden)
		}
	}
}

func TestLivePage(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.destinations = []string{"refiner"}
	b.server.frames = []live.Frame{{Reset: true, Rows: []*live.Row{
		row(1, "First"),
		row(2, "Second", live.Outcome{Destination: "refiner", Kind: journal.Filtered, Reason: "consent", At: time.Now().Add(3 * time.Second)}),
	}}}
	root := b.page(t, "/live?event=+First+&type=TRACK&outcome=dead&source=app&user=u&destination=refiner")
	if want := (live.Filter{Source: "app", Type: "track", Event: "First", User: "u", Destination: "refiner", Outcome: journal.Dead}); b.server.watched != want {
		t.Errorf("the filter is %+v", b.server.watched)
	}
	list := find(root, func(n *html.Node) bool { return attribute(n, "id") == "live-rows" })
	if got := textOf(list); !strings.HasPrefix(got, time.Now().UTC().Format("2006-01-02")) || strings.Index(got, "Second") > strings.Index(got, "First") ||
		!strings.Contains(got, "filtered consent after 3.0 s") || !strings.Contains(got, "on its way") || strings.Contains(got, "refiner:") {
		t.Errorf("the rows are %q", got)
	}
	pause := find(root, func(n *html.Node) bool { return attribute(n, "id") == "live-pause" })
	if got := attribute(pause, "href"); got != "/live?destination=refiner&event=First&outcome=dead&paused=1&source=app&type=track&user=u" {
		t.Errorf("pause leads to %s", got)
	}
	if got := textOf(b.page(t, "/live?paused=1")); !strings.Contains(got, "Go on") {
		t.Error("a paused page cannot go on")
	}
	b.server.frames[0].Rows, b.server.destinations = nil, []string{"one", "two"}
	if got := textOf(b.page(t, "/live")); !strings.Contains(got, "No event has come yet") || !strings.Contains(got, "Destination") {
		t.Errorf("an empty page: %s", got)
	}
	b.server.watchErr = live.ErrCrowded
	if got := b.ask("/live", nil); got.Code != 503 || !strings.Contains(got.Body.String(), "close some of them") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

func TestLivePageIsHarmless(t *testing.T) {
	b := newBench(t).logIn(t)
	frame := live.Frame{}
	for i, text := range hostileTexts {
		frame.Rows = append(frame.Rows, row(i+1, text, live.Outcome{Destination: "one", Kind: journal.Dead, Reason: text}))
	}
	b.server.destinations = []string{"one", "two"}
	b.server.frames = []live.Frame{frame}
	onlyText(t, b.page(t, "/live?user="+strings.Repeat("%3Cscript%3E", 10)))
	got := b.ask("/live", nil)
	if got.Body.Len() > 100_000 {
		t.Errorf("the page has %d bytes", got.Body.Len())
	}
}

func TestLiveStream(t *testing.T) {
	b := newBench(t).logIn(t)
	rows := []*live.Row{row(1, "a")}
	b.server.frames = []live.Frame{
		{Reset: true}, {Rows: rows}, {}, {Rows: rows, LeftOut: 7}, {Trouble: "<b>disk</b>"},
	}
	next := b.events(t, "/live/stream?user=u")
	for i, want := range []string{"reset", "summary", "rows", "rows", "summary"} {
		if got := next(); got != want {
			t.Errorf("event %d is %q, want %q", i, got, want)
		}
	}
	b.server.mu.Lock()
	if b.server.watched.User != "u" {
		t.Errorf("the filter is %+v", b.server.watched)
	}
	b.server.mu.Unlock()
}

func TestLiveStreamInACrowd(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.frames, b.server.watchErr = []live.Frame{{Reset: true}}, live.ErrCrowded
	next := b.events(t, "/live/stream")
	var all []string
	for name := next(); name != ""; name = next() {
		all = append(all, name)
	}
	if all[len(all)-1] != "summary" {
		t.Errorf("a crowd is shown %q", all)
	}
}

func TestLiveSummary(t *testing.T) {
	for name, test := range map[string]struct {
		frames []live.Frame
		want   string // a part of the note
	}{
		"all is shown":       {[]live.Frame{{}, {}, {}, {}}, ""},
		"a sample":           {[]live.Frame{{LeftOut: 1}, {}, {}, {}}, "a sample of 500 rows a second"},
		"more than anything": {[]live.Frame{{}, {}, {Unread: 3}, {}}, "not all of it is shown, whatever the filters"},
		"trouble":            {[]live.Frame{{Trouble: "no journal"}}, "Nothing new can be shown: no journal."},
	} {
		var sum liveSum
		for i, frame := range test.frames {
			frame.Accepted = 480.4
			summary, due := sum.add(frame)
			if due != (i == len(test.frames)-1) {
				t.Fatalf("%s: a summary after %d frames: %v", name, i+1, due)
			}
			if due && (!strings.Contains(summary.Note, test.want) || (test.want == "") != (summary.Note == "") || summary.Rates != "480 accepted and 0 finished a second") {
				t.Errorf("%s: %+v", name, summary)
			}
		}
	}
}

func TestLiveProblem(t *testing.T) {
	other := errors.New("other")
	for err, want := range map[error]error{live.ErrClosed: errNoBackend, live.ErrCrowded: errTooManyStreams, other: other} {
		if got := liveProblem(fmt.Errorf("x: %w", err)); !errors.Is(got, want) {
			t.Errorf("%v becomes %v", err, got)
		}
	}
}

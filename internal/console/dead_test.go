package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/admin"
	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// fakeDead is the part of a fake server that the pages about dead letters ask: a log in memory.
type fakeDead struct {
	letters  []journal.DeadLetter
	done     []string // what was done to which letter
	counting bool     // groups are not complete
	filter   dead.Filter
	jobs     *dead.Jobs
}

func newFakeDead(t *testing.T) *fakeDead {
	f := &fakeDead{}
	f.jobs = dead.NewJobs(f, f, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { f.jobs.Close() })
	return f
}

func (f *fakeDead) DeadExtent(context.Context) (journal.DeadExtent, error) {
	e := journal.DeadExtent{Letters: uint64(len(f.letters)), Bytes: 1 << 20, MaxBytes: 64 << 20}
	for _, l := range f.letters {
		e.Last = l.Position.Seq()
	}
	return e, nil
}

func (f *fakeDead) ScanDead(_ context.Context, s journal.DeadScan, do func(uint64, journal.DeadLetter) error) error {
	for _, l := range slices.Clone(f.letters) {
		if seq := l.Position.Seq(); seq > s.After && (s.UpTo == 0 || seq <= s.UpTo) {
			if err := do(seq, l); err != nil {
				return nil //nolint:nilerr // ErrStop is all there is
			}
		}
	}
	return nil
}

func (f *fakeDead) DeadGroups(ctx context.Context, filter dead.Filter, _ time.Duration) (dead.Groups, error) {
	f.filter = filter
	groups, err := dead.Count(ctx, f, filter, nil)
	if f.counting {
		groups.Complete, groups.Share = false, 0.25
	}
	return groups, err
}

func (f *fakeDead) DeadLetters(ctx context.Context, filter dead.Filter) (journal.DeadPage, error) {
	return dead.List(ctx, f, filter)
}

func (f *fakeDead) find(destination string, at journal.Position) (int, error) {
	i := slices.IndexFunc(f.letters, func(l journal.DeadLetter) bool { return l.Destination == destination && l.Position == at })
	if i < 0 {
		return i, fmt.Errorf("dead letter %s of %s: %w", at, destination, journal.ErrNotFound)
	}
	return i, nil
}

func (f *fakeDead) DeadLetter(_ context.Context, destination string, at journal.Position) (journal.DeadLetter, error) {
	i, err := f.find(destination, at)
	if err != nil {
		return journal.DeadLetter{}, err
	}
	return f.letters[i], nil
}

func (f *fakeDead) PreviewDead(_ context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error) {
	i, err := f.find(destination, at)
	switch {
	case err != nil:
		return history.Mapped{}, err
	case corrected == nil:
		return history.Mapped{Type: "identify", User: f.letters[i].User, Method: "POST", Path: "/v1/identify-user", Body: f.letters[i].Call}, nil
	case strings.Contains(string(corrected), "nobody"):
		return history.Mapped{Kind: journal.Rejected, Reason: "no_identity", Message: "The event names no user."}, nil
	case !strings.HasPrefix(string(corrected), "{"):
		return history.Mapped{}, fmt.Errorf("%w: it is no JSON object", history.ErrEvent)
	}
	return history.Mapped{Method: "POST", Path: "/v1/identify-user", Body: []byte(`{"id":"u1","plan":"free"}`)}, nil
}

func (f *fakeDead) ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error {
	mapped, err := f.PreviewDead(ctx, destination, at, corrected)
	if err == nil && !mapped.Callable() {
		return fmt.Errorf("%w: it would be rejected", history.ErrEvent)
	}
	return f.take("replay", destination, at, corrected, err)
}

func (f *fakeDead) DiscardDead(_ context.Context, destination string, at journal.Position) error {
	_, err := f.find(destination, at)
	return f.take("discard", destination, at, nil, err)
}

func (f *fakeDead) take(what, destination string, at journal.Position, corrected []byte, err error) error {
	if err != nil {
		return err
	}
	i, _ := f.find(destination, at)
	f.letters = slices.Delete(f.letters, i, i+1)
	f.done = append(f.done, strings.TrimSpace(what+" "+at.String()+" "+string(corrected)))
	return nil
}

func (f *fakeDead) DeadJobs() *dead.Jobs { return f.jobs }

// deadLetter is a letter of a user.
func deadLetter(n uint64, user string) journal.DeadLetter {
	return journal.DeadLetter{
		Destination: "production", Position: journal.At(n, 0), MessageID: fmt.Sprint("m", n), Source: "web", User: user, Type: "identify",
		ReceivedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), At: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		Event: []byte(`{"userId":"u1","traits":{"plan":"pro"}}`), Reason: "refused_422", Message: "refiner: no",
		Method: "POST", Path: "/v1/identify-user", Call: []byte(`{"id":"u1","plan":"pro"}`), Status: 422, Answer: `{"message":"no such luck"}`,
		Attempts: []journal.Attempt{{At: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Took: 120 * time.Millisecond, Status: 422, Error: "422: no such luck"}},
	}
}

// deadBench is a console that is logged in, with some dead letters.
func deadBench(t *testing.T, letters ...journal.DeadLetter) *bench {
	t.Helper()
	b := newBench(t).logIn(t)
	b.server.letters = letters
	b.server.status.Destinations = []admin.DestinationStatus{{Name: "production"}, {Name: "testing"}}
	return b
}

func TestNoDeadLetters(t *testing.T) {
	b := deadBench(t)
	text := textOf(b.page(t, "/dead"))
	if !strings.Contains(text, "There are no dead letters") || strings.Contains(text, "Send all") {
		t.Error(text)
	}
	if text := textOf(b.page(t, "/dead?user=u7")); !strings.Contains(text, "No dead letter is like that.") {
		t.Error(text)
	}
}

func TestDeadLettersInGroups(t *testing.T) {
	other := deadLetter(3, "u3")
	other.Reason, other.Answer, other.Status, other.Message = "retry_window_passed", "", 0, "given up after 14 attempts"
	b := deadBench(t, deadLetter(1, "u1"), deadLetter(2, "u2"), other)
	page := b.page(t, "/dead")
	text := textOf(page)
	for _, want := range []string{
		"3 letters of 3 users", "2 refused with 422 no such luck production", "1 given up given up after … attempts production",
		"Send all of them again…", "1.0 MiB of the 64.0 MiB",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	link := find(page, func(n *html.Node) bool { return strings.HasPrefix(attribute(n, "href"), "/dead?group=") })
	text = textOf(b.page(t, attribute(link, "href")))
	if !strings.Contains(text, "2 letters of 2 users") || strings.Contains(text, "given up") || !strings.Contains(text, "All groups") {
		t.Error(text)
	}
	b.page(t, "/dead?destination=production&reason=refused_422&user=u1&since=24h&until=1h")
	if f := b.server.filter; f.Destination != "production" || f.Reason != "refused_422" || f.User != "u1" || f.Until.Sub(f.Since) != 23*time.Hour {
		t.Errorf("%+v", f)
	}
	for _, path := range []string{"/dead?since=yesterday", "/dead?until=-1h", "/dead?after=x"} {
		if got := b.ask(path, nil); got.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

func TestDeadLettersThatAreCounted(t *testing.T) {
	b := deadBench(t, deadLetter(1, "u1"))
	b.server.counting = true
	page := b.page(t, "/dead?user=u1")
	again := find(page, func(n *html.Node) bool { return attribute(n, "hx-get") == "/dead/groups?user=u1" })
	if again == nil || !strings.Contains(textOf(page), "Counting: 25 % of the letters") {
		t.Fatal(textOf(page))
	}
	b.server.counting = false
	if part := b.ask(attribute(again, "hx-get"), nil).Body.String(); strings.Contains(part, "hx-get") || strings.Contains(part, "<html") {
		t.Error(part)
	}
}

func TestPagesOfDeadLetters(t *testing.T) {
	var letters []journal.DeadLetter
	for i := range 2*deadPageSize + 1 {
		letters = append(letters, deadLetter(uint64(i+1), "u1"))
	}
	b := deadBench(t, letters...)
	path, seen := "/dead", 0
	for range 3 {
		page := b.page(t, path)
		for n := range page.Descendants() {
			if n.Data == "input" && attribute(n, "name") == "letter" {
				seen++
			}
		}
		next := find(page, func(n *html.Node) bool { return n.FirstChild != nil && n.FirstChild.Data == "Next page" })
		if next == nil {
			break
		}
		path = attribute(next, "href")
	}
	if seen != len(letters) {
		t.Errorf("%d letters on the pages of %d", seen, len(letters))
	}
}

func TestDeadLetterPage(t *testing.T) {
	b := deadBench(t, deadLetter(1, "u1"))
	text := textOf(b.page(t, "/dead/production/1.0"))
	for _, want := range []string{"no such luck", "refused_422", "from source web", "120 ms 422", `"plan": "pro"`, "Discard it for good"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	for _, path := range []string{"/dead/production/2.0", "/dead/other/1.0", "/dead/production/x"} {
		if got := b.ask(path, nil); got.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

func TestDeadLetterIsCorrected(t *testing.T) {
	b := deadBench(t, deadLetter(1, "u1"))
	try := func(event string) *html.Node {
		t.Helper()
		got := b.post(t, "/dead/production/1.0/try", url.Values{"event": {event}})
		if got.Code != 200 {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
		return parse(t, got.Body)
	}
	for event, want := range map[string]string{
		`{"userId":"u1","traits":{"plan":"free"}}`: "Marked lines differ from the call that was refused.",
		`{"userId":"nobody"}`:                      "It would become no call but be rejected ( no_identity ): The event names no user.",
		`not an event`:                             "it is no JSON object",
	} {
		if text := textOf(try(event)); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in %s", event, want, text)
		}
	}
	marked := find(try(`{"plan":"free"}`), func(n *html.Node) bool { return n.Data == "mark" })
	if marked == nil || textOf(marked) != `"plan": "pro"` {
		t.Error("the line that changed is not marked")
	}
	same := editable([]byte(`{"userId":"u1","traits":{"plan":"pro"}}`))
	if text := textOf(try(strings.ReplaceAll(same, "\n", "\r\n"))); !strings.Contains(text, "the very call that was refused") {
		t.Error(text)
	}
	if len(b.server.done) != 0 {
		t.Errorf("done: %v", b.server.done)
	}
	if got := b.post(t, "/dead/production/1.0/replay", url.Values{"event": {"{\"userId\":\"nobody\"}"}}); got.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", got.Code)
	}
	got := b.post(t, "/dead/production/1.0/replay", url.Values{"event": {`{"plan":"free"}`}})
	if got.Code != http.StatusSeeOther || fmt.Sprint(b.server.done) != `[replay 1.0 {"plan":"free"}]` {
		t.Errorf("%d, %v", got.Code, b.server.done)
	}
	if text := textOf(b.page(t, "/dead")); !strings.Contains(text, "Dead letter 1.0 is sent again") {
		t.Error(text)
	}
	if log := b.log.String(); !strings.Contains(log, `what="send dead letter again"`) || !strings.Contains(log, "corrected=true") || strings.Contains(log, "free") {
		t.Error(log)
	}
}

func TestOneDeadLetterIsTreated(t *testing.T) {
	b := deadBench(t, deadLetter(1, "u1"), deadLetter(2, "u2"))
	for path, want := range map[string]int{
		"/dead/production/1.0/replay": 303, "/dead/production/2.0/discard": 303,
		"/dead/production/3.0/replay": 404, "/dead/production/3.0/discard": 404, "/dead/production/x/discard": 404,
	} {
		if got := b.post(t, path, nil); got.Code != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	slices.Sort(b.server.done)
	if fmt.Sprint(b.server.done) != "[discard 2.0 replay 1.0]" {
		t.Errorf("done: %v", b.server.done)
	}
	for _, path := range []string{"/dead/production/1.0/replay", "/dead/production/2.0/discard", "/dead/plan", "/dead/jobs/1/confirm", "/dead/jobs/1/stop"} {
		if got := b.ask(path, url.Values{}); got.Code != http.StatusForbidden {
			t.Errorf("%s without a CSRF token: %d", path, got.Code)
		}
	}
}

func TestManyDeadLettersAreTreated(t *testing.T) {
	for _, test := range []struct {
		name string
		form url.Values
		plan string
		done string
		said string
	}{
		{"send all again", url.Values{"verb": {"replay"}, "which": {"all"}}, "3 letters would be sent again", "[replay 1.0 replay 2.0 replay 3.0]", "3 letters sent again"},
		{"discard a user's", url.Values{"verb": {"discard"}, "which": {"all"}, "user": {"u1"}}, "1 letter would be deleted for good", "[discard 1.0]", "1 letter discarded"},
		{
			"send some again", url.Values{"verb": {"replay"}, "letter": {"production/2.0", "production/9.0", "production/3.0"}},
			"2 letters would be sent again 1 letter is gone already", "", "",
		},
		{"discard some", url.Values{"verb": {"discard"}, "letter": {"production/3.0"}}, "1 letter would be deleted for good", "[discard 3.0]", "1 letter discarded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := deadBench(t, deadLetter(1, "u1"), deadLetter(2, "u2"), deadLetter(3, "u3"))
			plan := b.post(t, "/dead/plan", test.form)
			if plan.Code != http.StatusSeeOther {
				t.Fatalf("%d %s", plan.Code, plan.Body)
			}
			at := plan.Header().Get("Location")
			if text := textOf(b.page(t, at)); !strings.Contains(text, strings.Split(test.plan, " 1 letter is")[0]) || len(b.server.done) != 0 {
				t.Fatalf("%v: %s", b.server.done, text)
			}
			if test.said == "" {
				return
			}
			b.server.letters = append(b.server.letters, deadLetter(4, "u1")) // died since, and stays
			done := b.post(t, at+"/confirm", nil)
			if done.Code != http.StatusSeeOther || fmt.Sprint(b.server.done) != test.done {
				t.Fatalf("%d, %v", done.Code, b.server.done)
			}
			if text := textOf(b.page(t, done.Header().Get("Location"))); !strings.Contains(text, test.said) {
				t.Error(text)
			}
			if log := b.log.String(); !strings.Contains(log, `what="`+test.form.Get("verb")+` dead letters"`) {
				t.Error(log)
			}
		})
	}
}

func TestOddPlansForDeadLetters(t *testing.T) {
	b := deadBench(t, deadLetter(1, "u1"))
	many := url.Values{"verb": {"discard"}}
	for i := range dead.MaxNamed + 1 {
		many.Add("letter", fmt.Sprintf("production/%d.0", i))
	}
	for name, test := range map[string]struct {
		form url.Values
		want int
	}{
		"nothing selected": {url.Values{"verb": {"discard"}}, 422},
		"no verb":          {url.Values{"which": {"all"}}, 400},
		"an odd letter":    {url.Values{"verb": {"discard"}, "letter": {"production"}}, 400},
		"an odd time":      {url.Values{"verb": {"discard"}, "which": {"all"}, "since": {"x"}}, 400},
		"too many":         {many, 422},
	} {
		if got := b.post(t, "/dead/plan", test.form); got.Code != test.want || len(b.server.letters) != 1 {
			t.Errorf("%s: %d, %d letters are left", name, got.Code, len(b.server.letters))
		}
	}
	for _, path := range []string{"/dead/jobs/77", "/dead/jobs/x"} {
		if got := b.ask(path, nil); got.Code != 404 {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	plan := b.post(t, "/dead/plan", url.Values{"verb": {"discard"}, "which": {"all"}}).Header().Get("Location")
	done := b.post(t, plan+"/confirm", nil).Header().Get("Location")
	if got := b.post(t, done+"/confirm", nil); got.Code != http.StatusConflict {
		t.Errorf("confirmed what was done: %d", got.Code)
	}
	if got := b.post(t, done+"/stop", nil); got.Code != http.StatusSeeOther {
		t.Errorf("stopped what was done: %d", got.Code)
	}
}

// hostile is what an event may hold to do harm where it is shown.
const hostile = "<script>alert(1)</script>\u202e\x07<img src=x onerror=alert(1)>\"'&{{.}}"

func TestHostileDeadLetterIsShownHarmlessly(t *testing.T) {
	l := deadLetter(1, hostile)
	l.Type, l.MessageID, l.Message, l.Reason = hostile, hostile, hostile, "refused_"+hostile
	l.Event = []byte(`{"traits":{"a":"<script>alert(1)</script>` + "\u202e" + `","b":"` + strings.Repeat("x", 1<<10) + `"}}`)
	l.Call, l.Answer = l.Event, hostile
	l.Attempts[0].Error = hostile
	big := deadLetter(2, strings.Repeat("u", 1<<20))
	big.Event = []byte(`{"traits":{"a":"` + strings.Repeat("<script>", 1<<17) + `"}}`)
	big.Call, big.Answer = big.Event, string(big.Event)
	b := deadBench(t, l, big)
	plan := b.post(t, "/dead/plan", url.Values{"verb": {"replay"}, "which": {"all"}}).Header().Get("Location")
	for _, path := range []string{"/dead", "/dead/production/1.0", "/dead/production/2.0", plan} {
		harmless(t, b, path)
	}
	if got := b.post(t, "/dead/production/1.0/try", url.Values{"event": {hostile}}); strings.Contains(got.Body.String(), "<script>alert") {
		t.Error(got.Body)
	}
}

// harmless fails if a page has what somebody else wrote in it as more than text, or is very large.
func harmless(t *testing.T, b *bench, path string) {
	t.Helper()
	got := b.ask(path, nil)
	text := got.Body.String()
	if got.Code != 200 || len(text) > 1<<20 {
		t.Errorf("%s: %d, %d bytes", path, got.Code, len(text))
	}
	if strings.ContainsAny(text, "\u202e\x07") {
		t.Errorf("%s has characters that cannot be seen", path)
	}
	for n := range parse(t, got.Body).Descendants() {
		if n.Data == "script" && (n.FirstChild != nil || !strings.HasPrefix(attribute(n, "src"), assetPrefix)) || n.Data == "img" && attribute(n, "src") == "x" {
			t.Errorf("%s: <%s> %v", path, n.Data, n.Attr)
		}
	}
}

func TestEditableIsTheSameEvent(t *testing.T) {
	for event, want := range map[string]string{
		`{"a":[1]}`: "{\n  \"a\": [\n    1\n  ]\n}",
		"{\"a\":\"\u202e\u200b\U000e0001é👩‍🚀\"}": "{\n  \"a\": \"\\u202e\\u200b\\udb40\\udc01é👩‍🚀\"\n}",
		"{": "",
		`{"a":"` + strings.Repeat("x", maxEdited) + `"}`: "",
	} {
		if got := editable([]byte(event)); got != want {
			t.Errorf("%.60s becomes %q, want %q", event, got, want)
		}
	}
}

func TestSideBySide(t *testing.T) {
	marks := func(lines []diffLine) string {
		var text strings.Builder
		for _, l := range lines {
			if l.Changed {
				text.WriteByte('*')
			}
			text.WriteString(l.Text + ";")
		}
		return text.String()
	}
	for _, test := range []struct{ a, b, left, right string }{
		{"a\nb\nc", "a\nx\nc", "a;*b;c;", "a;*x;c;"},
		{"a\nb", "a,\nb\nc", "a;b;", "a,;b;*c;"},
		{"", "a", "", "*a;"},
		{"a\nb\nc\nd", "b\nd", "*a;b;*c;d;", "b;d;"},
	} {
		left, right := sideBySide(test.a, test.b)
		if marks(left) != test.left || marks(right) != test.right {
			t.Errorf("%q and %q: %s and %s", test.a, test.b, marks(left), marks(right))
		}
	}
	long := strings.Repeat("a\n", 2*maxDiffLines)
	if left, right := sideBySide(long, "b"); left[0].Changed || right[0].Changed {
		t.Error("long texts are compared")
	}
}

package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tanker/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openJournal(t *testing.T) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir(), MaxBytes: 256 << 20, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func openCursor(t *testing.T, j *journal.Journal) *journal.Cursor {
	t.Helper()
	c, err := j.OpenCursor(t.Context(), journal.CursorOptions{Destination: "a", Sources: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var serial int

// accept stores events together and returns them as they are read.
func accept(t *testing.T, j *journal.Journal, c *journal.Cursor, bodies ...string) []journal.Entry {
	t.Helper()
	entries := make([]journal.Entry, len(bodies))
	for i, body := range bodies {
		serial++
		entries[i] = journal.Entry{Source: "web", MessageID: fmt.Sprint("m", serial), Type: "track", ReceivedAt: time.Now(), Body: []byte(body)}
	}
	if err := j.Append(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	var got []journal.Entry
	for len(got) < len(bodies) {
		some, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, some...)
	}
	return got
}

func finish(t *testing.T, c *journal.Cursor, kind journal.Kind, entries ...journal.Entry) {
	t.Helper()
	var outs []journal.Outcome
	for _, e := range entries {
		outs = append(outs, journal.Outcome{Position: e.Position, Kind: kind, Attempts: 1, At: time.Now()})
	}
	if err := c.Finish(t.Context(), outs); err != nil {
		t.Fatal(err)
	}
}

// watch watches in the background. Its frames come through the channel.
func watch(t *testing.T, f *Feed, filter Filter) <-chan Frame {
	t.Helper()
	frames := make(chan Frame)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- f.Watch(ctx, filter, func(frame Frame) error {
			select {
			case frames <- frame:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
			t.Errorf("Watch: %v", err)
		}
	})
	return frames
}

// say writes a row in a line.
func say(row *Row) string {
	line := fmt.Sprint(row.Position, " ", row.Name, " ", row.User)
	for _, o := range row.Outcomes {
		line += fmt.Sprint(" ", o.Destination, " ", o.Kind)
	}
	return line
}

// expect reads frames until one has the row.
func expect(t *testing.T, frames <-chan Frame, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	var seen []string
	for {
		select {
		case f := <-frames:
			for _, row := range f.Rows {
				if say(row) == want {
					return
				}
				seen = append(seen, say(row))
			}
		case <-deadline:
			t.Fatalf("no row %q, only %q", want, seen)
		}
	}
}

func TestWatch(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j)
	old := accept(t, j, c, `{"userId":"u","event":"old"}`)
	for n := range primePacks {
		finish(t, c, journal.Delivered, accept(t, j, c, fmt.Sprintf(`{"userId":"u","event":"e%d"}`, n))...)
	}
	f := New(j, nil)
	defer f.Close()
	all := watch(t, f, Filter{})
	first := <-all
	if !first.Reset || len(first.Rows) != rowsAtFirst || say(first.Rows[rowsAtFirst-1]) != "101.0 e99 u a delivered" {
		t.Errorf("the first frame has %d rows, the last of them %q", len(first.Rows), say(first.Rows[len(first.Rows)-1]))
	}
	dead := watch(t, f, Filter{Outcome: journal.Dead, User: "ADA"})
	if none := <-dead; !none.Reset || len(none.Rows) != 0 {
		t.Errorf("nothing is dead: %+v", none)
	}
	now := accept(t, j, c, `{"userId":7,"event":"now","context":{"traits":{"email":"Ada@example.com"}}}`)
	expect(t, all, "102.0 now 7")
	finish(t, c, journal.Filtered, now...)
	expect(t, all, "102.0 now 7 a filtered")
	finish(t, c, journal.Delivered, old...)
	expect(t, all, "1.0 old u a delivered")

	again := accept(t, j, c, `{"userId":"u","event":"x"}`, `{"userId":"ada","event":"y"}`)
	letter := journal.Outcome{Position: again[1].Position, Kind: journal.Dead, Reason: "refused_422", At: time.Now(), Letter: &journal.DeadLetter{
		Destination: "a", Position: again[1].Position, Source: "web", MessageID: "m", Type: "track", Event: again[1].Body,
	}}
	if err := c.Finish(t.Context(), []journal.Outcome{letter}); err != nil {
		t.Fatal(err)
	}
	expect(t, dead, "103.1 y ada a dead")
	if err := j.ReplayDead(t.Context(), "a", again[1].Position, nil); err != nil {
		t.Fatal(err)
	}
	expect(t, all, "104.0 y ada")

	latest, err := f.Latest(t.Context(), Filter{Event: "NOW"})
	if err != nil || len(latest.Rows) != 1 || say(latest.Rows[0]) != "102.0 now 7 a filtered" {
		t.Errorf("the latest: %+v, %v", latest, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Latest(t.Context(), Filter{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed feed: %v", err)
	}
}

// TestCrowd has more happen than can be shown: nothing is lost without being counted.
func TestCrowd(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j)
	f := New(j, nil)
	defer f.Close()
	frames := watch(t, f, Filter{})
	<-frames
	const n = 10_000
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = `{"userId":"u","event":"` + strings.Repeat("é", 300) + `"}`
	}
	for part := range 10 {
		accept(t, j, c, bodies[part*n/10:(part+1)*n/10]...)
	}
	counted := 0
	for counted < n {
		frame := <-frames
		if len(frame.Rows) > rowsEach {
			t.Errorf("%d rows in a frame", len(frame.Rows))
		}
		counted += len(frame.Rows) + frame.LeftOut + frame.Unread
		for _, row := range frame.Rows {
			if len(row.Name) > longest+3 || !strings.HasSuffix(row.Name, "é…") {
				t.Fatalf("a name of %d bytes: %s", len(row.Name), row.Name)
			}
		}
	}
	if counted != n {
		t.Errorf("%d of %d events are shown or counted", counted, n)
	}
}

func TestTooManyWatchers(t *testing.T) {
	f := New(openJournal(t), nil)
	defer f.Close()
	for range mostWatchers {
		<-watch(t, f, Filter{})
	}
	if _, err := f.Latest(t.Context(), Filter{}); !errors.Is(err, ErrCrowded) {
		t.Errorf("got %v", err)
	}
}

// TestNobodyWatches sees that nothing is read then.
func TestNobodyWatches(t *testing.T) {
	f := New(openJournal(t), nil)
	for range 3 {
		if _, err := f.Latest(t.Context(), Filter{}); err != nil {
			t.Fatal(err)
		}
		if f.reader != nil || f.watchers != 0 {
			t.Error("it reads although nobody watches")
		}
	}
}

func newReader() *reader {
	return &reader{watchers: map[*watcher]struct{}{}}
}

// happen adds events and outcomes of them, and ends the tick.
func (r *reader) happen(ctx context.Context, from, n int, kind journal.Kind) {
	for i := from; i < from+n; i++ {
		e := &Event{Position: journal.At(uint64(i+1), 0), Name: fmt.Sprint(i)}
		r.known.add(e)
		r.next.events = append(r.next.events, e)
		r.next.accepted++
		if kind != "" {
			r.landed = append(r.landed, landed{e.Position, Outcome{Destination: "a", Kind: kind}})
		}
	}
	r.tick(ctx)
}

// TestSlowWatcher has a watcher miss some, and then see where things stand.
func TestSlowWatcher(t *testing.T) {
	r := newReader()
	w := newWatcher(Filter{})
	r.join(w)
	for n := range behind + 3 {
		r.happen(t.Context(), n, 1, journal.Delivered)
	}
	if !r.lost(w) {
		t.Fatal("it has missed nothing")
	}
	frame := r.again(w)
	if !frame.Reset || len(frame.Rows) != behind+3 || r.lost(w) || len(w.ticks) != 0 {
		t.Errorf("then it is shown %d rows", len(frame.Rows))
	}
	r.happen(t.Context(), 100, 1, journal.Dead)
	got, worth := w.frame(<-w.ticks)
	if !worth || got.Reset || len(got.Rows) != 1 || len(got.Rows[0].Outcomes) != 1 {
		t.Errorf("and goes on with %+v", got)
	}
}

// TestKnownIsBounded has more events than are remembered.
func TestKnownIsBounded(t *testing.T) {
	var k known
	for n := range 3 * mostKnown {
		k.add(&Event{Position: journal.At(uint64(n+1), 0)})
	}
	if len(k.rows) != mostKnown || len(k.order) != mostKnown {
		t.Errorf("%d rows, %d places", len(k.rows), len(k.order))
	}
	latest := k.latest(&Filter{}, 3)
	if latest[2].Position != journal.At(3*mostKnown, 0) || latest[0].Position != journal.At(3*mostKnown-2, 0) {
		t.Errorf("the latest are %s to %s", latest[0].Position, latest[2].Position)
	}
	if row := k.settle(journal.At(1, 0), Outcome{}); row != nil {
		t.Error("a forgotten event is known")
	}
}

func TestFilter(t *testing.T) {
	row := &Row{
		Event:    &Event{Source: "web", Type: "track", Name: "Order Done", names: "u1\nada@example.com\nanon"},
		Outcomes: []Outcome{{Destination: "a", Kind: journal.Delivered}, {Destination: "b", Kind: journal.Dead}},
	}
	for name, test := range map[string]struct {
		f    Filter
		want bool
	}{
		"all":                    {Filter{}, true},
		"source":                 {Filter{Source: "web"}, true},
		"other source":           {Filter{Source: "we"}, false},
		"type":                   {Filter{Type: "track"}, true},
		"other type":             {Filter{Type: "page"}, false},
		"part of the name":       {Filter{Event: "order"}, true},
		"other name":             {Filter{Event: "cart"}, false},
		"part of the email":      {Filter{User: "ADA@"}, true},
		"anonymous id":           {Filter{User: "anon"}, true},
		"other user":             {Filter{User: "bob"}, false},
		"outcome":                {Filter{Outcome: journal.Dead}, true},
		"outcome there":          {Filter{Outcome: journal.Dead, Destination: "b"}, true},
		"other outcome there":    {Filter{Outcome: journal.Dead, Destination: "a"}, false},
		"any outcome there":      {Filter{Destination: "a"}, true},
		"any outcome at another": {Filter{Destination: "c"}, false},
		"all at once":            {Filter{"web", "track", "Done", "u1", "a", journal.Delivered}, true},
	} {
		if got := test.f.shows(row); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestRows brings changes of one tick together.
func TestRows(t *testing.T) {
	r := newReader()
	w := newWatcher(Filter{})
	r.join(w)
	r.happen(t.Context(), 0, 2, "")
	if f, _ := w.frame(<-w.ticks); len(f.Rows) != 2 {
		t.Fatalf("%+v", f)
	}
	for _, destination := range []string{"a", "b"} {
		r.landed = append(r.landed, landed{journal.At(1, 0), Outcome{Destination: destination, Kind: journal.Parked}})
	}
	r.landed = append(r.landed, landed{journal.At(1, 0), Outcome{Destination: "a", Kind: journal.Delivered}})
	r.happen(t.Context(), 2, 1, journal.Filtered)
	f, _ := w.frame(<-w.ticks)
	var got []string
	for _, row := range f.Rows {
		got = append(got, say(row))
	}
	if diff := cmp.Diff([]string{"1.0 0  b parked a delivered", "3.0 2  a filtered"}, got); diff != "" {
		t.Error(diff)
	}
}

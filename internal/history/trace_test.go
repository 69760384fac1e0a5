package history_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tanker/internal/history"
	"tanker/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openJournal opens an empty journal.
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

func openCursor(t *testing.T, j *journal.Journal, name string) *journal.Cursor {
	t.Helper()
	c, err := j.OpenCursor(t.Context(), journal.CursorOptions{Destination: name, Sources: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var serial int

// accept appends events, each of a type and with a body; the message id is m1, m2 and so on.
func accept(t *testing.T, j *journal.Journal, events ...string) {
	t.Helper()
	for _, e := range events {
		typ, body, _ := strings.Cut(e, " ")
		serial++
		entry := journal.Entry{Source: "web", MessageID: fmt.Sprint("m", serial), Type: typ, ReceivedAt: time.Now().UTC().Truncate(time.Millisecond), Body: []byte(body)}
		if err := j.Append(t.Context(), []journal.Entry{entry}); err != nil {
			t.Fatal(err)
		}
	}
}

// read reads so many events.
func read(t *testing.T, c *journal.Cursor, n int) []journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []journal.Entry
	for len(all) < n {
		entries, err := c.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all
}

func finish(t *testing.T, c *journal.Cursor, outcomes ...journal.Outcome) {
	t.Helper()
	if err := c.Finish(t.Context(), outcomes); err != nil {
		t.Fatal(err)
	}
}

// trace collects a trace, each event in a line: position, name, and at each destination what happened.
func trace(t *testing.T, j *journal.Journal, destinations []history.Destination, o history.TraceOptions) ([]string, history.TraceEnd) {
	t.Helper()
	var lines []string
	end, err := history.Trace(t.Context(), j, destinations, o, func(e history.Traced) error {
		if !json.Valid(e.Event) {
			t.Errorf("%s is no event", e.Event)
		}
		line := fmt.Sprint(e.Position, " ", e.Type, " ", e.Name)
		if e.ReplayOf != 0 {
			line += fmt.Sprint(" replay of ", e.ReplayOf)
		}
		for _, f := range e.Fates {
			line += fmt.Sprintf("; %s %s %s", f.Destination, f.Outcome, f.Reason)
			if f.Behind != 0 {
				line += " behind " + f.Behind.String()
			}
			if f.Attempts > 0 {
				line += fmt.Sprint(" tried ", f.Attempts)
			}
			if f.Letter != nil {
				line += " answer " + f.Letter.Answer
			}
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, end
}

func TestTrace(t *testing.T) {
	j := openJournal(t)
	accept(t, j, `track {"userId":"u","event":"before"}`) // before the destinations
	a, b := openCursor(t, j, "a"), openCursor(t, j, "b")
	mapper := documented(t)
	both := []history.Destination{{Name: "a", Mapper: mapper}, {Name: "b", Mapper: mapper, State: func() string { return "blocked" }}}
	accept(t, j, `identify {"userId":"u","traits":{"email":"ü@example.com"}}`, `track {"userId":"u","event":"two"}`,
		`track {"userId":"other","event":"u"}`, `screen {"userId":"\u0075","name":"home"}`,
		`track {"userId":"u","event":"five"}`, `track {"userId":"u","event":"six"}`)
	got := read(t, a, 6)
	for i, e := range got {
		if want := journal.At(uint64(i)+2, 0); e.Position != want {
			t.Fatalf("event %d is at %s", i, e.Position)
		}
	}
	now := time.Now()
	letter := got[1]
	finish(t, a,
		journal.Outcome{Position: got[0].Position, Kind: journal.Delivered, Attempts: 1, At: now},
		journal.Outcome{Position: got[2].Position, Kind: journal.Delivered, Attempts: 1, At: now},
		journal.Outcome{Position: got[1].Position, Kind: journal.Dead, Reason: "refused_422", Attempts: 1, At: now, Letter: &journal.DeadLetter{
			Destination: "a", Position: letter.Position, MessageID: letter.MessageID, Source: "web", Type: "track",
			Event: letter.Body, Reason: "refused_422", Status: 422, Answer: "no",
		}},
		journal.Outcome{Position: got[3].Position, Kind: journal.Filtered, Reason: "unsupported_type", At: now})
	a.Defer(got[4].Position, journal.Retry{Attempts: 3, First: now, Next: now.Add(time.Hour)})

	lines, end := trace(t, j, both, history.TraceOptions{Selection: history.Selection{User: "u"}})
	want := []string{
		"1.0 track before",
		"2.0 identify ; a delivered  tried 1; b pending ",
		"3.0 track two; a dead refused_422 tried 1 answer no; b pending  behind 2.0",
		"5.0 screen home; a filtered unsupported_type; b pending  behind 2.0",
		"6.0 track five; a pending  tried 3; b pending  behind 2.0",
		"7.0 track six; a pending  behind 6.0; b pending  behind 2.0",
	}
	if diff := cmp.Diff(want, lines); diff != "" || end.Events != 6 || end.Searched != 7 || end.More {
		t.Errorf("%+v\n%s", end, diff)
	}

	if err := j.ReplayDead(t.Context(), "a", letter.Position, nil); err != nil {
		t.Fatal(err)
	}
	finish(t, b, journal.Outcome{Position: read(t, b, 6)[1].Position, Kind: journal.Delivered, At: now})
	one := history.TraceOptions{Selection: history.Selection{Message: letter.MessageID}}
	lines, _ = trace(t, j, both, one)
	if diff := cmp.Diff([]string{"3.0 track two; a dead refused_422 tried 1; b delivered ", "8.0 track two replay of 3.0; a pending "}, lines); diff != "" {
		t.Error(diff)
	}
	one.Destination = "b"
	if lines, _ := trace(t, j, both, one); len(lines) != 1 || lines[0] != "3.0 track two; b delivered " {
		t.Errorf("at b: %q", lines)
	}
	for user, want := range map[string]int{"ü@example.com": 1, "other": 1, "nobody": 0, "U": 0} {
		if lines, _ := trace(t, j, both, history.TraceOptions{Selection: history.Selection{User: user}}); len(lines) != want {
			t.Errorf("of %s: %q", user, lines)
		}
	}
	lines, end = trace(t, j, both, history.TraceOptions{Limit: 2, Selection: history.Selection{User: "u"}})
	if len(lines) != 2 || !end.More {
		t.Errorf("limited to two: %q, %+v", lines, end)
	}
	lines, _ = trace(t, j, both, history.TraceOptions{Selection: history.Selection{User: "u", Until: now.Add(-time.Hour)}})
	if len(lines) != 0 {
		t.Errorf("an hour ago: %q", lines)
	}
}

// TestTraceOfMany has more events than a trace holds in memory.
func TestTraceOfMany(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	const n = 1500
	entries := make([]journal.Entry, n)
	for i := range entries {
		entries[i] = journal.Entry{Source: "web", MessageID: fmt.Sprint("m", i), Type: "track", ReceivedAt: time.Now().UTC(), Body: fmt.Appendf(nil, `{"userId":"u","event":"%d"}`, i)}
	}
	if err := j.Append(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	var even []journal.Outcome
	for _, e := range read(t, c, n) {
		if i := e.Position.Index(); i%2 == 0 {
			even = append(even, journal.Outcome{Position: e.Position, Kind: journal.Delivered, Attempts: i, At: time.Now()})
		}
	}
	finish(t, c, even...)
	next := 0
	_, err := history.Trace(t.Context(), j, []history.Destination{{Name: "a", Mapper: documented(t)}}, history.TraceOptions{Selection: history.Selection{User: "u"}}, func(e history.Traced) error {
		want := history.Fate{Outcome: journal.Delivered, Attempts: next}
		if next%2 == 1 {
			want = history.Fate{Outcome: history.Pending}
		}
		if f := e.Fates[0]; e.Name != fmt.Sprint(next) || f.Outcome != want.Outcome || f.Attempts != want.Attempts {
			t.Fatalf("event %d: %+v", next, e)
		}
		next++
		return nil
	})
	if err != nil || next != n {
		t.Errorf("%d events, %v", next, err)
	}
}

// TestTraceParked traces events that were moved out of the way: they are pending until they have their outcome.
func TestTraceParked(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	accept(t, j, `track {"userId":"u","event":"one"}`, `track {"userId":"u","event":"two"}`)
	got := read(t, c, 2)
	now := time.Now()
	c.Defer(got[1].Position, journal.Retry{Attempts: 3, First: now, Next: now.Add(time.Hour)})
	if err := c.Park(t.Context(), []journal.Parking{{User: "u", Entries: got}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Unpark(t.Context(), "u", 2); err != nil {
		t.Fatal(err)
	}
	finish(t, c, journal.Outcome{Position: got[0].Position, Kind: journal.Delivered, Attempts: 1, At: now})
	var fates []history.Fate
	destinations := []history.Destination{{Name: "a", Mapper: documented(t)}}
	_, err := history.Trace(t.Context(), j, destinations, history.TraceOptions{Selection: history.Selection{User: "u"}}, func(e history.Traced) error {
		fates = append(fates, e.Fates...)
		return nil
	})
	if err != nil || len(fates) != 2 {
		t.Fatal(err, fates)
	}
	if f := fates[0]; f.Outcome != journal.Delivered || !f.ParkedSince.IsZero() {
		t.Errorf("got %+v, want delivered", f)
	}
	if f := fates[1]; f.Outcome != history.Pending || f.ParkedSince.IsZero() || f.Attempts != 3 || !f.NextAttempt.Equal(now.Add(time.Hour)) {
		t.Errorf("got %+v, want pending, parked, and when it is tried again", f)
	}
}

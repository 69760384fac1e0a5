package journaltest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/internal/journal"
)

func finishedStays(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	for n := range 20 {
		mustAppend(t, j, entries("web", n*5, 5))
	}
	all := take(t, c, 100)
	var done, open []journal.Entry
	for i, e := range all {
		if i < 10 || i%3 == 0 || i == 99 {
			done = append(done, e)
		} else {
			open = append(open, e)
		}
	}
	slices.Reverse(done) // the order in which events finish is not that of acceptance
	finish(t, c, outcomes(journal.Delivered, "", done[:20]))
	finish(t, c, outcomes(journal.Delivered, "", done)) // twenty of them a second time
	if s := status(t, c); s.Totals.Delivered != uint64(len(done)) {
		t.Errorf("delivered %d, want %d", s.Totals.Delivered, len(done))
	}
	crashed := openCursor(t, place.Crash(t).Open(t, nil), "d", "web")
	if diff := cmp.Diff(open, take(t, crashed, len(open))); diff != "" {
		t.Error("after a crash:", diff)
	}
	if diff := cmp.Diff(status(t, c), status(t, crashed)); diff != "" {
		t.Error("after a crash:", diff)
	}
	c = openCursorAfterRestart(t, place, j, "d", "web")
	if diff := cmp.Diff(open, take(t, c, len(open))); diff != "" {
		t.Error("after a restart:", diff)
	}
}

func retries(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 3))
	all := take(t, c, 3)
	want := journal.Retry{Attempts: 4, First: time.UnixMilli(1000).UTC(), Next: time.UnixMilli(5000).UTC()}
	c.Defer(all[1].Position, want)
	c.Defer(all[2].Position, want)
	finish(t, c, outcomes(journal.Delivered, "", all[2:]))
	c = openCursorAfterRestart(t, place, j, "d", "web")
	got := take(t, c, 2)
	if diff := cmp.Diff([]journal.Retry{{}, want}, []journal.Retry{got[0].Retry, got[1].Retry}); diff != "" {
		t.Error(diff)
	}
}

func destinations(t *testing.T, place Place) {
	j := place.Open(t, nil)
	both := openCursor(t, j, "both", "web", "app")
	web := openCursor(t, j, "web-only", "web")
	if _, err := j.OpenCursor(t.Context(), journal.CursorOptions{Destination: "both"}); err == nil {
		t.Error("a cursor could be opened twice")
	}
	mustAppend(t, j, entries("web", 0, 2))
	mustAppend(t, j, entries("app", 0, 2))
	finish(t, both, outcomes(journal.Rejected, "no_identity", take(t, both, 4)))
	if s := status(t, web); s.Accepted != 2 || s.Pending != 2 || s.Oldest.IsZero() {
		t.Errorf("got %+v", s)
	}
	if diff := cmp.Diff([]string{"web-0", "web-1"}, ids(take(t, web, 2))); diff != "" {
		t.Error(diff)
	}
	if s := status(t, both); s.Totals.Rejected["no_identity"] != 4 || !s.Oldest.IsZero() {
		t.Errorf("got %+v", s)
	}
}

func starts(t *testing.T, place Place) {
	j := place.Open(t, nil)
	mustAppend(t, j, entries("web", 0, 3))
	now := openCursor(t, j, "now", "web")
	beginning := openCursorAt(t, j, journal.CursorOptions{Destination: "beginning", Sources: []string{"web"}, Start: journal.FromBeginning})
	mustAppend(t, j, entries("web", 3, 1))
	if diff := cmp.Diff([]string{"web-3"}, ids(take(t, now, 1))); diff != "" {
		t.Error(diff)
	}
	take(t, beginning, 4)
	if n, b := status(t, now).Accepted, status(t, beginning).Accepted; n != 1 || b != 4 {
		t.Errorf("accepted %d and %d, want 1 and 4", n, b)
	}
}

func connections(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 3))
	mustAppend(t, j, entries("app", 0, 3))
	got := take(t, c, 3)
	finish(t, c, outcomes(journal.Delivered, "", got[:1]))

	c = reopen(t, place, &j, "d", "web", "app")
	if s := status(t, c); s.Accepted != 3 || s.Pending != 2 {
		t.Errorf("app's earlier events count: %+v", s)
	}
	take(t, c, 2)
	c = reopen(t, place, &j, "d", "app")
	if s := status(t, c); s.Accepted != 1 || s.Pending != 0 {
		t.Errorf("web's waiting events count: %+v", s)
	}
	mustAppend(t, j, entries("app", 3, 2))
	if diff := cmp.Diff([]string{"app-3", "app-4"}, ids(take(t, c, 2))); diff != "" {
		t.Error(diff)
	}
	if s := status(t, c); s.Accepted != 3 || s.Pending != 2 {
		t.Errorf("got %+v", s)
	}
}

// accounting runs random histories against a model: what was accepted, and what is finished.
func accounting(t *testing.T, place Place) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := Directory(fmt.Sprintf("%s/%d", t.TempDir(), run))
		var p Place = dir
		m := &model{t: t, finished: map[string]bool{}}
		m.open(p)
		steps := rapid.IntRange(1, 12).Draw(rt, "steps")
		for range steps {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0, 1:
				m.append(rapid.SampledFrom([]string{"web", "app"}).Draw(rt, "source"), rapid.IntRange(1, 40).Draw(rt, "events"))
			case 2:
				m.finishSome(rapid.IntRange(1, 5).Draw(rt, "every"))
			case 3:
				closeJournal(t, m.j)
				m.open(p)
			case 4:
				next := p.Crash(t)
				closeJournal(t, m.j)
				p = next
				m.open(p)
			}
			m.check(rt)
		}
		closeJournal(t, m.j)
	})
}

type model struct {
	t        *testing.T
	j        *journal.Journal
	c        *journal.Cursor
	n        int
	accepted []string // message ids in order
	finished map[string]bool
	read     []journal.Entry // read and not finished
}

func (m *model) open(p Place) {
	m.j = p.Open(m.t, nil)
	m.c = openCursor(m.t, m.j, "d", "web", "app")
	m.read = nil
}

func (m *model) append(source string, n int) {
	all := entries(source, m.n, n)
	m.n += n
	mustAppend(m.t, m.j, all)
	m.accepted = append(m.accepted, ids(all)...)
}

func (m *model) waiting() []string {
	var list []string
	for _, id := range m.accepted {
		if !m.finished[id] {
			list = append(list, id)
		}
	}
	return list
}

// finishSome reads what there is and finishes each every-th event.
func (m *model) finishSome(every int) {
	m.read = append(m.read, take(m.t, m.c, len(m.waiting())-len(m.read))...)
	if diff := cmp.Diff(m.waiting(), ids(m.read), equateEmpty); diff != "" {
		m.t.Fatal(diff)
	}
	var done, rest []journal.Entry
	for i, e := range m.read {
		if i%every == 0 {
			done = append(done, e)
			m.finished[e.MessageID] = true
		} else {
			rest = append(rest, e)
		}
	}
	finish(m.t, m.c, outcomes(journal.Filtered, "unsupported_type", done))
	m.read = rest
}

var equateEmpty = cmp.Transformer("", func(list []string) string { return fmt.Sprint(list) })

func (m *model) check(rt *rapid.T) {
	s := status(m.t, m.c)
	if s.Accepted != uint64(len(m.accepted)) || s.Totals.Sum() != uint64(len(m.finished)) {
		rt.Fatalf("status %+v, want accepted %d and finished %d", s, len(m.accepted), len(m.finished))
	}
	if (s.Pending == 0) != s.Oldest.IsZero() {
		rt.Fatalf("pending %d but the oldest is of %v", s.Pending, s.Oldest)
	}
}

package journaltest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	place = place.Crash(t)
	after := place.Open(t, nil)
	crashed := openCursor(t, after, "d", "web")
	if diff := cmp.Diff(open, take(t, crashed, len(open))); diff != "" {
		t.Error("after a crash:", diff)
	}
	if diff := cmp.Diff(status(t, c), status(t, crashed)); diff != "" {
		t.Error("after a crash:", diff)
	}
	c = openCursorAfterRestart(t, place, after, "d", "web")
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

// startsAtTime begins in the middle, and does not begin again.
func startsAtTime(t *testing.T, place Place) {
	j := place.Open(t, nil)
	var stored []time.Time
	for n := range 5 {
		mustAppend(t, j, entries("web", n, 1))
	}
	err := j.Scan(t.Context(), journal.Scan{}, func(p journal.StoredPack) error {
		stored = append(stored, p.Stored)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string, when time.Time) *journal.Cursor {
		return openCursorAt(t, j, journal.CursorOptions{Destination: name, Sources: []string{"web"}, Start: journal.FromTime, StartAt: when})
	}
	for name, test := range map[string]struct {
		when time.Time
		want uint64
	}{
		"long-ago":   {stored[0].Add(-time.Hour), 5},
		"exactly":    {stored[2], 3},
		"just-after": {stored[2].Add(time.Nanosecond), 2},
		"last":       {stored[4], 1},
		"future":     {stored[4].Add(time.Hour), 0},
	} {
		c := at(name, test.when)
		if s := status(t, c); s.Accepted != test.want || s.Pending != test.want {
			t.Errorf("%s: got %+v, want %d events", name, s, test.want)
		}
		if test.want > 0 {
			got := take(t, c, int(test.want))
			finish(t, c, outcomes(journal.Delivered, "", got))
		}
	}
	closeJournal(t, j)
	j = place.Open(t, nil)
	if s := status(t, at("exactly", stored[0])); s.Accepted != 3 || s.Pending != 0 {
		t.Errorf("begun again with an earlier time: %+v", s)
	}
	other := Directory(t.TempDir()).Open(t, nil)
	c := openCursorAt(t, other, journal.CursorOptions{Destination: "d", Sources: []string{"web"}, Start: journal.FromTime, StartAt: stored[0]})
	if s := status(t, c); s.Accepted != 0 {
		t.Errorf("in an empty journal: %+v", s)
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

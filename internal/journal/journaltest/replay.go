package journaltest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
)

// scanned is what a scan reads: for each pack its destination, if it holds replays, and the ids of its events.
func scanned(t *testing.T, j *journal.Journal, s journal.Scan) []string {
	t.Helper()
	var all []string
	err := j.Scan(t.Context(), s, func(p journal.StoredPack) error {
		line := fmt.Sprint(p.Seq, p.ReplayTo, ids(p.Entries))
		for i, e := range p.Entries {
			if e.Position != journal.At(p.Seq, i) || time.Since(p.Stored) > time.Minute {
				t.Errorf("event %d of pack %d, stored %s, is at %s", i, p.Seq, p.Stored, e.Position)
			}
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func scans(t *testing.T, place Place) {
	j := place.Open(t, nil)
	if got := scanned(t, j, journal.Scan{}); got != nil {
		t.Errorf("an empty journal holds %v", got)
	}
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 2))
	mustAppend(t, j, entries("app", 0, 1))
	letters := die(t, c, take(t, c, 2)[:1], nil)
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, nil); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, entries("web", 2, 1))
	for name, test := range map[string]struct {
		scan journal.Scan
		want []string
	}{
		"everything":    {journal.Scan{}, []string{"1[web-0 web-1]", "2[app-0]", "3d[web-0]", "4[web-2]"}},
		"a source":      {journal.Scan{Sources: []string{"web"}}, []string{"1[web-0 web-1]", "4[web-2]"}},
		"no source":     {journal.Scan{Sources: []string{}}, nil},
		"other sources": {journal.Scan{Sources: []string{"app", "we"}}, []string{"2[app-0]"}},
		"after":         {journal.Scan{After: 2}, []string{"3d[web-0]", "4[web-2]"}},
		"after all":     {journal.Scan{After: 4}, nil},
		"up to":         {journal.Scan{UpTo: 2}, []string{"1[web-0 web-1]", "2[app-0]"}},
		"up to more":    {journal.Scan{After: 3, UpTo: 99}, []string{"4[web-2]"}},
		"since now":     {journal.Scan{Since: time.Now().Add(time.Minute)}, nil},
		"since before":  {journal.Scan{Since: time.Now().Add(-time.Hour), UpTo: 1}, []string{"1[web-0 web-1]"}},
	} {
		if diff := cmp.Diff(test.want, scanned(t, j, test.scan)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	failure := errors.New("a failure")
	if err := j.Scan(t.Context(), journal.Scan{}, func(journal.StoredPack) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want what the function returned", err)
	}
	var found []journal.Outcome
	err := j.ScanOutcomes(t.Context(), "d", time.Now().Add(-time.Hour), func(o []journal.Outcome) error {
		found = append(found, o...)
		return nil
	})
	if err != nil || len(found) != 1 || found[0].Position != letters[0].Position || found[0].Kind != journal.Dead {
		t.Errorf("outcomes %+v, %v", found, err)
	}
}

// replays sends past events again, on behalf of two jobs, with a crash between.
func replays(t *testing.T, place Place) {
	j := place.Open(t, nil)
	mustAppend(t, j, entries("web", 0, 3))
	mustAppend(t, j, entries("app", 0, 1))
	mustAppend(t, j, entries("web", 3, 1))
	c := openCursor(t, j, "d", "web", "app")
	var past []journal.Entry
	err := j.Scan(t.Context(), journal.Scan{}, func(p journal.StoredPack) error {
		for _, e := range p.Entries {
			e.ReplayOf = e.Position
			past = append(past, e)
		}
		return nil
	})
	if err != nil || len(past) != 5 {
		t.Fatal(past, err)
	}
	replay := func(job string, all []journal.Entry) {
		t.Helper()
		if err := j.Replay(t.Context(), "d", job, all); err != nil {
			t.Fatal(err)
		}
	}
	replayed := func(job string, want uint64, wantLast journal.Position) {
		t.Helper()
		if n, last, err := j.Replayed(t.Context(), "d", job); err != nil || n != want || last != wantLast {
			t.Errorf("%s has sent %d up to %s, %v; want %d up to %s", job, n, last, err, want, wantLast)
		}
	}
	replayed("job1", 0, 0)
	replay("job1", past[:2])
	replay("job10", past[:1])
	replay("job1", past[2:4])
	replayed("job1", 4, past[3].Position)
	got := take(t, c, 5)
	if want := "[web-0 web-1 web-0 web-2 app-0]"; fmt.Sprint(ids(got)) != want || got[4].ReplayOf != past[3].Position {
		t.Errorf("got %v, want %s", ids(got), want)
	}
	finish(t, c, outcomes(journal.Delivered, "", got[:3]))
	if n := c.PendingReplays(); n != 2 {
		t.Errorf("%d replays are pending, want 2", n)
	}
	if err := j.SaveReplay(t.Context(), "job1", []byte("so far")); err != nil {
		t.Fatal(err)
	}

	j = place.Crash(t).Open(t, nil)
	replayed("job1", 4, past[3].Position)
	replayed("job10", 1, past[0].Position)
	replay("job1", past[4:])
	replayed("job1", 5, past[4].Position)
	if saved, err := j.SavedReplays(t.Context()); err != nil || len(saved) != 1 || string(saved["job1"]) != "so far" {
		t.Errorf("saved %q, %v", saved, err)
	}
	if err := j.DeleteReplay(t.Context(), "job1"); err != nil {
		t.Error(err)
	}
	if saved, err := j.SavedReplays(t.Context()); err != nil || len(saved) != 0 {
		t.Errorf("after deleting: %q, %v", saved, err)
	}
	c = openCursor(t, j, "d", "web", "app")
	if s := status(t, c); s.Accepted != 6 || s.Pending != 3 || time.Since(s.Oldest) > time.Minute {
		t.Errorf("got %+v; a replay is pending since it was sent again", s)
	}
}

package journaltest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
)

func lookup(t *testing.T, place Place) {
	j := place.Open(t, func(o *journal.Options) { o.Retention = time.Millisecond })
	c := openCursor(t, j, "d", "web")
	for n := range 4 {
		mustAppend(t, j, entries("web", n*5, 5))
	}
	all := take(t, c, 20)
	sourceEnd(t, j, "web", 20, &all[19])
	sourceEnd(t, j, "we", 0, nil)
	want := []journal.Entry{all[2], all[7], all[9], all[15]}
	asked := []journal.Position{all[15].Position, all[7].Position, journal.At(all[9].Position.Seq(), 99), all[2].Position, all[9].Position, journal.At(1000, 0)}
	if diff := cmp.Diff(want, found(t, j, asked)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	finish(t, c, outcomes(journal.Delivered, "", all[:10]))
	if err := j.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[3:], found(t, j, asked)); diff != "" {
		t.Errorf("after the janitor: (-want +got)\n%s", diff)
	}
	finish(t, c, outcomes(journal.Delivered, "", all[10:]))
	if err := j.Tidy(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	sourceEnd(t, j, "web", 20, nil)
	closeJournal(t, j)
	sourceEnd(t, place.Open(t, nil), "web", 20, nil)
}

// sourceEnd asks for a source's last event.
func sourceEnd(t testing.TB, j *journal.Journal, source string, events uint64, last *journal.Entry) {
	t.Helper()
	got, err := j.SourceEnd(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(journal.SourceEnd{Events: events, Last: last}, got); diff != "" {
		t.Errorf("the end of source %s: (-want +got)\n%s", source, diff)
	}
}

func found(t testing.TB, j *journal.Journal, positions []journal.Position) []journal.Entry {
	t.Helper()
	var got []journal.Entry
	err := j.Lookup(t.Context(), positions, func(e journal.Entry) error {
		got = append(got, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

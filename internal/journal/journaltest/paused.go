package journaltest

import (
	"testing"
	"time"

	"tanker/internal/journal"
)

func pauses(t *testing.T, place Place) {
	j := place.Open(t, nil)
	before := time.Now().Add(-time.Millisecond)
	since, err := j.Pause(t.Context(), "d")
	if err != nil || since.Before(before) || since.After(time.Now()) {
		t.Fatalf("paused since %s, %v; want now", since, err)
	}
	if again, err := j.Pause(t.Context(), "d"); err != nil || !again.Equal(since) {
		t.Errorf("paused again since %s, %v; want the first pause, %s", again, err, since)
	}
	crashed := place.Crash(t)
	closeJournal(t, j)
	j = crashed.Open(t, nil)
	wantPaused(t, j, "d", since)
	wantPaused(t, j, "other", time.Time{})
	for range 2 {
		if err := j.Resume(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
		wantPaused(t, j, "d", time.Time{})
	}
	closeJournal(t, j)
	wantPaused(t, crashed.Open(t, nil), "d", time.Time{})
}

func wantPaused(t testing.TB, j *journal.Journal, destination string, want time.Time) {
	t.Helper()
	if since, err := j.PausedSince(t.Context(), destination); err != nil || !since.Equal(want) {
		t.Errorf("%s is paused since %s, %v; want %s", destination, since, err, want)
	}
}

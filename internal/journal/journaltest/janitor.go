package journaltest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"tanker/internal/journal"
)

func tidy(t *testing.T, j *journal.Journal, in time.Duration) {
	t.Helper()
	if err := j.Tidy(t.Context(), time.Now().Add(in)); err != nil {
		t.Fatal(err)
	}
}

func bytesOf(t *testing.T, j *journal.Journal) uint64 {
	t.Helper()
	u, err := j.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u.Bytes
}

func janitor(t *testing.T, place Place) {
	const day = 24 * time.Hour
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web", "app")
	for n := range 10 {
		mustAppend(t, j, entries("web", n, 1))
	}
	mustAppend(t, j, entries("app", 0, 2))
	finish(t, c, outcomes(journal.Delivered, "", take(t, c, 12)))
	before := bytesOf(t, j)
	tidy(t, j, 6*day)
	if now := bytesOf(t, j); now != before {
		t.Errorf("events younger than the retention were deleted: %d of %d bytes are left", now, before)
	}
	tidy(t, j, 8*day)
	if now := bytesOf(t, j); now != 0 {
		t.Errorf("%d of %d bytes are left", now, before)
	}
	for range 2 { // the counts outlive the events they were taken from, twice
		if s := status(t, c); s.Accepted != 12 || s.Pending != 0 {
			t.Errorf("got %+v", s)
		}
		closeJournal(t, j)
		j = place.Open(t, nil)
		c = openCursor(t, j, "d", "web", "app")
	}
	mustAppend(t, j, entries("web", 100, 1))
	take(t, c, 1)
	if s := status(t, c); s.Accepted != 13 || s.Pending != 1 {
		t.Errorf("got %+v", s)
	}
}

func janitorWaits(t *testing.T, place Place) {
	const year = 365 * 24 * time.Hour
	j := place.Open(t, nil)
	quick := openCursor(t, j, "quick", "web", "app")
	slow := openCursor(t, j, "slow", "web")
	mustAppend(t, j, entries("web", 0, 3))
	mustAppend(t, j, entries("web", 3, 1))
	mustAppend(t, j, entries("app", 0, 3))
	mustAppend(t, j, entries("web", 4, 1))
	finish(t, quick, outcomes(journal.Delivered, "", take(t, quick, 8)))
	got := take(t, slow, 5)
	finish(t, slow, outcomes(journal.Delivered, "", got[1:3]))
	tidy(t, j, year)
	if again := status(t, slow); again.Pending != 3 {
		t.Errorf("got %+v", again)
	}
	slow = reopen(t, place, &j, "slow", "web")
	if got := ids(take(t, slow, 3)); got[0] != "web-0" {
		t.Errorf("got %v", got)
	}
	finish(t, slow, outcomes(journal.Delivered, "", got[:4]))
	tidy(t, j, year)
	slow = reopen(t, place, &j, "slow", "web")
	if got := ids(take(t, slow, 1)); got[0] != "web-4" {
		t.Errorf("got %v", got)
	}
	if s := status(t, slow); s.Accepted != 5 || s.Pending != 1 {
		t.Errorf("got %+v", s)
	}
	// A destination that is gone from the configuration holds nothing back; when it returns it goes on with what is left.
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, j, entries("web", 5, 1))
	tidy(t, j, year)
	mustAppend(t, j, entries("web", 6, 1))
	slow = openCursor(t, j, "slow", "web")
	if got := ids(take(t, slow, 1)); got[0] != "web-6" {
		t.Errorf("got %v", got)
	}
	if s := status(t, slow); s.Pending != 1 {
		t.Errorf("got %+v", s)
	}
}

func reopen(t *testing.T, place Place, j **journal.Journal, destination string, sources ...string) *journal.Cursor {
	t.Helper()
	closeJournal(t, *j)
	*j = place.Open(t, nil)
	return openCursor(t, *j, destination, sources...)
}

// room opens a journal with more and with less room than before, less than it has taken, too.
func room(t *testing.T, place Place) {
	appended := 0
	random, body := rand.NewChaCha8([32]byte{}), make([]byte, 200_000)
	for _, size := range []int64{8 << 30, 50 << 30, 49 << 30, 1 << 20, 60 << 30, 70 << 20} {
		j := place.Open(t, func(o *journal.Options) { o.MaxBytes = size })
		for n := range 4 {
			all := entries("web", appended, 1)
			_, _ = random.Read(body) // which cannot be compressed
			all[0].Body = fmt.Appendf(nil, `{"random":%q}`, hex.EncodeToString(body))
			err := j.Append(t.Context(), all)
			switch {
			case err == nil:
				appended++
			case size > 1<<20 || !errors.Is(err, journal.ErrFull):
				t.Fatalf("event %d with room for %d MiB: %v", n, size>>20, err)
			}
		}
		if n := len(scanned(t, j, journal.Scan{})); n != appended {
			t.Errorf("with room for %d MiB there are %d events, want %d", size>>20, n, appended)
		}
		closeJournal(t, j)
	}
}

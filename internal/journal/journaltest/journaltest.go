// Package journaltest holds what every journal must do, whatever it is stored on. A kind of journal is tested by
// calling Run with a way to open it.
package journaltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tanker/internal/journal"
)

// Place is where a journal's data is. A test opens it, closes it and opens it again.
type Place interface {
	// Open opens the journal; change may alter the options before.
	Open(t testing.TB, change func(*journal.Options)) *journal.Journal
	// Crash returns a place with what would be left if the process were killed now. The journal stays open.
	Crash(t testing.TB) Place
	// Shared says that what Crash returns is no copy: the journal that stays open has lost its place to it.
	Shared() bool
	// Fresh returns an empty place of the same kind. On one that is shared everything else is gone.
	Fresh(t testing.TB) Place
}

// test is something that every journal must do.
type test struct {
	name string
	run  func(*testing.T, Place)
}

// Run tests the journals of a kind in all that wanted chooses by name; nil chooses everything.
func Run(t *testing.T, place func(t testing.TB) Place, wanted func(name string) bool) {
	for _, test := range tests() {
		if wanted == nil || wanted(test.name) {
			t.Run(test.name, func(t *testing.T) { test.run(t, place(t)) })
		}
	}
}

func tests() []test {
	return []test{
		{"events come back as they were, in order", comeBack},
		{"concurrent appends keep each caller's order", concurrentAppends},
		{"a call too large for one pack is stored whole", largeCalls},
		{"an event of the largest size is stored", largestEvent},
		{"an event that comes twice is stored once", duplicates},
		{"a cancelled append returns", cancelledAppend},
		{"bad entries are refused", badEntries},
		{"what is finished does not come again", finishedStays},
		{"retry state survives a restart", retries},
		{"destinations do not notice each other", destinations},
		{"a new destination begins where it is told", starts},
		{"a new destination begins at a time", startsAtTime},
		{"a source that is connected later counts from then on", connections},
		{"totals add up, whatever happens", accounting},
		{"parked events wait in order, apart from the others", parked},
		{"parked events survive a crash and a restart", parkedStays},
		{"parked events need nothing else", parkedLetsGo},
		{"a parked replay stays a replay", parkedReplay},
		{"bad parking is refused", badParking},
		{"events are found by their positions", lookup},
		{"a pause lasts until it is ended", pauses},
		{"what is remembered holds until the next outcome", remembered},
		{"charts survive a crash and a restart", seriesKept},
		{"dead letters", deadLetters},
		{"dead letters that find no room", deadLettersFull},
		{"dead letters are replayed behind what waits", replayDead},
		{"stored events can be read", scans},
		{"stored events can be sent again", replays},
		{"one event can be sent again", resend},
		{"what is stored can be followed", follows},
		{"parts of the log can be read", batches},
		{"parked events can be listed", parkedListed},
		{"erased events leave their places, whatever happens", erasures},
		{"nothing is left of erased events", erasedForGood},
		{"suppressed names stay until they are lifted", suppressed},
		{"erasures are remembered, not whom they erased", erasureJobs},
		{"the janitor deletes what is finished and old", janitor},
		{"the janitor leaves alone what someone needs", janitorWaits},
		{"a full journal refuses events and recovers", full},
		{"a full disk refuses events", reserve},
		{"a journal may be given less room than before", room},
		{"a closed journal says so", closed},
	}
}

// Directory is the Place of a journal in a directory.
type Directory string

// Open implements Place.
func (d Directory) Open(t testing.TB, change func(*journal.Options)) *journal.Journal {
	t.Helper()
	opts := journal.Options{Dir: string(d), MaxBytes: 512 << 20, MinFree: 1 << 20}
	if change != nil {
		change(&opts)
	}
	j, err := journal.Open(t.Context(), opts)
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

// Crash implements Place: it copies the files as they are, in the middle of the work. Other than after a real
// crash a file may be copied while it changes, so a test crashes when nothing is being written.
func (d Directory) Crash(t testing.TB) Place {
	t.Helper()
	dir := t.TempDir()
	err := filepath.WalkDir(string(d), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, os.ErrNotExist) {
				return nil // a temporary file that is gone
			}
			return err
		}
		rel, err := filepath.Rel(string(d), path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(dir, rel), 0o700)
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return Directory(dir)
}

// Shared implements Place.
func (d Directory) Shared() bool { return false }

// Fresh implements Place.
func (d Directory) Fresh(t testing.TB) Place { return Directory(t.TempDir()) }

func entry(source string, n int) journal.Entry {
	return journal.Entry{
		Source: source, MessageID: fmt.Sprintf("%s-%d", source, n), Type: "track",
		ReceivedAt: time.UnixMilli(1_790_000_000_000 + int64(n)).UTC(), RequestIP: "10.0.0.1",
		Body: fmt.Appendf(nil, `{"type":"track","userId":"u%d","event":"e","n":12345678901234567890}`, n),
	}
}

func entries(source string, from, n int) []journal.Entry {
	all := make([]journal.Entry, n)
	for i := range all {
		all[i] = entry(source, from+i)
	}
	return all
}

func mustAppend(t testing.TB, j *journal.Journal, all []journal.Entry) {
	t.Helper()
	if err := j.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func openCursor(t testing.TB, j *journal.Journal, destination string, sources ...string) *journal.Cursor {
	t.Helper()
	return openCursorAt(t, j, journal.CursorOptions{Destination: destination, Sources: sources})
}

func openCursorAt(t testing.TB, j *journal.Journal, opts journal.CursorOptions) *journal.Cursor {
	t.Helper()
	c, err := j.OpenCursor(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take reads n unfinished events.
func take(t testing.TB, c *journal.Cursor, n int) []journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []journal.Entry
	for len(all) < n {
		pack, err := c.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d events: %v", len(all), n, err)
		}
		all = append(all, pack...)
	}
	if len(all) != n {
		t.Fatalf("got %d events, want %d", len(all), n)
	}
	return all
}

func outcomes(kind journal.Kind, reason string, all []journal.Entry) []journal.Outcome {
	outs := make([]journal.Outcome, len(all))
	for i := range all {
		outs[i] = journal.Outcome{Position: all[i].Position, Kind: kind, Reason: reason, At: time.Now()}
	}
	return outs
}

func finish(t testing.TB, c *journal.Cursor, outs []journal.Outcome) {
	t.Helper()
	if err := c.Finish(t.Context(), outs); err != nil {
		t.Fatal(err)
	}
}

func status(t testing.TB, c *journal.Cursor) journal.Status {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Accepted != s.Totals.Sum()+s.Pending {
		t.Fatalf("accepted %d is not the sum of %+v and pending %d", s.Accepted, s.Totals, s.Pending)
	}
	return s
}

func closeJournal(t testing.TB, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func ids(all []journal.Entry) []string {
	list := make([]string, len(all))
	for i := range all {
		list[i] = all[i].MessageID
	}
	return list
}

package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tanker/internal/journal"
)

var ignorePosition = cmpopts.IgnoreFields(journal.Entry{}, "Position")

func comeBack(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web", "app")
	want := []journal.Entry{entry("web", 1), entry("app", 1), entry("web", 2)}
	want[1].Type, want[1].RequestIP = "", ""
	want[2].Body = []byte("{\"userId\" : \"\\u00e9\xc3\xa9\",\n \"n\": 1.0}")
	for _, e := range want {
		mustAppend(t, j, []journal.Entry{e})
	}
	got := take(t, c, 3)
	if diff := cmp.Diff(want, got, ignorePosition); diff != "" {
		t.Error(diff)
	}
	if !slices.IsSortedFunc(got, func(a, b journal.Entry) int { return int(a.Position) - int(b.Position) }) {
		t.Errorf("positions do not ascend: %v", got)
	}
	again := openCursorAfterRestart(t, place, j, "d", "web", "app")
	if diff := cmp.Diff(got, take(t, again, 3)); diff != "" {
		t.Error("after a restart:", diff)
	}
}

func openCursorAfterRestart(t *testing.T, place Place, j *journal.Journal, destination string, sources ...string) *journal.Cursor {
	t.Helper()
	closeJournal(t, j)
	return openCursor(t, place.Open(t, nil), destination, sources...)
}

func concurrentAppends(t *testing.T, place Place) {
	const callers, calls = 64, 25
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for n := range calls {
				e := entry("web", n)
				e.MessageID = fmt.Sprintf("%d-%d", caller, n)
				if err := j.Append(t.Context(), []journal.Entry{e}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := map[int]int{}
	for _, e := range take(t, c, callers*calls) {
		var caller, n int
		if _, err := fmt.Sscanf(e.MessageID, "%d-%d", &caller, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[caller] {
			t.Fatalf("caller %d: event %d comes where %d should", caller, n, next[caller])
		}
		next[caller]++
	}
}

func largeCalls(t *testing.T, place Place) {
	const n = 20_000
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	want := entries("web", 0, n)
	mustAppend(t, j, want)
	if diff := cmp.Diff(ids(want), ids(take(t, c, n))); diff != "" {
		t.Error(diff)
	}
	if s := status(t, c); s.Accepted != n || s.Pending != n {
		t.Errorf("got %+v", s)
	}
}

func largestEvent(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	e := entry("web", 1)
	noise := noise(1, 4<<20)
	e.Body = slices.Concat([]byte(`{"a":"`), noise, []byte(`"}`))
	mustAppend(t, j, []journal.Entry{entry("web", 0), e, entry("web", 2)})
	if got := take(t, c, 3); !bytes.Equal(got[1].Body, e.Body) {
		t.Errorf("got a body of %d bytes, want %d", len(got[1].Body), len(e.Body))
	}
	e.Body = append(e.Body, noise...)
	if err := j.Append(t.Context(), []journal.Entry{e}); err == nil {
		t.Error("an event too large for a pack was accepted")
	}
}

// noise is n letters that cannot be compressed much.
func noise(seed uint64, n int) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	letters := make([]byte, n)
	for i := range letters {
		letters[i] = 'a' + byte(random.IntN(26))
	}
	return letters
}

func duplicates(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web", "app")
	mustAppend(t, j, entries("web", 0, 3))
	mustAppend(t, j, entries("web", 2, 2)) // 2 again, 3
	mustAppend(t, j, []journal.Entry{entry("web", 4), entry("web", 4)})
	mustAppend(t, j, entries("app", 0, 1)) // the same number, another source
	e := entry("app", 9)
	e.MessageID = "web-1"
	mustAppend(t, j, []journal.Entry{e}) // the same id, another source
	want := []string{"web-0", "web-1", "web-2", "web-3", "web-4", "app-0", "web-1"}
	if diff := cmp.Diff(want, ids(take(t, c, 7))); diff != "" {
		t.Error(diff)
	}
	c = openCursorAfterRestart(t, place, j, "d", "web", "app")
	if s := status(t, c); s.Accepted != 7 {
		t.Errorf("accepted %d, want 7", s.Accepted)
	}
}

func cancelledAppend(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := j.Append(ctx, entries("web", 0, 1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
	mustAppend(t, j, entries("web", 0, 1)) // whether the first was stored or not, it is there once
	take(t, c, 1)
	if s := status(t, c); s.Accepted != 1 {
		t.Errorf("accepted %d, want 1", s.Accepted)
	}
}

func badEntries(t *testing.T, place Place) {
	j := place.Open(t, nil)
	for name, change := range map[string]func(*journal.Entry){
		"no source":       func(e *journal.Entry) { e.Source = "" },
		"a bad source":    func(e *journal.Entry) { e.Source = "a.b" },
		"another source":  func(e *journal.Entry) { e.Source = "other" },
		"no message id":   func(e *journal.Entry) { e.MessageID = "" },
		"no body":         func(e *journal.Entry) { e.Body = nil },
		"a wild card":     func(e *journal.Entry) { e.Source = "*" },
		"a space in name": func(e *journal.Entry) { e.Source = "a b" },
	} {
		all := entries("web", 0, 2)
		change(&all[1])
		if err := j.Append(t.Context(), all); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	mustAppend(t, j, nil)
}

func closed(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	if err := j.Health(); err != nil {
		t.Error(err)
	}
	next := make(chan error, 1)
	go func() {
		_, err := c.Next(t.Context())
		next <- err
	}()
	closeJournal(t, j)
	if err := <-next; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Next that waited: %v", err)
	}
	if err := j.Append(t.Context(), entries("web", 0, 1)); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	if err := c.Finish(t.Context(), nil); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Finish: %v", err)
	}
	if err := j.Health(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Health: %v", err)
	}
	if _, err := j.OpenCursor(t.Context(), journal.CursorOptions{Destination: "e"}); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("OpenCursor: %v", err)
	}
}

func full(t *testing.T, place Place) {
	j := place.Open(t, func(o *journal.Options) { o.MaxBytes = 2 << 20 })
	c := openCursor(t, j, "d", "web")
	stored := 0
	var err error
	for ; err == nil && stored < 1000; stored++ {
		e := entry("web", stored)
		e.Body = slices.Concat([]byte(`{"a":"`), noise(uint64(stored), 50_000), []byte(`"}`))
		err = j.Append(t.Context(), []journal.Entry{e})
	}
	stored--
	if !errors.Is(err, journal.ErrFull) {
		t.Fatalf("after %d events: %v, want ErrFull", stored, err)
	}
	got := take(t, c, stored)
	if s := status(t, c); s.Accepted != uint64(stored) {
		t.Errorf("accepted %d, want %d", s.Accepted, stored)
	}
	finish(t, c, outcomes(journal.Delivered, "", got))
	if err := j.Tidy(t.Context(), got[0].ReceivedAt); err != nil { // nothing is older than the retention
		t.Fatal(err)
	}
	mustAppend(t, j, entries("web", 5000, 1))
	if s := status(t, c); s.Accepted != uint64(stored)+1 || s.Pending != 1 {
		t.Errorf("after recovery: %+v", s)
	}
}

func reserve(t *testing.T, place Place) {
	j := place.Open(t, func(o *journal.Options) { o.MinFree = 1 << 60 })
	if err := j.Append(t.Context(), entries("web", 0, 1)); !errors.Is(err, journal.ErrFull) {
		t.Errorf("Append: %v, want ErrFull", err)
	}
	if err := j.Health(); !errors.Is(err, journal.ErrFull) {
		t.Errorf("Health: %v, want ErrFull", err)
	}
}

package journaltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
)

// die finishes events as dead, with a letter each.
func die(t *testing.T, c *journal.Cursor, all []journal.Entry, change func(*journal.DeadLetter)) []journal.DeadLetter {
	t.Helper()
	outs := outcomes(journal.Dead, "refused_422", all)
	letters := make([]journal.DeadLetter, len(all))
	for i, e := range all {
		letters[i] = journal.DeadLetter{
			Destination: "d", Position: e.Position, MessageID: e.MessageID, Source: e.Source, User: "u",
			Type: e.Type, ReceivedAt: e.ReceivedAt, RequestIP: e.RequestIP, Event: json.RawMessage(e.Body),
			Reason: "refused_422", Message: "Refiner refused the call", Path: "/v1/track-event", Call: json.RawMessage(`{"a":"<&>"}`),
			Status: 422, Answer: `{"message":"no"}`, At: time.UnixMilli(int64(i) * 1000).UTC(),
			Attempts: []journal.Attempt{{At: time.UnixMilli(5).UTC(), Took: time.Second, Status: 422, Error: "refused"}},
		}
		if change != nil {
			change(&letters[i])
		}
		outs[i].Letter = &letters[i]
	}
	finish(t, c, outs)
	return letters
}

// deadLettersFull lets dead letters find no room: their events stay pending, all others get their outcomes.
func deadLettersFull(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 40))
	all := take(t, c, 40)
	outs := outcomes(journal.Delivered, "", all)
	for i := range outs[:30] {
		outs[i].Kind, outs[i].Reason = journal.Dead, "refused_422"
		outs[i].Letter = &journal.DeadLetter{
			Destination: "d", Position: all[i].Position, Event: all[i].Body, Answer: strings.Repeat("x", 4<<20),
		}
	}
	full, ok := errors.AsType[*journal.NoRoomError](c.Finish(t.Context(), outs))
	if !ok || !errors.Is(full, journal.ErrFull) || len(full.Letters) == 0 || len(full.Letters) == 30 {
		t.Fatalf("got %v, want that some letters find no room", full)
	}
	waiting := len(full.Letters)
	want := map[string]uint64{"refused_422": uint64(30 - waiting)}
	if s := status(t, c); int(s.Pending) != waiting || s.Totals.Delivered != 10 || !maps.Equal(s.Totals.Dead, want) {
		t.Errorf("got %+v, want the %d events pending whose letters find no room", s, waiting)
	}
	closeJournal(t, j)
	j = place.Open(t, nil)
	c = openCursor(t, j, "d", "web")
	again := take(t, c, waiting)
	room, err := c.LetterRoom(t.Context())
	if need := full.Letters[again[0].Position]; err != nil || room >= need {
		t.Errorf("%d bytes of room, %v, although a letter of %d finds none", room, err, need)
	}
	if err := j.DiscardDead(t.Context(), "d", all[0].Position); err != nil {
		t.Fatal(err)
	}
	if room, err = c.LetterRoom(t.Context()); err != nil || room < full.Letters[again[0].Position] {
		t.Errorf("%d bytes of room, %v, not enough for a letter after a like one was discarded", room, err)
	}
	finish(t, c, outs[waitingAt(outs, again[0].Position):][:1])
	if s := status(t, c); int(s.Pending) != waiting-1 {
		t.Errorf("got %+v, want one event less pending", s)
	}
}

func waitingAt(outs []journal.Outcome, pos journal.Position) int {
	return slices.IndexFunc(outs, func(o journal.Outcome) bool { return o.Position == pos })
}

func deadLetters(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	other := openCursor(t, j, "other", "web")
	mustAppend(t, j, entries("web", 0, 7))
	want := die(t, c, take(t, c, 7), func(l *journal.DeadLetter) {
		if l.MessageID == "web-3" {
			l.User, l.Reason = "special", "retry_window_passed"
		}
	})
	die(t, other, take(t, other, 7)[:1], func(l *journal.DeadLetter) { l.Destination = "other" })
	if s := status(t, c); s.Totals.Dead["refused_422"] != 7 {
		t.Errorf("got %+v", s)
	}
	closeJournal(t, j)
	j = place.Open(t, nil)

	scanDead(t, j, want)
	letter, err := j.DeadLetter(t.Context(), "d", want[5].Position)
	if diff := cmp.Diff(want[5], letter); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for range 2 {
		err = j.DiscardDead(t.Context(), "d", want[5].Position)
	}
	if !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("discarded twice: %v", err)
	}
	if _, err := j.DeadLetter(t.Context(), "../d", 1); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("odd name: %v", err)
	}
	if n := stillDead(t, j); n != 7 {
		t.Errorf("after discarding one there are %d letters, want 7", n)
	}
}

// scanDead reads the seven letters of destination d, and the one of another.
func scanDead(t *testing.T, j *journal.Journal, want []journal.DeadLetter) {
	t.Helper()
	scan := func(s journal.DeadScan, most int) (got []journal.DeadLetter, last uint64) {
		t.Helper()
		if err := j.ScanDead(t.Context(), s, func(seq uint64, l journal.DeadLetter) error {
			if seq <= last {
				t.Errorf("%d comes after %d", seq, last)
			}
			got, last = append(got, l), seq
			if len(got) == most {
				return journal.ErrStop
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got, last
	}
	extent, err := j.DeadExtent(t.Context())
	if err != nil || extent.Letters != 8 || extent.Bytes == 0 || extent.MaxBytes == 0 {
		t.Fatalf("%+v, %v", extent, err)
	}
	got, last := scan(journal.DeadScan{}, 0)
	if len(got) != 8 || last != extent.Last {
		t.Errorf("%d letters up to %d, want 8 up to %d", len(got), last, extent.Last)
	}
	first, middle := scan(journal.DeadScan{Destination: "d"}, 3)
	rest, _ := scan(journal.DeadScan{Destination: "d", After: middle}, 0)
	if diff := cmp.Diff(want, append(first, rest...)); diff != "" {
		t.Error(diff)
	}
	if upTo, _ := scan(journal.DeadScan{UpTo: middle}, 0); len(upTo) != 3 {
		t.Errorf("%d letters up to the third", len(upTo))
	}
	if none, _ := scan(journal.DeadScan{After: extent.Last}, 0); len(none) != 0 {
		t.Errorf("%d letters after the last", len(none))
	}
	failure := errors.New("no")
	if err := j.ScanDead(t.Context(), journal.DeadScan{}, func(uint64, journal.DeadLetter) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if err := j.ScanDead(t.Context(), journal.DeadScan{Destination: "../d"}, nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("odd name: %v", err)
	}
}

// stillDead is how many dead letters there are.
func stillDead(t *testing.T, j *journal.Journal) int {
	t.Helper()
	n := 0
	if err := j.ScanDead(t.Context(), journal.DeadScan{}, func(uint64, journal.DeadLetter) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func replayDead(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	other := openCursor(t, j, "other", "web")
	mustAppend(t, j, entries("web", 0, 3))
	first := take(t, c, 3)
	letters := die(t, c, first[:1], nil)
	mustAppend(t, j, entries("web", 3, 1))
	refusal := errors.New("no")
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, func(*journal.Entry) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("got %v, want the refusal", err)
	}
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, nil); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("replayed twice: %v", err)
	}
	got := take(t, c, 2)
	again := entry("web", 0)
	again.ReplayOf = letters[0].Position
	if diff := cmp.Diff([]journal.Entry{entry("web", 3), again}, got, ignorePosition); diff != "" {
		t.Error(diff)
	}
	if s := status(t, c); s.Accepted != 5 || s.Pending != 4 {
		t.Errorf("got %+v", s)
	}
	if got := ids(take(t, other, 4)); fmt.Sprint(got) != "[web-0 web-1 web-2 web-3]" {
		t.Errorf("the other destination got %v", got)
	}
	if s := status(t, other); s.Accepted != 4 {
		t.Errorf("the other destination: %+v", s)
	}
}

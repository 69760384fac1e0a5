package journaltest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
)

func park(t testing.TB, c *journal.Cursor, user string, all ...journal.Entry) {
	t.Helper()
	if err := c.Park(t.Context(), []journal.Parking{{User: user, Entries: all}}); err != nil {
		t.Fatal(err)
	}
}

// unpark takes out all of a user's parked events.
func unpark(t testing.TB, c *journal.Cursor, user string) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	for {
		some, err := c.Unpark(t.Context(), user, 40)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return all
		}
		if len(some) > 40 {
			t.Errorf("%d events were handed out at once", len(some))
		}
		all = append(all, some...)
	}
}

func positions(all []journal.Entry) []journal.Position {
	list := make([]journal.Position, len(all))
	for i := range all {
		list[i] = all[i].Position
	}
	return list
}

func parked(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web", "app")
	other := openCursor(t, j, "other", "web")
	const user = "ada\n\x00.*> é"
	mustAppend(t, j, entries("web", 0, 200))
	mustAppend(t, j, entries("app", 0, 2))
	all := take(t, c, 202)
	all[0].Retry = journal.Retry{Attempts: 3, First: time.UnixMilli(1000).UTC(), Next: time.UnixMilli(5000).UTC()}
	park(t, c, user, all[:150]...)
	park(t, c, "bob", all[150:160]...)
	park(t, c, user, append(slices.Clone(all[100:150]), all[160:]...)...) // fifty of them a second time
	if s := status(t, c); s.Parked != 202 || s.Pending != 202 || !s.Oldest.Equal(all[0].ReceivedAt) {
		t.Errorf("got %+v", s)
	}
	want := slices.Concat(all[:150], all[160:])
	got := unpark(t, c, user)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	finish(t, c, outcomes(journal.Delivered, "", got[:100]))
	finish(t, c, outcomes(journal.Delivered, "", got[:120])) // a hundred of them a second time
	if s := status(t, c); s.Parked != 82 || s.Pending != 82 || s.Totals.Delivered != 120 {
		t.Errorf("got %+v", s)
	}
	if s := status(t, other); s.Parked != 0 || s.Pending != 200 {
		t.Errorf("the other destination: %+v", s)
	}
	if none := unpark(t, c, user); none != nil {
		t.Errorf("%d events were handed out twice", len(none))
	}
	c.Release(positions(got[130:]))
	if diff := cmp.Diff(got[130:], unpark(t, c, user)); diff != "" {
		t.Error("after a release:", diff)
	}
	finish(t, c, outcomes(journal.Delivered, "", got[120:]))
	finish(t, c, outcomes(journal.Delivered, "", unpark(t, c, "bob")))
	if s := status(t, c); s.Parked != 0 || s.Pending != 0 || !s.Oldest.IsZero() {
		t.Errorf("got %+v", s)
	}
	if none := unpark(t, c, "nobody"); none != nil {
		t.Errorf("nobody has %d events", len(none))
	}
}

// parkedStays follows parked events over a crash and a restart. Those of a user are told of in their place.
func parkedStays(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 2))
	mustAppend(t, j, entries("web", 2, 8))
	all := take(t, c, 10)
	park(t, c, "late", all[7])
	park(t, c, "early", all[1], all[2], all[5])
	park(t, c, "late", all[9])
	finish(t, c, outcomes(journal.Delivered, "", unpark(t, c, "early")[:1]))
	retry := journal.Retry{Attempts: 7, First: time.UnixMilli(1000).UTC(), Next: time.UnixMilli(9000).UTC()}
	unpark(t, c, "late")
	c.Defer(all[7].Position, retry)
	c.Release([]journal.Position{all[7].Position, all[9].Position})
	look := func(c *journal.Cursor, wantRetry journal.Retry) {
		t.Helper()
		if s := status(t, c); s.Parked != 4 || s.Pending != 9 || s.Totals.Delivered != 1 {
			t.Errorf("got %+v", s)
		}
		var order []string
		for len(order) < 8 {
			some, err := c.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range some {
				if e.Parked != nil {
					order = append(order, fmt.Sprint(e.Parked.User, " ", e.Parked.Events, " ", e.Parked.More))
				} else {
					order = append(order, e.MessageID)
				}
			}
		}
		want := []string{"web-0", "early 2 false", "web-3", "web-4", "web-6", "late 2 true", "web-8", "late 0 false"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Error(diff)
		}
		if got := ids(unpark(t, c, "early")); fmt.Sprint(got) != "[web-2 web-5]" {
			t.Errorf("early has %v", got)
		}
		late := unpark(t, c, "late")
		if got := ids(late); fmt.Sprint(got) != "[web-7 web-9]" {
			t.Errorf("late has %v", got)
		}
		if diff := cmp.Diff(wantRetry, late[0].Retry); diff != "" {
			t.Error(diff)
		}
	}
	crashed := place.Crash(t)
	look(openCursor(t, crashed.Open(t, nil), "d", "web"), journal.Retry{}) // the retry was not saved yet
	if crashed.Shared() {
		return // that is all there is
	}
	c = openCursorAfterRestart(t, place, j, "d", "web")
	look(c, retry)
}

// parkedLetsGo deletes the events that are parked from EVENTS.
func parkedLetsGo(t *testing.T, place Place) {
	const year = 365 * 24 * time.Hour
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web", "app")
	mustAppend(t, j, entries("web", 0, 5))
	mustAppend(t, j, entries("app", 0, 5))
	all := take(t, c, 10)
	park(t, c, "ada", all[0], all[4], all[9])
	finish(t, c, outcomes(journal.Delivered, "", slices.Concat(all[1:4], all[5:9])))
	tidy(t, j, year)
	if n := bytesOf(t, j); n != 0 {
		t.Errorf("%d bytes are left of events that are finished or parked", n)
	}
	for range 2 {
		c = reopen(t, place, &j, "d", "web", "app")
		if s := status(t, c); s.Accepted != 10 || s.Parked != 3 || s.Totals.Delivered != 7 || !s.Oldest.Equal(all[0].ReceivedAt) {
			t.Errorf("got %+v", s)
		}
	}
	if some, err := c.Next(t.Context()); err != nil || len(some) != 1 || some[0].Parked == nil {
		t.Fatal(some, err)
	}
	// What waits of a source that is disconnected is not delivered.
	c = reopen(t, place, &j, "d", "app")
	mustAppend(t, j, entries("app", 5, 1))
	if got := ids(unpark(t, c, "ada")); fmt.Sprint(got) != "[app-4]" {
		t.Errorf("got %v", got)
	}
	if s := status(t, c); s.Parked != 1 {
		t.Errorf("got %+v", s)
	}
}

// parkedReplay parks an event that is a replay: it counts with the replays afterwards as well.
func parkedReplay(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 1))
	letters := die(t, c, take(t, c, 1), nil)
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, nil); err != nil {
		t.Fatal(err)
	}
	park(t, c, "ada", take(t, c, 1)...)
	c = openCursorAfterRestart(t, place, j, "d") // web is not a source any more, replays come nevertheless
	got := unpark(t, c, "ada")
	if len(got) != 1 || got[0].Source != "web" {
		t.Fatalf("got %+v", got)
	}
	finish(t, c, outcomes(journal.Delivered, "", got))
	if s := status(t, c); s.Accepted != 2 || s.Pending != 0 {
		t.Errorf("got %+v", s)
	}
}

func badParking(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 2))
	all := take(t, c, 2)
	for _, user := range []string{"", string(make([]byte, journal.MaxParkedUser+1))} {
		if err := c.Park(t.Context(), []journal.Parking{{User: user, Entries: all}}); err == nil {
			t.Errorf("a user of %d bytes was accepted", len(user))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Park(ctx, []journal.Parking{{User: "ada", Entries: all}}); err == nil {
		t.Error("parked without time")
	}
	park(t, c, string(make([]byte, journal.MaxParkedUser)), all...) // as if nothing had happened
	if s := status(t, c); s.Parked != 2 {
		t.Errorf("got %+v", s)
	}
}

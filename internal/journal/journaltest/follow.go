package journaltest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
)

// follows reads what is stored, of events and of outcomes, as it is stored.
func follows(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 2))
	before := take(t, c, 2)
	_, lastPack, err := j.Extent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	packs, outs := make(chan string), make(chan string)
	ended := make(chan error, 2)
	go func() {
		ended <- j.Follow(ctx, lastPack-1, func(p journal.FollowedPack) error {
			all, err := p.Unfold()
			if err != nil || len(all) != p.Events || all[0].Position != journal.At(p.Seq, 0) {
				t.Errorf("pack %d of %d events: %v, %v", p.Seq, p.Events, all, err)
			}
			packs <- fmt.Sprint(p.Seq, p.ReplayTo, ids(all))
			return nil
		})
	}()
	go func() {
		ended <- j.FollowOutcomes(ctx, 0, func(b journal.OutcomeBatch) error {
			outs <- fmt.Sprint(b.Seq, " ", b.Destination, " ", b.Outcomes[0].Kind)
			return nil
		})
	}()
	expect := func(from chan string, want string) {
		t.Helper()
		if got := <-from; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect(packs, "1[web-0 web-1]")
	mustAppend(t, j, entries("app", 0, 1))
	expect(packs, "2[app-0]")
	letters := die(t, c, before[:1], nil)
	expect(outs, "1 d dead")
	if err := j.ReplayDead(t.Context(), "d", letters[0].Position, nil); err != nil {
		t.Fatal(err)
	}
	expect(packs, "3d[web-0]")
	finish(t, c, outcomes(journal.Filtered, "consent", before[1:]))
	expect(outs, "2 d filtered")
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	failure := errors.New("a failure")
	if err := j.Follow(t.Context(), 0, func(journal.FollowedPack) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want what the function returned", err)
	}
}

// batches reads parts of what became of a destination's events, and single packs.
func batches(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c, other := openCursor(t, j, "d", "web"), openCursor(t, j, "other", "web")
	mustAppend(t, j, entries("web", 0, 3))
	for i, e := range take(t, c, 3) {
		finish(t, c, outcomes(journal.Delivered, "", []journal.Entry{e}))
		if i == 0 {
			finish(t, other, outcomes(journal.Delivered, "", take(t, other, 3)[:1]))
		}
	}
	if first, last, err := j.OutcomesExtent(t.Context()); err != nil || first != 1 || last != 4 {
		t.Errorf("the outcomes are %d to %d, %v", first, last, err)
	}
	for name, test := range map[string]struct {
		scan journal.OutcomeScan
		want []string
	}{
		"all":       {journal.OutcomeScan{}, []string{"1 d 1.0", "3 d 1.1", "4 d 1.2"}},
		"after":     {journal.OutcomeScan{After: 1, Since: time.Now().Add(time.Hour)}, []string{"3 d 1.1", "4 d 1.2"}},
		"up to":     {journal.OutcomeScan{UpTo: 3}, []string{"1 d 1.0", "3 d 1.1"}},
		"a part":    {journal.OutcomeScan{After: 1, UpTo: 2}, nil},
		"since now": {journal.OutcomeScan{Since: time.Now().Add(time.Hour)}, nil},
	} {
		test.scan.Destination = "d"
		var got []string
		err := j.ReadOutcomes(t.Context(), test.scan, func(b journal.OutcomeBatch) error {
			got = append(got, fmt.Sprint(b.Seq, " ", b.Destination, " ", b.Outcomes[0].Position))
			return nil
		})
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	pack, err := j.Pack(t.Context(), 1)
	if err != nil || len(pack.Entries) != 3 || pack.Entries[2].Position != journal.At(1, 2) || pack.Entries[2].MessageID != "web-2" || pack.Stored.IsZero() {
		t.Errorf("the pack is %+v, %v", pack, err)
	}
	if _, err := j.Pack(t.Context(), 2); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a pack that is not there: %v", err)
	}
}

// parkedListed lists parked events, without taking them out.
func parkedListed(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	mustAppend(t, j, entries("web", 0, 140))
	all := take(t, c, 140)
	all[1].Retry = journal.Retry{Attempts: 2, First: time.UnixMilli(1000).UTC(), Next: time.UnixMilli(5000).UTC()}
	park(t, c, "ada", all[:130]...)
	park(t, c, "bob", all[130:135]...)
	later := journal.Retry{Attempts: 3, First: time.UnixMilli(1000).UTC(), Next: time.UnixMilli(9000).UTC()}
	out, err := c.Unpark(t.Context(), "ada", 2)
	if err != nil {
		t.Fatal(err)
	}
	c.Defer(out[1].Position, later)
	finish(t, c, outcomes(journal.Delivered, "", out[:1]))
	want := all[1:130]
	want[0].Retry = later
	for user, want := range map[string][]journal.Entry{"ada": want, "": all[1:135], "eve": nil} {
		if diff := cmp.Diff(want, listParked(t, j, user)); diff != "" {
			t.Errorf("of %q (-want +got):\n%s", user, diff)
		}
	}
	if retries, err := j.Retries("d"); err != nil || len(retries) != 1 || retries[all[1].Position] != later {
		t.Errorf("the retries are %v, %v", retries, err)
	}
	stillParked(t, j, all[0].Position)
	if floor, err := j.Floor("d"); err != nil || floor != 0 {
		t.Errorf("the floor is %d, %v", floor, err)
	}
	finish(t, c, outcomes(journal.Delivered, "", all[135:]))
	if floor, err := j.Floor("d"); err != nil || floor != all[139].Position.Seq() {
		t.Errorf("the floor is %d, %v", floor, err)
	}
	if _, err := j.ParkedEvents(t.Context(), journal.ParkedFilter{Destination: "nowhere"}); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := j.Floor("nowhere"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// listParked lists a user's parked events, or everybody's, a page at a time.
func listParked(t testing.TB, j *journal.Journal, user string) (got []journal.Entry) {
	t.Helper()
	f := journal.ParkedFilter{Destination: "d", User: user, Limit: 60}
	for {
		page, err := j.ParkedEvents(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			got = append(got, e.Entry)
			if user != "" && e.User != user {
				t.Errorf("an event of %q", e.User)
			}
		}
		if f.After = page.Next; f.After == 0 {
			return got
		}
		if len(page.Events) < f.Limit {
			t.Errorf("a page in the middle has %d events", len(page.Events))
		}
	}
}

// stillParked sees that of all records only those of one event are out of date.
func stillParked(t testing.TB, j *journal.Journal, finished journal.Position) {
	t.Helper()
	records := 0
	err := j.ScanOutcomes(t.Context(), "d", time.Time{}, func(outs []journal.Outcome) error {
		for _, o := range outs {
			records++
			if parked, err := j.StillParked(t.Context(), "d", o.Place); err != nil || parked != (o.Position != finished) {
				t.Errorf("%s at %s is parked: %v, %v", o.Position, o.Place, parked, err)
			}
		}
		return nil
	})
	if err != nil || records != 136 {
		t.Errorf("%d records, %v", records, err)
	}
}

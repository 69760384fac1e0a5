package clustertest_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tanker/internal/journal"
)

// TestSeveralGateways stores events of a source through two processes: each is stored once, whichever takes it.
func TestSeveralGateways(t *testing.T) {
	c := emptyCluster(t)
	a, b := begin(t, c, "a", nil), begin(t, c, "b", nil)
	cursor := openCursor(t, a, "d")
	a.store(t, "1", "2")
	eventually(t, func() error { return knows(t, b, 2) })
	b.store(t, "2", "3", "1")
	wantStored(t, a, "1", "2", "3")

	late := begin(t, c, "c", nil) // it has not seen the others' events
	late.store(t, "3", "2", "4")
	wantStored(t, a, "1", "2", "3", "4")

	got := take(t, cursor, 4)
	if ids := idsOf(got); !slices.Equal(ids, []string{"1", "2", "3", "4"}) {
		t.Errorf("read %v", ids)
	}
	finish(t, cursor, got[:1])
	eventually(t, func() error { return knows(t, b, 4) })
	if s, err := cursor.Status(t.Context()); err != nil || s.Accepted != 4 || s.Pending != 3 {
		t.Errorf("%+v, %v; want 4 accepted and 3 pending", s, err)
	}
	eventually(t, func() error { // saved within a second
		s, err := b.Status(t.Context(), "d")
		if err == nil && (s.Accepted != 4 || s.Pending != 3 || s.Totals.Delivered != 1 || !s.Oldest.Equal(got[1].ReceivedAt)) {
			err = fmt.Errorf("seen from elsewhere: %+v", s)
		}
		return err
	})
	if _, err := b.Status(t.Context(), "other"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("of no destination: %v", err)
	}
}

// knows wants a process to know of so many events.
func knows(t testing.TB, p *process, n uint64) error {
	u, err := p.Usage(t.Context())
	if err == nil && u.Events != n {
		err = fmt.Errorf("knows of %d events, want %d", u.Events, n)
	}
	return err
}

// TestAtTheSameMoment has every event accepted by three processes at once: what two of them store is delivered once.
func TestAtTheSameMoment(t *testing.T) {
	const rounds = 50
	c := emptyCluster(t)
	var all []*process
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, begin(t, c, name, nil))
	}
	cursor := openCursor(t, all[0], "d")
	for n := range rounds {
		var storing sync.WaitGroup
		for _, p := range all {
			storing.Go(func() {
				if err := p.Append(t.Context(), events(fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
		}
		storing.Wait()
	}
	stored := len(scanned(t, all[0]))
	if stored == rounds {
		t.Skip("never at the same moment")
	}
	t.Logf("%d of %d events were stored more than once", stored-rounds, rounds)
	got := take(t, cursor, stored)
	wantOnce(t, got, rounds)

	// Whoever takes over in the middle comes to the same result.
	finish(t, cursor, got[:stored/2])
	if err := cursor.Close(); err != nil {
		t.Fatal(err)
	}
	cursor = openCursor(t, all[1], "d")
	again := take(t, cursor, stored-stored/2)
	wantOnce(t, slices.Concat(got[:stored/2], again), rounds)
	finish(t, cursor, again)
	eventually(t, func() error {
		s, err := cursor.Status(t.Context())
		if err == nil && (s.Totals.Delivered != rounds || s.Totals.Filtered["duplicate"] != uint64(stored-rounds) || s.Pending != 0) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
}

// wantOnce wants n events that are no repetitions, each id once.
func wantOnce(t testing.TB, all []journal.Entry, n int) {
	t.Helper()
	times := map[string]int{}
	for i := range all {
		if !all[i].Duplicate {
			times[all[i].MessageID]++
		}
	}
	for id, count := range times {
		if count > 1 {
			t.Errorf("%s would be delivered %d times", id, count)
		}
	}
	if len(times) != n {
		t.Errorf("%d events would be delivered, want %d", len(times), n)
	}
}

// TestNameTaken lets two processes write under one name: one of them notices and stops, and nothing is lost.
func TestNameTaken(t *testing.T) {
	c := emptyCluster(t)
	first, second := begin(t, c, "a", nil), begin(t, c, "a", nil)
	first.store(t, "1")
	err := second.Append(t.Context(), events("2"))
	second.store(t, "2")
	err = errors.Join(err, first.Append(t.Context(), events("3")))
	if !errors.Is(err, journal.ErrNameTaken) {
		t.Fatalf("got %v, want ErrNameTaken", err)
	}
	if err := first.Health(); !errors.Is(err, journal.ErrNameTaken) {
		t.Errorf("the first process is healthy: %v", err)
	}
	second.store(t, "4")
	wantStored(t, second, "1", "2", "4")
	third := begin(t, c, "a", nil) // a restart is no other process
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third.store(t, "1", "5")
	wantStored(t, third, "1", "2", "4", "5")
}

// TestReplayMoves has a replay go on in another process, and come back.
func TestReplayMoves(t *testing.T) {
	c := emptyCluster(t)
	a, b := begin(t, c, "a", nil), begin(t, c, "b", nil)
	a.store(t, "1", "2", "3", "4")
	var past []journal.Entry
	if err := a.Scan(t.Context(), journal.Scan{}, func(p journal.StoredPack) error {
		past = append(past, p.Entries...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i := range past {
		past[i].ReplayOf = past[i].Position
	}
	for i, p := range []*process{a, b, a, b} {
		n, last, err := p.Replayed(t.Context(), "d", "job")
		if err != nil || n != uint64(i) || i > 0 && last != past[i-1].Position {
			t.Fatalf("before step %d: %d events, the last %s, %v", i, n, last, err)
		}
		if err := p.Replay(t.Context(), "d", "job", past[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Replay(t.Context(), "d", "job", past[3:]); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("one that was overtaken went on: %v", err)
	}
	wantStored(t, a, "1", "2", "3", "4", "1", "2", "3", "4")
}

// TestJanitorElsewhere deletes nothing that a destination needs whose cursor is open in another process.
func TestJanitorElsewhere(t *testing.T) {
	c := emptyCluster(t)
	a, b := begin(t, c, "a", nil), begin(t, c, "b", nil)
	here, there := openCursor(t, a, "here"), openCursor(t, b, "there")
	for _, id := range []string{"1", "2", "3"} {
		b.store(t, id)
	}
	finish(t, here, take(t, here, 3))
	finish(t, there, take(t, there, 3)[:1])
	later := time.Now().AddDate(1, 0, 0)
	a.HoldBack(func() []string { return []string{"here", "there", "never-begun"} })
	eventually(t, func() error { // when the other cursor is saved
		if err := a.Tidy(t.Context(), later); err != nil {
			return err
		}
		if got := scanned(t, a); !slices.Equal(got, []string{"2", "3"}) {
			return fmt.Errorf("left are %v", got)
		}
		return nil
	})
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
	a.HoldBack(func() []string { return []string{"here"} }) // "there" is not configured any more
	if err := a.Tidy(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	wantStored(t, a)
	if u, err := begin(t, c, "c", nil).Usage(t.Context()); err != nil || u.Events != 3 {
		t.Errorf("%+v, %v; want that there were 3 events", u, err)
	}
	b.store(t, "4") // though nothing of its subject is left
	wantStored(t, a, "4")
}

package lease

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestOneMemberHoldsAllAndSharesWithOthers(t *testing.T) {
	t.Parallel()
	g := newGroup(t, items(6)...)
	a := g.join("a", testTTL, 1)
	g.await("a holds all", func() bool { return a.has() == 6 })
	b := g.join("b", testTTL, 1)
	c := g.join("c", testTTL, 1)
	g.await("all hold two", func() bool { return a.has() == 2 && b.has() == 2 && c.has() == 2 })
}

// TestLeavingHandsOverAtOnce uses a TTL that would be noticed.
func TestLeavingHandsOverAtOnce(t *testing.T) {
	t.Parallel()
	g := newGroup(t, items(4)...)
	a := g.join("a", time.Hour, 1)
	g.await("a holds all", func() bool { return a.has() == 4 })
	b := g.join("b", time.Hour, 1)
	g.await("a knows b", func() bool { return len(a.Group().Members) == 2 })
	a.leave()
	g.await("b holds all", func() bool { return b.has() == 4 })
	for _, h := range b.Group().Held {
		if h.Member != "b" || h.Epoch != 2 {
			t.Errorf("%+v", h)
		}
	}
}

func TestDeadMemberIsReplaced(t *testing.T) {
	t.Parallel()
	g := newGroup(t, items(3)...)
	a := g.join("a", testTTL, 1)
	g.await("a holds all", func() bool { return a.has() == 3 })
	b := g.join("b", testTTL, 1)
	g.await("b knows a", func() bool { return len(b.Group().Members) == 2 })
	a.close()
	g.await("b holds all", func() bool { return b.has() == 3 })
	if a.has() != 0 {
		t.Errorf("a believes in %d leases that b holds", a.has())
	}
	a.open()
	g.await("a has its share again", func() bool { return a.has() >= 1 && a.has()+b.has() == 3 })
}

// TestClocksThatDiffer has members whose clocks run at different speeds lose their connections again and again.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	g := newGroup(t, items(3)...)
	const ttl = 300 * time.Millisecond
	members := []*member{g.join("slow", ttl, 0.93), g.join("right", ttl, 1), g.join("fast", ttl, 1.07)}
	for round := range 9 {
		m := members[round%len(members)]
		m.close()
		g.await("the others hold all", func() bool {
			n := 0
			for _, other := range members {
				if other != m {
					n += other.has()
				}
			}
			return n == 3
		})
		m.open()
	}
}

// TestStoppedProcess lets the time pass in which a process is stopped: at its first moment afterwards, before it has
// heard of anything, it must not believe in what it held.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "destination.d")
	a := g.join("a", time.Hour, 1)
	g.await("a holds it", func() bool { return a.has() == 1 })
	a.mu.Lock()
	l := a.held["destination.d"]
	a.mu.Unlock()
	a.close()
	a.skew.moved.Add(int64(44 * time.Minute))
	if !l.Valid() {
		t.Error("the lease is not valid within three quarters of the TTL")
	}
	a.skew.moved.Add(int64(2 * time.Minute))
	if l.Valid() {
		t.Error("the lease is valid after three quarters of the TTL")
	}
	a.open()
	g.await("what was held is given up, and held again", func() bool {
		a.signal() // the next tick would come too late for a test
		return isClosed(l.Lost()) && a.has() == 1
	})
	if l.Valid() {
		t.Error("a lease that was lost is valid again")
	}
	if epoch := a.Holding("destination.d").Epoch; epoch != 2 {
		t.Errorf("epoch %d, want 2", epoch)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestSecondProcessWithTheSameNameWaits(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "destination.d")
	first := g.join("a", testTTL, 1)
	g.await("the first holds it", func() bool { return first.has() == 1 })
	second := g.join("a", testTTL, 1)
	g.await("the second has heard of the first again and again", func() bool { return second.view.member("a").record.Beat >= 5 })
	if second.has() != 0 || first.has() != 1 {
		t.Errorf("the first holds %d, the second %d", first.has(), second.has())
	}
	first.leave()
	g.await("the second holds it", func() bool { return second.has() == 1 })
}

func TestDetachingKeepsTheLease(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "destination.d", "destination.e")
	a := g.join("a", time.Hour, 1)
	g.await("a holds both", func() bool { return a.has() == 2 })
	a.Detach()
	if a.has() != 0 {
		t.Error("something is held after Detach")
	}
	g.attach(a, "destination.d", "destination.f")
	g.await("a holds what it offers now", func() bool {
		return a.has() == 2 && a.Holding("destination.e").Member == "" && a.Holding("destination.f").Member == "a"
	})
	if h := a.Holding("destination.d"); h.Member != "a" || h.Epoch != 1 {
		t.Errorf("%+v, want it to be held by a with epoch 1", h)
	}
}

// TestItemsGoToThoseThatOfferThem is a configuration that only one member has yet.
func TestItemsGoToThoseThatOfferThem(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "destination.d")
	a := g.join("a", testTTL, 1)
	g.await("a holds it", func() bool { return a.has() == 1 })
	g.items = []string{"destination.d", "destination.new"}
	b := g.join("b", testTTL, 1)
	g.await("b holds what a does not know", func() bool { return b.Holding("destination.new").Member == "b" })
	b.leave()
	g.await("nobody holds it", func() bool { return a.Holding("destination.new").Member == "" })
	if a.Holding("destination.d").Epoch != 1 {
		t.Error("destination.d has moved")
	}
}

func TestNotesReachTheSuccessor(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "destination.d")
	a := g.join("a", testTTL, 1)
	g.await("a holds it", func() bool { return a.has() == 1 })
	a.mu.Lock()
	l := a.held["destination.d"]
	a.mu.Unlock()
	if !l.Before.Orderly || l.Before.Note != nil {
		t.Errorf("before the first: %+v", l.Before)
	}
	for _, note := range []string{"one", "two"} {
		if err := l.Note(t.Context(), note); err != nil {
			t.Fatal(err)
		}
	}
	b := g.join("b", testTTL, 1)
	var before Predecessor
	b.Detach()
	err := b.Attach(Offer{Info: MemberInfo{Items: g.items}, Hold: func(ctx context.Context, l *Lease) error {
		before = l.Before
		<-ctx.Done()
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.await("b knows a", func() bool { return len(b.Group().Members) == 2 })
	a.close()
	g.await("b holds it", func() bool { return b.has() == 1 })
	a.open()
	b.leave()
	var note string
	if err := json.Unmarshal(before.Note, &note); err != nil || note != "two" || before.Orderly || before.At.IsZero() {
		t.Errorf("%+v, %v; want the note two of a holder that has not released", before, err)
	}
	if err := l.Note(t.Context(), "three"); !errors.Is(err, ErrLost) {
		t.Errorf("a note of a lost lease: %v, want ErrLost", err)
	}
}

func TestHoldThatFailsIsRepeated(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	a := g.join("a", testTTL, 1)
	a.Detach()
	calls := 0
	again := make(chan struct{})
	err := a.Attach(Offer{Info: MemberInfo{Items: []string{"job.j"}}, Hold: func(ctx context.Context, _ *Lease) error {
		if calls++; calls == 1 {
			return errors.New("not now")
		}
		close(again)
		<-ctx.Done()
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-again:
	case <-time.After(patience):
		t.Fatal("Hold is not called again")
	}
}

func TestNamesAreChecked(t *testing.T) {
	if _, err := New(Options{Name: "a"}); err == nil {
		t.Error("a keeper without a bucket")
	}
	for _, item := range []string{"", "d", "destination.", "destination.a b", "member.a", "destination.a.b"} {
		if checkItems([]string{item}) == nil {
			t.Errorf("%q passes for an item", item)
		}
	}
}

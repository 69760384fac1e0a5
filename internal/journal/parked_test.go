package journal

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParkedKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []parkedEvent
		for _, e := range randomEntries(t) {
			e.Position = Position(rapid.Uint64().Draw(t, "position"))
			e.Source = rapid.SampledFrom([]string{"web", "app"}).Draw(t, "source")
			if e.Retry.Attempts = rapid.IntRange(0, 3).Draw(t, "attempts"); e.Retry.Attempts > 0 {
				e.Retry.First = fromMillis(rapid.Int64Range(0, 1<<45).Draw(t, "first"))
				e.Retry.Next = fromMillis(rapid.Int64Range(0, 1<<45).Draw(t, "next"))
			}
			want = append(want, parkedEvent{e, rapid.SampledFrom([]string{replays, "web", "app"}).Draw(t, "connection")})
		}
		got, err := decodeParked(encodeParked(want))
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(parkedEvent{})); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
		var again []parkedEvent
		for _, part := range splitParked(want) {
			if len(part) == 0 || len(part) > parkedEvents {
				t.Fatalf("a message of %d events", len(part))
			}
			again = append(again, part...)
		}
		if len(again) != len(want) {
			t.Fatalf("%d of %d events are left in messages", len(again), len(want))
		}
		head := parkedHead{rapid.String().Draw(t, "user"), want[0].Position, len(want), want[0].ReceivedAt}
		if got, err := readParkedHead(head.header()); err != nil || got != head {
			t.Fatal(err, got, head)
		}
	})
}

func FuzzDecodeParked(f *testing.F) {
	f.Add(encodeParked([]parkedEvent{{Entry{Source: "web", MessageID: "m", Body: []byte("{}"), Position: At(7, 3)}, "web"}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decodeParked(data); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	})
}

// parkingLot is a journal with a cursor that has read some events, none of which is finished.
type parkingLot struct {
	*testing.T
	dir  string
	j    *Journal
	c    *Cursor
	read []Entry
}

func newParkingLot(t *testing.T, events int) *parkingLot {
	l := &parkingLot{T: t, dir: t.TempDir()}
	l.open()
	t.Cleanup(func() {
		if err := l.j.Close(); err != nil {
			t.Error(err)
		}
	})
	var all []Entry
	for n := range events {
		all = append(all, Entry{Source: "web", MessageID: string(rune('a' + n)), Body: []byte("{}"), ReceivedAt: time.UnixMilli(int64(n + 1)).UTC()})
	}
	if err := l.j.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	l.next(events)
	return l
}

func (l *parkingLot) open() {
	l.Helper()
	var err error
	if l.j, err = Open(l.Context(), Options{Dir: l.dir, MaxBytes: 64 << 20, MinFree: 1 << 20}); err != nil {
		l.Fatal(err)
	}
	if l.c, err = l.j.OpenCursor(l.Context(), CursorOptions{Destination: "d", Sources: []string{"web"}}); err != nil {
		l.Fatal(err)
	}
	l.read = nil
}

// restart closes and opens. What a crash leaves in PARKED and OUTCOMES an orderly end leaves there as well.
func (l *parkingLot) restart() {
	l.Helper()
	if err := l.j.Close(); err != nil {
		l.Fatal(err)
	}
	l.open()
}

// next reads n entries.
func (l *parkingLot) next(n int) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), 10*time.Second)
	defer cancel()
	for len(l.read) < n {
		some, err := l.c.Next(ctx)
		if err != nil {
			l.Fatal(err)
		}
		l.read = append(l.read, some...)
	}
}

func (l *parkingLot) check(messages, parked, pending int) {
	l.Helper()
	info, err := l.j.parked.Info(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	s, err := l.c.Status(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	if info.State.Msgs != uint64(messages) || s.Parked != uint64(parked) || s.Pending != uint64(pending) {
		l.Errorf("%d messages, status %+v; want %d messages, %d parked and %d pending", info.State.Msgs, s, messages, parked, pending)
	}
}

func (l *parkingLot) park(all ...Entry) {
	l.Helper()
	if err := l.c.Park(l.Context(), []Parking{{"ada", all}}); err != nil {
		l.Fatal(err)
	}
}

// publish does the first half of Park.
func (l *parkingLot) publish(all ...Entry) parkRecord {
	l.Helper()
	var record parkRecord
	if err := l.c.publishParked(l.Context(), Parking{"ada", all}, &record); err != nil {
		l.Fatal(err)
	}
	return record
}

func (l *parkingLot) unpark() string {
	l.Helper()
	var names string
	for {
		some, err := l.c.Unpark(l.Context(), "ada", 2)
		if err != nil {
			l.Fatal(err)
		}
		if len(some) == 0 {
			return names
		}
		for _, e := range some {
			names += e.MessageID
		}
	}
}

func TestKilledBeforeParkingWasRecorded(t *testing.T) {
	l := newParkingLot(t, 5)
	l.park(l.read[1])
	l.publish(l.read[2:4]...)
	l.check(2, 1, 5)
	l.restart()
	l.check(1, 1, 5)
	l.next(5)
	var names string
	for _, e := range l.read {
		if e.Parked != nil {
			names += "+"
		}
		names += e.MessageID
	}
	if names != "a+cde" {
		t.Errorf("read %q, want the parked event after a, and those that were not recorded", names)
	}
	l.park(l.read[2:]...)
	if got := l.unpark(); got != "bcde" {
		t.Errorf("parked are %q", got)
	}
}

func TestPublishingFailed(t *testing.T) {
	l := newParkingLot(t, 3)
	l.publish(l.read[1:]...)
	l.c.parkUnsure = true // it arrived, but nobody knows
	if got := l.unpark(); got != "" {
		t.Errorf("%q was handed out though no record says it is parked", got)
	}
	l.park(l.read[1:]...)
	l.check(1, 2, 3)
	l.restart()
	l.check(1, 2, 3)
	if got := l.unpark(); got != "bc" {
		t.Errorf("parked are %q", got)
	}
}

func TestRecordingFailed(t *testing.T) {
	for name, stored := range map[string]bool{"nothing was stored": false, "the record was stored": true} {
		t.Run(name, func(t *testing.T) {
			l := newParkingLot(t, 3)
			l.c.unrecorded = l.publish(l.read[1:]...)
			if stored {
				if _, err := l.c.storeOutcomes(t.Context(), l.c.unrecorded.outcomes); err != nil {
					t.Fatal(err)
				}
			}
			l.park(l.read...)
			l.check(2, 3, 3)
			for range 2 {
				if got := l.unpark(); got != "bca" {
					t.Errorf("parked are %q", got)
				}
				l.restart()
				l.check(2, 3, 3)
			}
		})
	}
	t.Run("the process is killed then", func(t *testing.T) {
		l := newParkingLot(t, 3)
		record := l.publish(l.read[1:]...)
		if _, err := l.c.storeOutcomes(t.Context(), record.outcomes); err != nil {
			t.Fatal(err)
		}
		l.restart()
		l.check(1, 2, 3)
		if got := l.unpark(); got != "bc" {
			t.Errorf("parked are %q", got)
		}
	})
}

func TestFinishedParkedMessagesAreDeleted(t *testing.T) {
	l := newParkingLot(t, 4)
	l.park(l.read[0], l.read[1])
	l.park(l.read[2])
	l.park(l.read[3])
	finish := func(entries ...Entry) {
		t.Helper()
		var outcomes []Outcome
		for _, e := range entries {
			outcomes = append(outcomes, Outcome{Position: e.Position, Kind: Delivered, At: time.Now()})
		}
		if err := l.c.Finish(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func() {
		t.Helper()
		if err := l.c.sweepParked(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all := slices.Clone(l.read)
	l.unpark()
	finish(all[1], all[2]) // not in order
	sweep()
	l.check(2, 2, 2)
	finish(all[0])
	l.restart() // before it is deleted
	sweep()
	l.check(1, 1, 1)
	if got := l.unpark(); got != "d" {
		t.Errorf("parked are %q", got)
	}
	finish(all[3])
	sweep()
	l.check(0, 0, 0)
	l.restart()
	l.check(0, 0, 0)
	if n := len(l.c.parked.messages) + len(l.c.parked.users) + len(l.c.parked.taken); n != 0 {
		t.Errorf("%d things are remembered of nothing: %+v", n, l.c.parked)
	}
}

func TestDeletedParkedMessagesAreForgotten(t *testing.T) {
	p := newParking()
	p.add(5, parkedHead{user: "ada", first: At(1, 0), count: 1})
	p.take("ada", 5, make([]parkedEvent, 1), func(parkedEvent) bool { return true }, 1)
	p.finishTaken(0, At(5, 0))
	now := time.Now()
	p.deleted(p.undeleted(), now)
	if s := p.save(); len(s.Done) != 1 || len(p.undeleted()) != 0 {
		t.Errorf("%+v, %v: a message that may come back is forgotten, or is deleted again", s, p.undeleted())
	}
	q := newParking()
	q.restore(p.save())
	if q.add(5, parkedHead{user: "ada", first: At(1, 0), count: 1}); q.events != 0 || len(q.undeleted()) != 1 {
		t.Errorf("a message that came back counts again: %+v", q)
	}
	p.deleted(nil, now.Add(2*keepSpent))
	if s := p.save(); len(s.Done) != 0 || len(p.spent) != 0 {
		t.Errorf("remembered for ever: %+v", s)
	}
}

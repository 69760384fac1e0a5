package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestIDsInHeaders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := randomEntries(t)
		want := idsOf("", entries)
		text := encodeIDs(want)
		if diff := cmp.Diff(want, idsOf(text, entries)); diff != "" {
			t.Error(diff)
		}
		if got := idsOf(text+"AA", entries); !cmp.Equal(want, got) {
			t.Errorf("a header that is damaged was believed: %v", got)
		}
	})
	most := encodeIDs(make([]idHash, packEvents))
	if room := 1<<16 - 1 - 512; len(most) > room {
		t.Errorf("the digests of a full pack take %d bytes, and headers may have %d", len(most), room)
	}
	if strings.ContainsAny(most, "\r\n") {
		t.Error("digests break the header")
	}
}

// TestRepeats compares what is said of each event with the plain way to know it, also after restarts that know of the last
// window alone.
func TestRepeats(t *testing.T) {
	const window = time.Minute
	rapid.Check(t, func(t *rapid.T) {
		type event struct {
			source, id string
			at         time.Time
		}
		var log []event
		at := time.UnixMilli(1_790_000_000_000)
		o := Options{DedupWindow: window, DedupIDs: 1000}
		r := newRepeats(o)
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			// Clocks of servers differ: the next leader's may be behind.
			at = at.Add(time.Duration(rapid.Int64Range(-2000, 40_000).Draw(t, "later")) * time.Millisecond)
			e := event{rapid.SampledFrom([]string{"web", "app"}).Draw(t, "source"), rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "id"), at}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				r = newRepeats(o)
				for _, before := range log {
					if !before.at.Before(e.at.Add(-window - clockMargin)) {
						r.note(keyOf(before.source, sharedHash(before.id)), before.at)
					}
				}
			}
			want := false
			for _, before := range log {
				if before.source == e.source && before.id == e.id {
					want = want || e.at.Sub(before.at) <= window
				}
			}
			if got := r.note(keyOf(e.source, sharedHash(e.id)), e.at); got != want {
				t.Fatalf("event %d: repetition %t, want %t", len(log), got, want)
			}
			log = append(log, e)
		}
	})
}

func TestRepeatsAreBounded(t *testing.T) {
	r := newRepeats(Options{DedupWindow: time.Hour, DedupIDs: 100})
	for n := range uint64(1000) {
		r.note(repeatKey{n}, time.UnixMilli(1_790_000_000_000))
	}
	if n := len(r.young) + len(r.old); n > 200 {
		t.Errorf("remembers %d ids, more than two generations of 100", n)
	}
}

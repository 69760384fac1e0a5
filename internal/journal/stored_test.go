package journal

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func randomEntries(t *rapid.T) []Entry {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Entry {
		return Entry{
			Source: "web", MessageID: rapid.StringN(1, 40, -1).Draw(t, "id"), Type: rapid.SampledFrom([]string{"", "track"}).Draw(t, "type"),
			ReceivedAt: time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "at")).UTC(), RequestIP: rapid.StringN(0, 20, -1).Draw(t, "ip"),
			Body:     rapid.SliceOfN(rapid.Byte(), 1, 2000).Draw(t, "body"),
			ReplayOf: Position(rapid.SampledFrom([]uint64{0, 0, 1 << 16, 1<<60 + 1}).Draw(t, "replay of")),
		}
	}), 1, 30).Draw(t, "entries")
}

func TestPackKeepsEverything(t *testing.T) {
	var w packWriter
	rapid.Check(t, func(t *rapid.T) {
		want := randomEntries(t)
		ordinal := rapid.Uint64Range(0, 1<<60).Draw(t, "ordinal")
		data := w.encode(ordinal, want)
		if n, err := packCount(data); err != nil || n != ordinal+uint64(len(want)) {
			t.Fatal(n, err)
		}
		got, err := decodePack(slices.Clone(data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.entries); diff != "" || got.ordinal != ordinal || got.source != "web" {
			t.Fatal(diff, got.ordinal, got.source)
		}
	})
}

func TestOutcomesKeepEverything(t *testing.T) {
	position := rapid.Custom(func(t *rapid.T) Position {
		return At(rapid.Uint64Range(0, 1<<40).Draw(t, "seq"), rapid.IntRange(0, maxPackEntries-1).Draw(t, "index"))
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) storedOutcome {
			return storedOutcome{
				Outcome: Outcome{
					Position: position.Draw(t, "position"),
					Kind:     rapid.SampledFrom(kindCodes[:]).Draw(t, "kind"), Reason: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reason"),
					Attempts: rapid.IntRange(0, 1000).Draw(t, "attempts"), At: time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "at")).UTC(),
					CarriedBy: rapid.SampledFrom([]Position{0, position.Draw(t, "carrier")}).Draw(t, "carried by"),
				},
				connection: rapid.SampledFrom([]string{replays, "web", "app"}).Draw(t, "connection"),
				place:      rapid.SampledFrom([]Position{0, At(1, 0), At(3, 63), At(1<<40, 9)}).Draw(t, "place"),
			}
		}), 1, 50).Draw(t, "outcomes")
		data, err := encodeOutcomes(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeOutcomes(data)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(storedOutcome{})); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
	if _, err := encodeOutcomes([]storedOutcome{{Outcome: Outcome{Kind: "lost"}}}); err == nil {
		t.Error("an outcome of no known kind was encoded")
	}
}

// TestOutcomesOfEarlierVersions reads what was written before events could be carried.
func TestOutcomesOfEarlierVersions(t *testing.T) {
	stored := []byte("\x01\x02\xd0\x0f\x12\x03\x03\x02\x00\x00\x03web\x00\x01r\x02\x00\x00\x01\x0a\x01\x00\x00")
	want := []storedOutcome{
		{Outcome: Outcome{Position: At(9, 3), Kind: Dead, Reason: "r", Attempts: 2, At: time.UnixMilli(1000).UTC()}, connection: "web"},
		{Outcome: Outcome{Position: At(10, 0), Kind: Delivered, Attempts: 1, At: time.UnixMilli(1005).UTC()}, connection: "web"},
	}
	got, err := decodeOutcomes(stored)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(storedOutcome{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if data, err := encodeOutcomes(want); err != nil || !bytes.Equal(data, stored) {
		t.Errorf("now %q is written, before it was %q: %v", data, stored, err)
	}
}

func FuzzDecodePack(f *testing.F) {
	var w packWriter
	small := []Entry{{Source: "web", MessageID: "m", Body: []byte("{}"), ReceivedAt: time.UnixMilli(5)}}
	f.Add(slices.Clone(w.encode(7, small)))
	f.Add(slices.Clone(w.encode(7, []Entry{{Source: "web", MessageID: "m", Body: bytes.Repeat([]byte("a"), 999), ReceivedAt: time.UnixMilli(5)}})))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decodePack(data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
			return
		}
		if n, err := packCount(data); err != nil || n != p.ordinal+uint64(len(p.entries)) {
			t.Errorf("the header counts %d, %v; the pack holds %d after %d", n, err, len(p.entries), p.ordinal)
		}
	})
}

func FuzzDecodeOutcomes(f *testing.F) {
	data, err := encodeOutcomes([]storedOutcome{{Outcome: Outcome{Position: At(9, 3), Kind: Dead, Reason: "r"}, connection: "web"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	data, err = encodeOutcomes([]storedOutcome{{Outcome: Outcome{Position: At(9, 3), Kind: Delivered, CarriedBy: At(8, 2)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := decodeOutcomes(data); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	})
}

// TestProgress compares progress with the plain way to know the same.
func TestProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProgress(10)
		finished := map[Position]bool{}
		sizes := map[uint64]int{}
		next := uint64(11)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(sizes) == 0 || rapid.Bool().Draw(t, "read") {
				next += rapid.Uint64Range(0, 2).Draw(t, "gap")
				sizes[next] = rapid.IntRange(1, 130).Draw(t, "size")
				p.read(&packState{seq: next}, sizes[next])
				next++
				continue
			}
			seq := rapid.SampledFrom(sortedKeys(sizes)).Draw(t, "pack")
			pos := At(seq, rapid.IntRange(0, sizes[seq]-1).Draw(t, "index"))
			if fresh := p.finish(pos); fresh == finished[pos] {
				t.Fatalf("finish(%s) = %v", pos, fresh)
			}
			finished[pos] = true
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				p = restarted(p, sizes)
			}
		}
		for seq, n := range sizes {
			for i := range n {
				if pos := At(seq, i); p.finished(pos) != finished[pos] {
					t.Fatalf("finished(%s) = %v", pos, !finished[pos])
				}
			}
		}
	})
}

// restarted reads back what p would save, and the packs again.
func restarted(p *progress, sizes map[uint64]int) *progress {
	q := newProgress(p.floor)
	q.restore(p.spans())
	for _, seq := range sortedKeys(sizes) {
		if seq > p.floor {
			q.read(&packState{seq: seq}, sizes[seq])
		}
	}
	return q
}

func sortedKeys(sizes map[uint64]int) []uint64 {
	keys := make([]uint64, 0, len(sizes))
	for seq := range sizes {
		keys = append(keys, seq)
	}
	slices.Sort(keys)
	return keys
}

func TestRecentIDs(t *testing.T) {
	now := time.UnixMilli(0)
	r := newRecentIDs(time.Minute, 100)
	a, b := r.hash("a"), r.hash("b")
	r.add(a, now)
	r.add(b, now.Add(61*time.Second))
	if !r.has(a) || !r.has(b) {
		t.Error("forgotten within two windows")
	}
	r.add(r.hash("c"), now.Add(122*time.Second))
	if r.has(a) || !r.has(b) {
		t.Error("a generation too many or too few was forgotten")
	}
	for n := range 1000 {
		r.add(idHash{uint64(n)}, now.Add(122*time.Second))
	}
	if n := len(r.young) + len(r.old); n > 200 {
		t.Errorf("remembers %d ids, more than two generations of 100", n)
	}
}

func TestPosition(t *testing.T) {
	for _, p := range []Position{0, At(1, 0), At(1<<47, maxPackEntries-1)} {
		if got, err := ParsePosition(p.String()); got != p || err != nil {
			t.Errorf("%s: got %v, %v", p, got, err)
		}
	}
	for _, s := range []string{"", "1", "1.", ".1", "-1.0", "1.65536", "281474976710656.0", "1.0.0", "a.b"} {
		if p, err := ParsePosition(s); err == nil {
			t.Errorf("%q was read as %v", s, p)
		}
	}
}

// TestFenced opens a cursor that another process saves meanwhile.
func TestFenced(t *testing.T) {
	j, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	c, err := j.OpenCursor(t.Context(), CursorOptions{Destination: "d", Sources: []string{"web"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.cursors.PutString(t.Context(), "d", "{}"); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), []Entry{{Source: "web", MessageID: "m", Body: []byte("{}")}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := []Outcome{{Position: got[0].Position, Kind: Delivered}}
	for err = nil; err == nil; { // until the fence is noticed, at the latest with the next save
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err = c.Finish(ctx, done)
		cancel()
	}
	if !errors.Is(err, ErrFenced) {
		t.Errorf("got %v, want ErrFenced", err)
	}
	if err := j.Close(); !errors.Is(err, ErrFenced) {
		t.Errorf("Close: %v, want ErrFenced", err)
	}
}

// noise is what a JSON body of n bytes looks like to a compressor, more or less.
func noise(random *rand.Rand, n int) []byte {
	body := make([]byte, n)
	for i := range body {
		body[i] = `abcdefghijklmnopqrstuvwxyz0123456789":,{} `[random.IntN(42)]
	}
	return body
}

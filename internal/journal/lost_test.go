package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// damaged is a journal whose EVENTS are damaged between two processes.
type damaged struct {
	*testing.T

	dir string
	log bytes.Buffer
	j   *Journal
	c   *Cursor

	harmed bool
}

func newDamaged(t *testing.T) *damaged {
	t.Helper()
	d := &damaged{T: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if err := d.j.Close(); err != nil {
			t.Error(err)
		}
	})
	d.open()
	return d
}

// open opens the journal, and the cursor of a destination that begins at the beginning.
func (d *damaged) open() {
	d.Helper()
	var err error
	logger := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelError}))
	if d.j, err = Open(d.Context(), Options{Dir: d.dir, MaxBytes: 64 << 20, MinFree: 1, Logger: logger}); err != nil {
		d.Fatal(err)
	}
	if d.c, err = d.j.OpenCursor(d.Context(), CursorOptions{Destination: "d", Sources: []string{"web", "app"}, Start: FromBeginning}); err != nil {
		d.Fatal(err)
	}
}

// send stores packs of two events, of two sources in turn.
func (d *damaged) send(first, packs int) {
	d.Helper()
	for i := range packs {
		body := make([]byte, 300)
		_, _ = rand.Read(body) // never fails
		source := []string{"web", "app"}[i%2]
		var entries []Entry
		for n := range 2 {
			entries = append(entries, Entry{
				Source: source, MessageID: fmt.Sprintf("%d-%d", first+i, n), ReceivedAt: time.Now(), Body: []byte(hex.EncodeToString(body)),
			})
		}
		if err := d.j.Append(d.Context(), entries); err != nil {
			d.Fatal(err)
		}
	}
}

// take reads what is there, and finishes the packs that done chooses.
func (d *damaged) take(done func(Entry) bool) (all []Entry) {
	d.Helper()
	quiet := 200 * time.Millisecond
	if d.harmed {
		quiet, d.harmed = 1500*time.Millisecond, false // the server stops for a moment at what is damaged
	}
	for {
		ctx, cancel := context.WithTimeout(d.Context(), quiet)
		entries, err := d.c.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			d.Fatal(err)
		}
		all = append(all, entries...)
	}
	var outs []Outcome
	for i := range all {
		if done(all[i]) {
			outs = append(outs, Outcome{Position: all[i].Position, Kind: Delivered, At: time.Now()})
		}
	}
	if err := d.c.Finish(d.Context(), outs); err != nil {
		d.Fatal(err)
	}
	return all
}

// crash ends the journal, in order or as a power cut does, and lets something happen to its newest block meanwhile.
func (d *damaged) crash(orderly bool, harm func(block string)) {
	d.Helper()
	if !orderly {
		if err := d.c.save(d.Context()); err != nil {
			d.Fatal(err)
		}
		if err := d.j.saveCounts(); err != nil {
			d.Fatal(err)
		}
		copied := filepath.Join(d.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(d.dir)); err != nil {
			d.Fatal(err)
		}
		d.dir = copied
	}
	if err := d.j.Close(); err != nil {
		d.Fatal(err)
	}
	d.harmed = true
	harm(filepath.Join(d.dir, "jetstream", "$G", "streams", streamEvents, "msgs", "1.blk"))
	d.log.Reset()
	d.open()
}

// totals checks that all adds up.
func (d *damaged) totals(want Status) {
	d.Helper()
	s, err := d.c.Status(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	if s.Accepted != s.Totals.Sum()+s.Pending {
		d.Errorf("%+v does not add up", s)
	}
	if s.Accepted != want.Accepted || s.Pending != want.Pending || s.Totals.Lost != want.Totals.Lost || s.Totals.Delivered != want.Totals.Delivered {
		d.Errorf("got %+v, want %+v", s, want)
	}
}

func flip(t *testing.T, at float64) func(string) {
	return func(block string) {
		data, err := os.ReadFile(block)
		if err != nil {
			t.Fatal(err)
		}
		from := int(float64(len(data)) * at)
		from += bytes.Index(data[from:], []byte(subjectEvents)) + 200 // in an event
		for i := range 3 {
			data[from+i] ^= 0xff
		}
		if err := os.WriteFile(block, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamageInTheMiddle flips bits in the middle of a block: JetStream drops the pack, and mostly all that follows in the block.
func TestDamageInTheMiddle(t *testing.T) {
	for _, orderly := range []bool{true, false} {
		t.Run(fmt.Sprintf("orderly %t", orderly), func(t *testing.T) {
			t.Parallel()
			d := newDamaged(t)
			d.send(0, 100)
			d.take(func(e Entry) bool { return e.Position.Seq() <= 20 || e.Position.Seq() > 95 })
			d.totals(Status{Accepted: 200, Pending: 150, Totals: Totals{Delivered: 50}})
			d.crash(orderly, flip(t, 0.5))
			left := d.take(func(Entry) bool { return false })
			d.send(100, 10)
			left = append(left, d.take(func(Entry) bool { return false })...)
			if !slices.IsSortedFunc(left, func(a, b Entry) int { return int(a.Position) - int(b.Position) }) {
				t.Error("events come out of order")
			}
			for i := range left {
				if left[i].Position.Seq() <= 100 && strings.HasPrefix(left[i].MessageID, "10") {
					t.Errorf("the new event %s has the position %s of an old one", left[i].MessageID, left[i].Position)
				}
			}
			lost := uint64(150 + 20 - len(left))
			if lost < 2 || lost > 100 {
				t.Errorf("%d events are lost", lost)
			}
			want := Status{Accepted: 220, Pending: uint64(len(left)), Totals: Totals{Delivered: 50, Lost: lost}}
			d.totals(want)
			if !strings.Contains(d.log.String(), "events are gone from the journal") || !strings.Contains(d.log.String(), "source=") {
				t.Errorf("the log does not tell of it: %s", d.log.String())
			}
			d.crash(true, func(string) {}) // what was lost is known, and noticed once
			again := d.take(func(Entry) bool { return true })
			if len(again) != len(left) {
				t.Errorf("%d events are left after a restart, want %d", len(again), len(left))
			}
			want.Totals.Delivered, want.Pending = want.Totals.Delivered+want.Pending, 0
			d.totals(want)
			d.crash(true, func(string) {})
			d.totals(want)
			if d.log.Len() > 0 {
				t.Errorf("the log tells of it again: %s", d.log.String())
			}
		})
	}
}

// TestLostTail takes the end of EVENTS away, which nobody had read.
func TestLostTail(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	d.send(0, 50)
	d.crash(false, func(block string) {
		info, err := os.Stat(block)
		if err == nil {
			err = os.Truncate(block, info.Size()*4/5)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	left := d.take(func(Entry) bool { return true })
	if n := len(left); n < 60 || n > 90 {
		t.Errorf("%d of 100 events are left", n)
	}
	d.totals(Status{Accepted: 100, Totals: Totals{Delivered: uint64(len(left)), Lost: uint64(100 - len(left))}})
	if !strings.Contains(d.log.String(), "the end of the journal is gone") {
		t.Errorf("the log does not tell of it: %s", d.log.String())
	}
	d.send(100, 2)
	if n := len(d.take(func(Entry) bool { return true })); n != 4 {
		t.Errorf("%d of 4 new events come", n)
	}
}

// TestDamagedPack lets a pack be stored that cannot be unfolded.
func TestDamagedPack(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	d.send(0, 2)
	var packs packWriter
	data := bytes.Clone(packs.encode(2, []Entry{{Source: "web", MessageID: "x", Body: bytes.Repeat([]byte("x"), 1000)}}))
	data[len(data)-5] ^= 0xff
	data = data[:len(data)-2]
	if _, err := d.j.js.Publish(t.Context(), subjectEvents+"web."+d.j.opts.Writer, data); err != nil {
		t.Fatal(err)
	}
	d.crash(true, func(string) {})
	if n := len(d.take(func(Entry) bool { return true })); n != 4 {
		t.Errorf("%d events, want the 4 that are whole", n)
	}
	d.totals(Status{Accepted: 5, Totals: Totals{Delivered: 4, Lost: 1}})
	found := 0
	err := d.j.Scan(t.Context(), Scan{}, func(p StoredPack) error {
		found += p.Damaged
		return nil
	})
	if err != nil || found != 1 {
		t.Errorf("a scan tells of %d damaged events, %v; want 1", found, err)
	}
	d.crash(true, func(string) {})
	d.totals(Status{Accepted: 5, Totals: Totals{Delivered: 4, Lost: 1}})
}

// TestLostCursor lets the saved cursor be lost, or be damaged: it is rebuilt, nothing that is finished comes again, nothing that
// is not is left out, and nothing comes from before the destination began.
func TestLostCursor(t *testing.T) {
	for name, harm := range map[string]func(d *damaged) error{
		"lost":    func(d *damaged) error { return d.j.cursors.Purge(d.Context(), "d") },
		"damaged": func(d *damaged) error { _, err := d.j.cursors.PutString(d.Context(), "d", `{"floor":`); return err },
		"and where it began": func(d *damaged) error {
			return errors.Join(d.j.cursors.Purge(d.Context(), "d"), d.j.counts.Purge(d.Context(), begunKey+"d"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &damaged{T: t, dir: t.TempDir()}
			logger := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelError}))
			var err error
			if d.j, err = Open(t.Context(), Options{Dir: d.dir, MaxBytes: 64 << 20, MinFree: 1, Logger: logger}); err != nil {
				t.Fatal(err)
			}
			defer d.j.Close()
			open := func() {
				if d.c, err = d.j.OpenCursor(t.Context(), CursorOptions{Destination: "d", Sources: []string{"web", "app"}}); err != nil {
					t.Fatal(err)
				}
			}
			d.send(0, 4) // before it begins
			open()
			d.send(4, 6)
			all := d.take(func(e Entry) bool { return e.Position.Seq() != 7 && e.Position.Seq() != 8 })
			if len(all) != 12 {
				t.Fatalf("%d events come, want 12", len(all))
			}
			parked := all[4:5] // of pack 7
			if err := d.c.Park(t.Context(), []Parking{{User: "u", Entries: parked}}); err != nil {
				t.Fatal(err)
			}
			d.send(10, 1)
			if err := d.c.Close(); err != nil {
				t.Fatal(err)
			}
			if err := harm(d); err != nil {
				t.Fatal(err)
			}
			open()
			s, err := d.c.Status(t.Context())
			if err != nil || s.Pending != 6 || s.Parked != 1 || s.Totals.Delivered != 8 || s.Accepted != 14 {
				t.Errorf("got %+v, %v; want 8 of 14 delivered and one of the others parked", s, err)
			}
			if !strings.Contains(d.log.String(), "is found again from the outcomes") {
				t.Errorf("the log does not tell of it: %s", d.log.String())
			}
			var ids []string
			for _, e := range d.take(func(e Entry) bool { return e.Parked == nil }) {
				if e.Parked == nil {
					ids = append(ids, e.MessageID)
				}
			}
			if want := []string{"6-1", "7-0", "7-1", "10-0", "10-1"}; !slices.Equal(ids, want) {
				t.Errorf("%q come, want %q", ids, want)
			}
			if again, err := d.c.Unpark(t.Context(), "u", 10); err != nil || len(again) != 1 || again[0].MessageID != parked[0].MessageID {
				t.Errorf("%v, %v are parked, want %s", again, err, parked[0].MessageID)
			}
		})
	}
}

// TestLostParkedEvents takes a user's events out of PARKED.
func TestLostParkedEvents(t *testing.T) {
	t.Parallel()
	d := newDamaged(t)
	d.send(0, 3)
	all := d.take(func(e Entry) bool { return e.Position.Seq() == 3 })
	if err := d.c.Park(t.Context(), []Parking{{User: "a", Entries: all[:2]}, {User: "b", Entries: all[2:4]}}); err != nil {
		t.Fatal(err)
	}
	d.totals(Status{Accepted: 6, Pending: 4, Totals: Totals{Delivered: 2}})
	if err := d.c.Close(); err != nil {
		t.Fatal(err)
	}
	msg, err := d.j.parked.GetLastMsgForSubject(t.Context(), parkedSubject("d", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.j.parked.DeleteMsg(t.Context(), msg.Sequence); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d.crash(true, func(string) {})
		d.totals(Status{Accepted: 6, Pending: 2, Totals: Totals{Delivered: 2, Lost: 2}})
	}
}

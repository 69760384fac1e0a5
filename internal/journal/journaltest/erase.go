package journaltest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/internal/journal"
)

// erasures runs random histories in which events are erased against a model.
func erasures(t *testing.T, place Place) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		var p Place = Directory(fmt.Sprintf("%s/%d", t.TempDir(), run))
		m := &erasing{t: t, erased: map[journal.Position]bool{}, finished: map[journal.Position]bool{}}
		m.open(p)
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 7).Draw(rt, "step"); step {
			case 0, 1, 2:
				m.append(rapid.SampledFrom([]string{"web", "app"}).Draw(rt, "source"), rapid.IntRange(1, 40).Draw(rt, "events"))
			case 3:
				m.finishSome(rapid.IntRange(0, 60).Draw(rt, "events"), rapid.IntRange(1, 3).Draw(rt, "every"))
			case 4, 5:
				m.erase(rapid.SampledFrom(modelUsers).Draw(rt, "user"))
			case 6:
				m.readAll() // the janitor knows of what was read
				tidy(t, m.j, 8*24*time.Hour)
				m.forget()
			case 7:
				next := p
				if rapid.Bool().Draw(rt, "crash") {
					next = p.Crash(t)
				}
				closeJournal(t, m.j)
				p = next
				m.open(p)
			}
			m.check(rt)
		}
		m.readAll()
		closeJournal(t, m.j)
	})
}

// erasing is the model: what was accepted, and what has become of it.
type erasing struct {
	t        *testing.T
	j        *journal.Journal
	c        *journal.Cursor
	accepted []journal.Entry // in order, as it was; the janitor's are gone
	n        int
	erased   map[journal.Position]bool
	finished map[journal.Position]bool
	read     []journal.Position // in order
}

func (m *erasing) open(p Place) {
	m.j = p.Open(m.t, nil)
	m.c = openCursor(m.t, m.j, "d", "web", "app")
	m.read = nil
}

func (m *erasing) append(source string, n int) {
	all := entries(source, m.n, n)
	m.n += n
	mustAppend(m.t, m.j, all)
	_, last, err := m.j.Extent(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for i, e := range all {
		e.Position = journal.At(last, i)
		m.accepted = append(m.accepted, e)
	}
}

// erase erases a user's events, pack by pack.
func (m *erasing) erase(user string) {
	m.t.Helper()
	packs := map[uint64]int{}
	for _, e := range m.accepted {
		if userOf(e.MessageID) == user && !m.erased[e.Position] {
			packs[e.Position.Seq()]++
			m.erased[e.Position] = true
		}
	}
	for seq, n := range packs {
		got, err := m.j.Erase(m.t.Context(), seq, func(e *journal.Entry) bool { return userOf(e.MessageID) == user })
		if err != nil || got != n {
			m.t.Fatalf("erased %d events of pack %d, want %d: %v", got, seq, n, err)
		}
	}
}

// now is an event as it is to be found.
func (m *erasing) now(e journal.Entry) journal.Entry {
	if m.erased[e.Position] {
		return journal.Entry{Position: e.Position, Source: e.Source, ReceivedAt: e.ReceivedAt, Body: []byte{}}
	}
	return e
}

// unread are the events that Next has still to hand out, or has handed out and that are not finished.
func (m *erasing) unfinished() []journal.Entry {
	var list []journal.Entry
	for _, e := range m.accepted {
		if !m.finished[e.Position] {
			list = append(list, m.now(e))
		}
	}
	return list
}

// readAll reads what there is: everything unfinished, in order, each once.
func (m *erasing) readAll() {
	m.t.Helper()
	want := m.unfinished()
	for i, e := range take(m.t, m.c, len(want)-len(m.read)) {
		w := want[len(m.read)+i]
		if diff := cmp.Diff(w, e); diff != "" {
			m.t.Fatalf("read (-want +got):\n%s", diff)
		}
	}
	m.read = m.read[:0]
	for _, e := range want {
		m.read = append(m.read, e.Position)
	}
}

// finishSome finishes every so many of the first events.
func (m *erasing) finishSome(n, every int) {
	m.readAll()
	var outs []journal.Outcome
	left := m.read[:0:0]
	for i, pos := range m.read {
		if i >= n || i%every != 0 {
			left = append(left, pos)
			continue
		}
		outs = append(outs, journal.Outcome{Position: pos, Kind: journal.Delivered, At: time.Now()})
		m.finished[pos] = true
	}
	finish(m.t, m.c, outs)
	m.read = left
}

// forget forgets what the janitor has deleted: finished packs, in front of all that are not.
func (m *erasing) forget() {
	m.t.Helper()
	first, _, err := m.j.Extent(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	m.accepted = slices.DeleteFunc(m.accepted, func(e journal.Entry) bool {
		if e.Position.Seq() < first && !m.finished[e.Position] {
			m.t.Fatalf("%s was deleted unfinished", e.Position)
		}
		return e.Position.Seq() < first
	})
}

// check compares what the log says with the model.
func (m *erasing) check(rt *rapid.T) {
	if s := status(m.t, m.c); s.Accepted != uint64(m.n) || s.Pending != uint64(len(m.unfinished())) {
		rt.Fatalf("got %+v, want %d accepted and %d pending", s, m.n, len(m.unfinished()))
	}
	var want, got, found []journal.Entry
	var positions []journal.Position
	for _, e := range m.accepted {
		want = append(want, m.now(e))
		positions = append(positions, e.Position)
	}
	err := m.j.Scan(m.t.Context(), journal.Scan{}, func(p journal.StoredPack) error {
		got = append(got, p.Entries...)
		return nil
	})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		rt.Fatalf("the log: %v (-want +got):\n%s", err, diff)
	}
	err = m.j.Lookup(m.t.Context(), positions, func(e journal.Entry) error {
		found = append(found, e)
		return nil
	})
	if diff := cmp.Diff(want, found); err != nil || diff != "" {
		rt.Fatalf("looked up: %v (-want +got):\n%s", err, diff)
	}
	if first, _, err := m.j.Extent(m.t.Context()); err != nil || len(m.accepted) > 0 && first != m.accepted[0].Position.Seq() {
		rt.Fatalf("the log begins at %d, %v", first, err)
	}
}

// erasedForGood looks for what was erased in all files, and for everything else in the log.
func erasedForGood(t *testing.T, place Place) {
	dir, isDir := place.(Directory)
	if !isDir {
		t.Skip("it is not known where the files are")
	}
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	secret := func(e *journal.Entry) bool { return bytes.Contains(e.Body, []byte("hush")) }
	for n := range 7 {
		pack := entries("web", 10*n, 3)
		if n == 3 { // a pack that stays, so that the file does
			mustAppend(t, j, pack)
			continue
		}
		pack[1].Body, pack[1].RequestIP = fmt.Appendf(nil, `{"userId":"hush-%d"}`, n), "10.11.12.13"
		mustAppend(t, j, pack)
	}
	finish(t, c, outcomes(journal.Delivered, "", take(t, c, 21)[:3]))
	for _, seq := range []uint64{1, 2, 3, 5, 6, 7} { // among them the first one and the last
		if n, err := j.Erase(t.Context(), seq, secret); err != nil || n != 1 {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if n, err := j.Erase(t.Context(), 3, secret); err != nil || n != 0 {
		t.Errorf("erased %d again, %v", n, err)
	}
	if n, err := j.Erase(t.Context(), 3, func(e *journal.Entry) bool { return e.MessageID == "web-20" }); err != nil || n != 1 {
		t.Errorf("erased %d more, %v", n, err)
	}
	if n, err := j.Erase(t.Context(), 99, secret); err != nil || n != 0 {
		t.Errorf("erased %d of a pack that is not there, %v", n, err)
	}
	for range 2 {
		refuseInFiles(t, string(dir), "hush", "10.11.12.13", "web-11", "web-20")
		crashed := place.Crash(t)
		closeJournal(t, j)
		place = crashed
		dir, _ = place.(Directory)
		j = place.Open(t, nil)
	}
	mustAppend(t, j, entries("web", 100, 1)) // what is new does not take an old place
	c = openCursor(t, j, "d", "web")
	if all := take(t, c, 19); all[18].Position != journal.At(8, 0) || !all[1].Erased() || all[0].Erased() {
		t.Errorf("got %v", all)
	}
	late := openCursorAt(t, j, journal.CursorOptions{Destination: "late", Sources: []string{"web"}, Start: journal.FromBeginning})
	finish(t, late, outcomes(journal.Filtered, "erased", take(t, late, 22)))
	if s := status(t, late); s.Accepted != 22 || s.Pending != 0 {
		t.Errorf("got %+v", s)
	}
}

// refuseInFiles fails if one of the texts is found in a file.
func refuseInFiles(t *testing.T, dir string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, text := range texts {
			if at := bytes.Index(data, []byte(text)); at >= 0 {
				t.Errorf("%s holds %q: %q", strings.TrimPrefix(path, dir), text, data[max(at-20, 0):min(at+40, len(data))])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

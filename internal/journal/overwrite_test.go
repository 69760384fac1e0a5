package journal

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestKilledWhileOverwriting opens a journal that was killed when a message was marked as deleted and not overwritten yet.
func TestKilledWhileOverwriting(t *testing.T) {
	for _, name := range []string{streamEvents, streamRewritten, streamDead, streamErasing} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Dir: t.TempDir(), MaxBytes: 512 << 20, MinFree: 1 << 20}
			j := open(t, opts)
			fillForErasing(t, j)
			stream := map[string]jetstream.Stream{
				streamEvents: j.events, streamRewritten: j.rewritten, streamDead: j.dead, streamErasing: j.names,
			}[name]
			const at = 3
			if _, err := j.erasures.PutString(t.Context(), doubtKey, fmt.Sprint(name, " ", at)); err != nil {
				t.Fatal(err)
			}
			if err := stream.DeleteMsg(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			if countInFiles(t, opts.Dir, name, "hush-3") == 0 {
				t.Fatal("it is overwritten already")
			}
			before := contents(t, j)
			for range 2 {
				if err := j.Close(); err != nil {
					t.Fatal(err)
				}
				j = open(t, opts)
			}
			if n := countInFiles(t, opts.Dir, name, "hush-3"); n != 0 {
				t.Errorf("%d are left", n)
			}
			if after := contents(t, j); after != before {
				t.Errorf("the journal holds\n%s\nbefore\n%s", after, before)
			}
		})
	}
}

func open(t *testing.T, opts Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// fillForErasing stores six of everything, the texts "hush-1" to "hush-6" in each.
func fillForErasing(t *testing.T, j *Journal) {
	t.Helper()
	for i := 1; i <= 6; i++ {
		text := fmt.Sprint("hush-", i)
		err := j.Append(t.Context(), []Entry{{Source: "web", MessageID: text, ReceivedAt: time.UnixMilli(1), Body: []byte(`{}`)}})
		if err != nil {
			t.Fatal(err)
		}
		pos := At(uint64(i), 0)
		if _, err := j.bury(t.Context(), "d", Outcome{Position: pos, Letter: &DeadLetter{Position: pos, Message: text, Event: []byte(`{}`)}}); err != nil {
			t.Fatal(err)
		}
		if err := j.AddErasureNames(t.Context(), "job1", i, []byte(text)); err != nil {
			t.Fatal(err)
		}
		var packs packWriter
		msg := &jetstream.RawStreamMsg{
			Sequence: uint64(i) + 100, Subject: "events.app.local", Time: time.UnixMilli(1),
			Data: packs.encode(uint64(i)-1, []Entry{{Source: "app", MessageID: text, ReceivedAt: time.UnixMilli(1)}}),
		}
		if err := j.moveToRewritten(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
}

// contents lists what can be read.
func contents(t *testing.T, j *Journal) string {
	t.Helper()
	var text bytes.Buffer
	for seq := uint64(1); seq <= 106; seq++ {
		if p, err := j.readLogged(t.Context(), seq); err != nil {
			t.Fatal(err)
		} else if p != nil {
			fmt.Fprintf(&text, "%d %s %q\n", p.seq, p.subject, p.data)
		}
	}
	err := j.ScanDead(t.Context(), DeadScan{}, func(_ uint64, l DeadLetter) error {
		fmt.Fprintf(&text, "%s %s\n", l.Position, l.Message)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names, err := j.ErasureNames(t.Context(), "job1")
	fmt.Fprintf(&text, "%q %v\n", names, err)
	return text.String()
}

func countInFiles(t *testing.T, dir, stream, text string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "jetstream", "$G", "streams", stream), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		n += bytes.Count(data, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

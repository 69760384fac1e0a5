package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/archive"
	"tanker/internal/journal"
	"tanker/internal/migrate"
)

// copyDir copies one directory's journal to another.
func copyDir(ctx context.Context, from, to string) (migrate.Totals, error) {
	return copyPlace(ctx, directory(from), directory(to))
}

func copyPlace(ctx context.Context, from, to journal.Options) (totals migrate.Totals, err error) {
	source, err := journal.OpenStore(ctx, from)
	if err != nil {
		return totals, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	return copyFrom(ctx, source, source.Place(), to)
}

func copyFrom(ctx context.Context, source migrate.Source, name string, to journal.Options) (totals migrate.Totals, err error) {
	target, err := journal.OpenCopy(ctx, to, name)
	if err != nil {
		return totals, err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	return migrate.Copy(ctx, source, target, nil)
}

// exported is a journal as a file.
func exported(t testing.TB, dir string) []byte {
	t.Helper()
	source, err := journal.OpenStore(t.Context(), directory(dir))
	must(t, err)
	defer func() { must(t, source.Close()) }()
	var file bytes.Buffer
	_, err = migrate.Export(t.Context(), source, &file, "1.2.3", nil)
	must(t, err)
	return file.Bytes()
}

func TestCopyIsTheSame(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 2000)
	totals, err := copyDir(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	again := temp(t, "again")
	if _, err := copyDir(t.Context(), to, again); err != nil {
		t.Fatal(err)
	}
	want := portray(t, directory(from))
	checkLived(t, want)
	var events uint64
	for _, p := range want.Packs {
		events += uint64(len(p.Entries))
	}
	if totals.Events != events {
		t.Errorf("copied %d events, there are %d", totals.Events, events)
	}
	for name, dir := range map[string]string{"copy": to, "copy of the copy": again} {
		if diff := cmp.Diff(want, portray(t, directory(dir))); diff != "" {
			t.Errorf("%s (-source +copy):\n%s", name, diff)
		}
	}
}

// checkLived says whether the journal holds all that a copy can lose.
func checkLived(t *testing.T, p portrait) {
	t.Helper()
	fast, slow := p.Of["fast"], p.Of["slow"]
	if p.Packs[0].Seq == 1 || len(p.Letters) == 0 || len(p.Replays) != 1 || p.Replayed == 0 || slow.Paused.IsZero() ||
		!p.Suppress || len(p.Erasures) == 0 || len(p.Erasing) == 0 ||
		len(fast.Parked) == 0 || len(slow.Pending) < 500 || len(fast.Outcomes) == 0 || fast.Recalled == nil {
		t.Fatalf("something is missing in the source: %d packs from %d, %d letters, %d replays to %s, paused %s, %d users parked, %d pending, %d outcomes",
			len(p.Packs), p.Packs[0].Seq, len(p.Letters), len(p.Replays), p.Replayed, slow.Paused, len(fast.Parked), len(slow.Pending), len(fast.Outcomes))
	}
}

func TestExportAndImport(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 1000)
	file := exported(t, from)
	if _, _, err := migrate.Verify(t.Context(), bytes.NewReader(file), nil); err != nil {
		t.Fatal(err)
	}
	reader, err := archive.NewReader(bytes.NewReader(file))
	must(t, err)
	if _, err := copyFrom(t.Context(), reader, reader.Header().ID, directory(to)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(portray(t, directory(from)), portray(t, directory(to))); diff != "" {
		t.Errorf("(-source +copy):\n%s", diff)
	}
}

// A copy goes on delivering: what it does then leads to the same totals.
func TestWorkGoesOnAtTheCopy(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 500)
	if _, err := copyDir(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	j := open(t, directory(to))
	must(t, j.Append(t.Context(), entries("web", 505, 3)))
	must(t, j.Append(t.Context(), entries("web", 500, 5))) // which were stored just before the copy was made
	c := cursor(t, j, "slow", "web")
	before, err := c.Status(t.Context())
	must(t, err)
	done := 0
	for uint64(done) < before.Pending-before.Parked {
		pack := nextOf(t, c)
		var outcomes []journal.Outcome
		for _, e := range pack {
			outcomes = append(outcomes, journal.Outcome{Position: e.Position, Kind: journal.Delivered, At: time.Now()})
		}
		done += len(pack)
		must(t, c.Finish(t.Context(), outcomes))
	}
	after, err := c.Status(t.Context())
	must(t, err)
	want := before
	want.Totals.Delivered += uint64(done)
	want.Pending = after.Parked
	want.Oldest, want.Retrying = after.Oldest, 0
	if diff := cmp.Diff(want, after); diff != "" || after.Accepted != after.Totals.Sum()+after.Pending {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInterruptedCopyGoesOn(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 500)
	var last migrate.Totals
	for cut := 1; ; cut *= 2 {
		ctx, cancel := context.WithCancel(t.Context())
		source, err := journal.OpenStore(t.Context(), directory(from))
		must(t, err)
		totals, err := copyFrom(ctx, &cutting{Source: source, left: cut, cancel: cancel}, "a source", directory(to))
		cancel()
		must(t, source.Close())
		if totals.Kept > 0 {
			last = totals
		}
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d messages: %v", cut, err)
		}
		if _, err := journal.Open(t.Context(), directory(to)); !errors.Is(err, journal.ErrUnfinished) || !strings.Contains(err.Error(), "a source") {
			t.Fatalf("an unfinished copy was opened: %v", err)
		}
		if _, err := journal.OpenStore(t.Context(), directory(to)); !errors.Is(err, journal.ErrUnfinished) {
			t.Fatalf("an unfinished copy was copied: %v", err)
		}
		if _, err := copyDir(t.Context(), from, to); !errors.Is(err, journal.ErrUnfinished) {
			t.Fatalf("a copy went on from another source: %v", err)
		}
	}
	if last.Kept == 0 {
		t.Error("everything was copied anew each time")
	}
	if diff := cmp.Diff(portray(t, directory(from)), portray(t, directory(to))); diff != "" {
		t.Errorf("(-source +copy):\n%s", diff)
	}
}

// cutting is a source whose reader gives up after some messages.
type cutting struct {
	migrate.Source
	left   int
	cancel func()
}

func (c *cutting) Read(ctx context.Context, stream string, do func(*journal.StoredMessage) error) error {
	return c.Source.Read(ctx, stream, func(m *journal.StoredMessage) error {
		if c.left--; c.left == 0 {
			c.cancel()
			return ctx.Err()
		}
		return do(m)
	})
}

func TestCopyOfWhatIsUsedIsRefused(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	j := open(t, directory(from))
	if _, err := copyDir(t.Context(), from, to); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a live journal was copied: %v", err)
	}
	closed(t, j)
	if _, err := copyDir(t.Context(), temp(t, "nowhere"), to); !errors.Is(err, journal.ErrNoJournal) {
		t.Errorf("a journal was found nowhere: %v", err)
	}
	open(t, directory(to))
	if _, err := copyDir(t.Context(), from, to); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("copied to a live journal: %v", err)
	}
}

func TestCopyOverwritesNothing(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 100)
	j := open(t, directory(to))
	must(t, j.Append(t.Context(), entries("web", 0, 1)))
	closed(t, j)
	want := portray(t, directory(to))
	if _, err := copyDir(t.Context(), from, to); !errors.Is(err, journal.ErrOccupied) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(want, portray(t, directory(to))); diff != "" {
		t.Errorf("the journal has changed (-before +after):\n%s", diff)
	}
}

func TestCopyNeedsRoom(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 100)
	source, err := journal.OpenStore(t.Context(), directory(from))
	must(t, err)
	defer func() { must(t, source.Close()) }()
	small := directory(to)
	small.MaxBytes = 1000
	target, err := journal.OpenCopy(t.Context(), small, "a source")
	must(t, err)
	defer func() { must(t, target.Close()) }()
	if _, err := migrate.Copy(t.Context(), source, target, nil); !errors.Is(err, journal.ErrFull) || !strings.Contains(err.Error(), "EVENTS") {
		t.Errorf("got %v", err)
	}
}

// What happens to a source while it is copied is noticed at the end.
func TestSourceThatChanges(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 100)
	source, err := journal.OpenStore(t.Context(), directory(from))
	must(t, err)
	defer func() { must(t, source.Close()) }()
	if _, err := copyFrom(t.Context(), &changing{Source: source}, "a source", directory(to)); !errors.Is(err, migrate.ErrChanged) {
		t.Errorf("got %v", err)
	}
	var file bytes.Buffer
	if _, err := migrate.Export(t.Context(), &changing{Source: source}, &file, "", nil); !errors.Is(err, migrate.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

type changing struct {
	migrate.Source
	asked int
}

func (c *changing) Streams(ctx context.Context) ([]journal.StoredStream, error) {
	streams, err := c.Source.Streams(ctx)
	streams[len(streams)-1].Last += uint64(c.asked)
	c.asked++
	return streams, err
}

// A message that the server does not keep: it has outlived the time that its header grants it.
func TestCopyThatDiffers(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 100)
	source, err := journal.OpenStore(t.Context(), directory(from))
	must(t, err)
	defer func() { must(t, source.Close()) }()
	if _, err := copyFrom(t.Context(), mortal{source}, "a source", directory(to)); !errors.Is(err, migrate.ErrDifferent) {
		t.Errorf("got %v", err)
	}
}

type mortal struct{ migrate.Source }

func (s mortal) Read(ctx context.Context, stream string, do func(*journal.StoredMessage) error) error {
	return s.Source.Read(ctx, stream, func(m *journal.StoredMessage) error {
		m.Header = []byte("NATS/1.0\r\nNats-TTL: 1s\r\n\r\n")
		m.Time = m.Time.Add(-time.Hour)
		return do(m)
	})
}

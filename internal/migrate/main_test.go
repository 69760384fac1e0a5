package migrate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tanker/internal/journal"
	"tanker/internal/natstest"
)

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	copyIfAsked()
	goleak.VerifyTestMain(m)
}

// directory is how a test opens a journal.
func directory(dir string) journal.Options {
	return journal.Options{Dir: dir, MaxBytes: 512 << 20, MinFree: 1 << 20, SyncEvery: time.Minute}
}

func open(t testing.TB, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, j) })
	return j
}

func closed(t testing.TB, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lived is a journal to which much has happened: two sources and two destinations, one of which is behind, with outcomes
// of each kind, dead letters, parked users, retries, a pause, replays, and events that the janitor has deleted.
func lived(t testing.TB, dir string, events int) {
	t.Helper()
	ctx, random := t.Context(), rand.New(rand.NewPCG(1, uint64(events)))
	opts := directory(dir)
	opts.Retention = time.Nanosecond // the janitor takes what is finished
	j := open(t, opts)
	defer closed(t, j)
	fast, slow := cursor(t, j, "fast", "web", "app"), cursor(t, j, "slow", "web")
	for n := 0; n < events; {
		size := min(1+random.IntN(20), events-n)
		must(t, j.Append(ctx, entries([]string{"web", "app"}[random.IntN(2)], n, size)))
		n += size
	}
	treat(t, fast, "fast", random, events)
	treat(t, slow, "slow", random, events/16)
	must(t, j.Tidy(ctx, time.Now().Add(time.Hour)))
	must(t, j.Replay(ctx, "fast", "replay-1", repeated(t, j)))
	letters := lettersOf(t, j)
	for _, n := range []int{0, len(letters) - 1} { // a gap at the beginning and one at the end
		must(t, j.DiscardDead(ctx, letters[n].Destination, letters[n].Position))
	}
	must(t, j.SaveReplay(ctx, "1", []byte(`{"id":1}`)))
	must(t, j.SaveReplay(ctx, "2", []byte(`{"id":2}`)))
	must(t, j.DeleteReplay(ctx, "2"))
	if _, err := j.Pause(ctx, "slow"); err != nil {
		t.Fatal(err)
	}
	eraseSome(t, j)
	must(t, j.Append(ctx, entries("web", events, 5)))
	must(t, fast.Close())
	must(t, slow.Close())
}

// lettersOf are the dead letters.
func lettersOf(t testing.TB, j *journal.Journal) (letters []journal.DeadLetter) {
	t.Helper()
	must(t, j.ScanDead(t.Context(), journal.DeadScan{}, func(_ uint64, l journal.DeadLetter) error {
		letters = append(letters, l)
		return nil
	}))
	return letters
}

// eraseSome erases an event, suppresses a user, and begins to erase another.
func eraseSome(t testing.TB, j *journal.Journal) {
	t.Helper()
	ctx := t.Context()
	_, last, err := j.Extent(ctx)
	must(t, err)
	n, err := j.Erase(ctx, last-1, func(e *journal.Entry) bool { return e.Position.Index() == 0 })
	must(t, err)
	if n != 1 {
		t.Fatalf("erased %d events, want 1", n)
	}
	must(t, j.Suppress(ctx, "asked for it", j.Suppression().Name("id", "ada")))
	must(t, j.SaveErasure(ctx, "7", []byte(`{"id":7}`)))
	must(t, j.AddErasureNames(ctx, "7", 0, []byte("names")))
}

func cursor(t testing.TB, j *journal.Journal, destination string, sources ...string) *journal.Cursor {
	t.Helper()
	c, err := j.OpenCursor(t.Context(), journal.CursorOptions{Destination: destination, Sources: sources})
	must(t, err)
	return c
}

func entries(source string, from, n int) []journal.Entry {
	all := make([]journal.Entry, n)
	for i := range all {
		all[i] = journal.Entry{
			Source: source, MessageID: fmt.Sprintf("m-%d", from+i), Type: "track", RequestIP: "10.0.0.1",
			ReceivedAt: time.UnixMilli(1_790_000_000_000 + int64(from+i)).UTC(),
			Body:       fmt.Appendf(nil, `{"type":"track","userId":"u%d","n":%d}`, (from+i)%7, from+i),
		}
	}
	return all
}

// treat finishes, parks and defers events as they come.
func treat(t testing.TB, c *journal.Cursor, destination string, random *rand.Rand, n int) {
	t.Helper()
	ctx := t.Context()
	for got := 0; got < n; {
		pack := nextOf(t, c)
		got += len(pack)
		var outcomes []journal.Outcome
		var waiting []journal.Entry
		for _, e := range pack {
			what := random.IntN(12)
			const unfinished = 2000 // what stays behind is bounded, as it is by a destination's window
			if got < max(n/4, n-unfinished) && what == 2 || got < n/4 {
				what = 5 // so that the janitor has something to delete
			}
			switch what {
			case 0:
				outcomes = append(outcomes, dead(destination, e))
			case 1:
				waiting = append(waiting, e)
			case 2:
				c.Defer(e.Position, journal.Retry{Attempts: 2, First: e.ReceivedAt, Next: e.ReceivedAt.Add(time.Minute)})
			case 3:
				outcomes = append(outcomes, journal.Outcome{Position: e.Position, Kind: journal.Rejected, Reason: "no_identity", At: time.Now()})
			default:
				outcomes = append(outcomes, journal.Outcome{Position: e.Position, Kind: journal.Delivered, Attempts: 1, At: time.Now()})
			}
		}
		must(t, c.Finish(ctx, outcomes))
		if len(waiting) > 0 {
			must(t, c.Park(ctx, []journal.Parking{{User: fmt.Sprintf("user %d", random.IntN(5)), Entries: waiting}}))
		}
	}
	must(t, c.Remember(ctx, []byte("digests")))
}

func dead(destination string, e journal.Entry) journal.Outcome {
	return journal.Outcome{Position: e.Position, Kind: journal.Dead, Reason: "refused", At: time.Now(), Letter: &journal.DeadLetter{
		Destination: destination, Position: e.Position, MessageID: e.MessageID, Source: e.Source, Type: e.Type,
		ReceivedAt: e.ReceivedAt, Event: e.Body, Reason: "refused", At: time.Now().UTC(),
	}}
}

// nextOf is the next pack of a cursor, without what it tells of parked events.
func nextOf(t testing.TB, c *journal.Cursor) []journal.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	pack, err := c.Next(ctx)
	must(t, err)
	return slices.DeleteFunc(pack, func(e journal.Entry) bool { return e.Parked != nil })
}

// repeated are some stored events, as a replay sends them.
func repeated(t testing.TB, j *journal.Journal) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	must(t, j.Scan(t.Context(), journal.Scan{Sources: []string{"web"}}, func(p journal.StoredPack) error {
		for _, e := range p.Entries {
			e.ReplayOf = e.Position
			e.MessageID = "replay-" + e.MessageID
			all = append(all, e)
		}
		if len(all) > 20 {
			return journal.ErrStop
		}
		return nil
	}))
	return all
}

// portrait is all that can be told of a journal.
type portrait struct {
	Usage    journal.Usage
	Packs    []journal.StoredPack
	Letters  []journal.DeadLetter
	Replays  map[string][]byte
	Replayed journal.Position
	Erasures map[string][]byte
	Erasing  [][]byte            // names of the job
	Suppress bool                // the user who is suppressed
	Of       map[string]standing // by destination
}

// standing is where a destination stands.
type standing struct {
	Status   journal.Status
	Paused   time.Time
	Outcomes []journal.Outcome
	Recalled []byte
	Pending  []journal.Entry            // as Next hands them out
	Parked   map[string][]journal.Entry // as Unpark hands them out
}

// portray opens a journal and goes through all that is in it.
func portray(t testing.TB, opts journal.Options) portrait {
	t.Helper()
	ctx := t.Context()
	j := open(t, opts)
	defer closed(t, j)
	p := portrait{Of: map[string]standing{}}
	var err error
	p.Usage, err = j.Usage(ctx)
	must(t, err)
	p.Usage.MaxBytes, p.Usage.Bytes = 0, 0
	must(t, j.Scan(ctx, journal.Scan{}, func(pack journal.StoredPack) error {
		p.Packs = append(p.Packs, pack)
		return nil
	}))
	p.Letters = lettersOf(t, j)
	p.Replays, err = j.SavedReplays(ctx)
	must(t, err)
	_, p.Replayed, err = j.Replayed(ctx, "fast", "replay-1")
	must(t, err)
	p.Erasures, err = j.SavedErasures(ctx)
	must(t, err)
	p.Erasing, err = j.ErasureNames(ctx, "7")
	must(t, err)
	p.Suppress = j.Suppression().Has(j.Suppression().Name("id", "ada"))
	p.Of["fast"] = portrayDestination(t, j, "fast", "web", "app")
	p.Of["slow"] = portrayDestination(t, j, "slow", "web")
	return p
}

func portrayDestination(t testing.TB, j *journal.Journal, name string, sources ...string) standing {
	t.Helper()
	ctx := t.Context()
	s := standing{Parked: map[string][]journal.Entry{}}
	must(t, j.ScanOutcomes(ctx, name, time.Time{}.Add(time.Hour), func(some []journal.Outcome) error {
		s.Outcomes = append(s.Outcomes, some...)
		return nil
	}))
	var err error
	s.Paused, err = j.PausedSince(ctx, name)
	must(t, err)
	c := cursor(t, j, name, sources...)
	s.Status, err = c.Status(ctx)
	must(t, err)
	s.Recalled, err = c.Recall(ctx)
	must(t, err)
	for uint64(len(s.Pending)) < s.Status.Pending-s.Status.Parked {
		s.Pending = append(s.Pending, nextOf(t, c)...)
	}
	for n := range 5 {
		user := fmt.Sprintf("user %d", n)
		for {
			some, err := c.Unpark(ctx, user, 100)
			must(t, err)
			if len(some) == 0 {
				break
			}
			s.Parked[user] = append(s.Parked[user], some...)
		}
	}
	must(t, c.Close())
	return s
}

func temp(t testing.TB, name string) string { return filepath.Join(t.TempDir(), name) }

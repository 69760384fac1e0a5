package history_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// disk is a journal in memory. What is in it survives when everything else is thrown away.
type disk struct {
	mu    sync.Mutex
	packs []journal.StoredPack
	sent  map[string][]journal.Entry // by destination and job
	saved map[string][]byte
	fail  func() bool // whether the next write fails
}

var errDisk = fmt.Errorf("a broken disk: %w", journal.ErrUnavailable)

func (d *disk) Scan(ctx context.Context, s journal.Scan, do func(journal.StoredPack) error) error {
	for _, p := range d.packs {
		if p.Seq <= s.After || p.Seq > s.UpTo || s.After == 0 && p.Stored.Before(s.Since) || !slices.Contains(s.Sources, p.Entries[0].Source) {
			continue
		}
		p.Entries = slices.Clone(p.Entries)
		if err := do(p); errors.Is(err, journal.ErrStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (d *disk) Extent(context.Context) (uint64, uint64, error) {
	return d.packs[0].Seq, d.packs[len(d.packs)-1].Seq, nil
}

func (d *disk) Replay(ctx context.Context, destination, job string, entries []journal.Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := destination + "." + job
	if d.fail() { // some are stored, or all, or none
		d.sent[key] = append(d.sent[key], entries[:rand.IntN(len(entries)+1)]...)
		return errDisk
	}
	d.sent[key] = append(d.sent[key], entries...)
	return ctx.Err()
}

func (d *disk) Replayed(_ context.Context, destination, job string) (uint64, journal.Position, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sent := d.sent[destination+"."+job]
	if len(sent) == 0 {
		return 0, 0, nil
	}
	return uint64(len(sent)), sent[len(sent)-1].ReplayOf, nil
}

// count is how many events the first job has sent.
func (d *disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sent["d.job1"])
}

func (d *disk) CreateReplay(ctx context.Context, job string, data []byte) error {
	return d.SaveReplay(ctx, job, data)
}

func (d *disk) SaveReplay(_ context.Context, job string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail() {
		return errDisk
	}
	d.saved[job] = slices.Clone(data)
	return nil
}

func (d *disk) DeleteReplay(_ context.Context, job string) error {
	delete(d.saved, job)
	return nil
}

func (d *disk) SavedReplays(context.Context) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.saved), nil
}

// fill stores packs of random sizes, of two sources and a few users; some of the events are of no use to Refiner.
func (d *disk) fill(random *rand.Rand, packs int) {
	for seq := range packs {
		p := journal.StoredPack{Seq: uint64(seq) + 5, Stored: time.Now()}
		source := []string{"web", "other"}[random.IntN(5)/4]
		for i := range 1 + random.IntN(40) {
			body := fmt.Appendf(nil, `{"userId":"u%d","event":"e%d"}`, random.IntN(4), random.IntN(3))
			p.Entries = append(p.Entries, journal.Entry{
				Position: journal.At(p.Seq, i), Source: source, MessageID: fmt.Sprint(seq, ".", i), ReceivedAt: time.Now(),
				Type: []string{"track", "track", "page", "screen"}[random.IntN(4)], Body: body,
			})
		}
		d.packs = append(d.packs, p)
		time.Sleep(time.Duration(random.IntN(3)) * time.Second)
	}
}

// serve runs replays until the function that is returned is called.
func serve(t *testing.T, log history.ReplayLog, target *history.Target) (*history.Replays, func()) {
	t.Helper()
	r, err := history.OpenReplays(t.Context(), log, []*history.Target{target}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	synctest.Wait()
	return r, func() { cancel(); <-ended }
}

// TestReplaySendsEachEventOnce interrupts replays in every way, and compares what they send with the plan.
func TestReplaySendsEachEventOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		request := history.ReplayRequest{
			Destination: "d", Rate: rapid.SampledFrom([]int{0, 30, 1000, 100_000}).Draw(rt, "rate"),
			Selection: history.Selection{
				User:  rapid.SampledFrom([]string{"", "u1"}).Draw(rt, "user"),
				Type:  rapid.SampledFrom([]string{"", "track"}).Draw(rt, "type"),
				Event: rapid.SampledFrom([]string{"", "e1"}).Draw(rt, "event"),
			},
		}
		since := rapid.IntRange(0, 30).Draw(rt, "since")
		troubles := rapid.SliceOfN(rapid.SampledFrom([]string{"crash", "restart", "stop", "hold"}), 0, 6).Draw(rt, "troubles")
		failing := rapid.Bool().Draw(rt, "failing")
		synctest.Test(t, func(t *testing.T) { interrupted(t, seed, request, since, troubles, failing) })
	})
}

func interrupted(t *testing.T, seed uint64, request history.ReplayRequest, since int, troubles []string, failing bool) {
	random := rand.New(rand.NewPCG(seed, 0))
	d := &disk{sent: map[string][]journal.Entry{}, saved: map[string][]byte{}, fail: func() bool { return false }}
	request.Since = time.Now().Add(time.Duration(since) * time.Second)
	d.fill(random, 30)
	time.Sleep(time.Second) // a plan is about what came before it
	var held atomic.Pointer[string]
	hold := func(why string) { held.Store(&why) }
	hold("")
	target := &history.Target{Name: "d", Mapper: documented(t), Sources: []string{"web"}, KeyPerMinute: 4000, Hold: func(context.Context, int) string { return *held.Load() }}
	r, end := serve(t, d, target)
	plan, err := r.Plan(t.Context(), request, func(int, int, float64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	d.packs = append(slices.Clone(d.packs), journal.StoredPack{Seq: 99, Stored: time.Now(), Entries: []journal.Entry{{Source: "web", Type: "track", ReceivedAt: time.Now(), Position: journal.At(99, 0), Body: []byte(`{"userId":"u1","event":"e1"}`)}}})
	job, err := r.Start(t.Context(), plan.ReplayRequest)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	if failing {
		d.fail = func() bool { return rand.IntN(3) == 0 }
	}
	d.mu.Unlock()
	for _, trouble := range troubles {
		time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
		switch trouble {
		case "crash": // nothing is written down any more
			d.mu.Lock()
			was := d.saved
			d.saved = map[string][]byte{}
			d.mu.Unlock()
			end()
			d.saved = was
			r, end = serve(t, d, target)
		case "restart":
			end()
			r, end = serve(t, d, target)
		case "stop":
			stopped(t, r, d, job.ID)
		case "hold":
			hold("not now")
			time.Sleep(time.Duration(random.IntN(5000)) * time.Millisecond)
			hold("")
		}
	}
	for job.State != history.ReplayDone {
		time.Sleep(time.Second)
		if job, err = r.Replay(job.ID); err != nil || job.State == history.ReplayFailed {
			t.Fatalf("%+v, %v", job, err)
		}
	}
	end()
	check(t, d, request, plan, job)
}

// stopped interrupts a replay for a while.
func stopped(t *testing.T, r *history.Replays, d *disk, id int) {
	t.Helper()
	if _, err := r.Stop(t.Context(), id); err != nil {
		return // it is done already, or the disk fails
	}
	before := d.count()
	time.Sleep(time.Minute)
	if after := d.count(); after != before {
		t.Errorf("%d events were sent while it was stopped", after-before)
	}
	for {
		if _, err := r.Continue(t.Context(), id); err == nil || !errors.Is(err, errDisk) {
			return
		}
	}
}

// check compares what was sent with what should have been, and with what the plan and the job say.
func check(t *testing.T, d *disk, request history.ReplayRequest, plan history.Plan, job history.Replay) {
	t.Helper()
	var want []string
	screens := 0
	for _, p := range d.packs {
		for _, e := range p.Entries {
			body := string(e.Body)
			if e.Source != "web" || e.Position.Seq() == 99 || e.ReceivedAt.Before(request.Since) ||
				request.Type != "" && e.Type != request.Type ||
				request.User != "" && !slices.Contains([]string{`{"userId":"u1","event":"e0"}`, `{"userId":"u1","event":"e1"}`, `{"userId":"u1","event":"e2"}`}, body) ||
				request.Event != "" && (e.Type != "track" || body[len(body)-5:] != `"e1"}`) {
				continue
			}
			if e.Type == "screen" {
				screens++
				continue
			}
			want = append(want, e.MessageID)
		}
	}
	var got []string
	for _, e := range d.sent["d.job1"] {
		got = append(got, e.MessageID)
		if e.ReplayOf != e.Position {
			t.Errorf("%s is a replay of %s", e.Position, e.ReplayOf)
		}
	}
	if !slices.Equal(want, got) {
		t.Errorf("sent %d events, want %d\n got %v\nwant %v", len(got), len(want), got, want)
	}
	if job.Sent != len(want) || job.Skipped != screens || job.Searched != plan.Searched || job.Share() != 1 {
		t.Errorf("the job says %+v; %d events and %d of no use are right, and %d searched", job, len(want), screens, plan.Searched)
	}
	if plan.Total != len(want) || plan.Refused["filtered: unsupported_type"] != screens || min(3, plan.Total) != len(plan.Samples) {
		t.Errorf("the plan says %+v; %d events and %d of no use are right", plan, len(want), screens)
	}
}

// TestReplayKeepsItsRate looks at the pace, and at what is said of it.
func TestReplayKeepsItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{sent: map[string][]journal.Entry{}, saved: map[string][]byte{}, fail: func() bool { return false }}
		d.fill(rand.New(rand.NewPCG(1, 1)), 200)
		target := &history.Target{Name: "d", Mapper: documented(t), Sources: []string{"web", "other"}, KeyPerMinute: 1200, Hold: func(context.Context, int) string { return "" }}
		r, end := serve(t, d, target)
		defer end()
		plan, err := r.Plan(t.Context(), history.ReplayRequest{Destination: "d"}, func(int, int, float64) error { return nil })
		if err != nil || plan.Rate != 600 {
			t.Fatalf("%+v, %v", plan, err)
		}
		begun := time.Now()
		job, err := r.Start(t.Context(), plan.ReplayRequest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Start(t.Context(), plan.ReplayRequest); !errors.Is(err, history.ErrReplay) {
			t.Errorf("a second one: %v", err)
		}
		time.Sleep(time.Minute + time.Millisecond)
		if n := d.count(); n < 590 || n > 610 {
			t.Errorf("%d events were sent in a minute, want 600", n)
		}
		if job, _ = r.Replay(job.ID); job.Left() < plan.Takes-65*time.Second || job.Left() > plan.Takes-55*time.Second {
			t.Errorf("after a minute it says %s of %s are left", job.Left(), plan.Takes)
		}
		for job.State == history.ReplayRunning {
			time.Sleep(100 * time.Millisecond)
			job, _ = r.Replay(job.ID)
		}
		if took := time.Since(begun); took < plan.Takes-time.Second || took > plan.Takes+2*time.Second {
			t.Errorf("it took %s, the plan says %s", took, plan.Takes)
		}
		if _, err := r.Continue(t.Context(), job.ID); !errors.Is(err, history.ErrReplay) {
			t.Errorf("continued when it is done: %v", err)
		}
		if _, err := r.Stop(t.Context(), 7); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("stopped one that is not there: %v", err)
		}
	})
}

// TestPlanKnowsTheBusiestUser has a user whose own limit decides how long a replay takes.
func TestPlanKnowsTheBusiestUser(t *testing.T) {
	d := &disk{packs: []journal.StoredPack{{Seq: 1, Stored: time.Now()}}}
	for i := range 60_000 {
		user := "one"
		if i%2 == 1 {
			user = fmt.Sprint("u", i)
		}
		d.packs[0].Entries = append(d.packs[0].Entries, journal.Entry{Source: "web", Type: "track", Body: fmt.Appendf(nil, `{"userId":%q,"event":"e"}`, user)})
	}
	target := &history.Target{Name: "d", Mapper: documented(t), Sources: []string{"web"}, KeyPerMinute: 4000, UserPerMinute: 100}
	plan, err := history.MakePlan(t.Context(), d, target, history.ReplayRequest{Destination: "d"}, func(int, int, float64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if plan.Total != 60_000 || plan.Busiest != "one" || plan.BusiestCalls < 20_000 || plan.Takes < 200*time.Minute {
		t.Errorf("%d calls take %s because of %d calls of %q", plan.Total, plan.Takes, plan.BusiestCalls, plan.Busiest)
	}
}

package delivery

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// story is one random course of things: events, what Refiner does with them, and what befalls the worker.
type story struct {
	Seed      uint64
	Events    int
	Users     int
	Places    int // MaxConcurrency
	Window    int // WindowEvents
	PerKey    int
	PerUser   int
	Temporary float64 // share of calls that fail
	Limited   float64 // share of calls answered with 429
	Condemned float64 // share of events that Refiner refuses
	Outages   int     // times without a valid key
	Downs     int     // times in which nothing works
	Restarts  int
	Full      bool    // there is no room for parked events for most of the time
	Graves    bool    // there is no room for dead letters for most of the time
	Kills     bool    // the restarts are crashes
	Identify  float64 // share of events that can be merged
	Merge     bool
}

func drawStory(t *rapid.T) story {
	share := rapid.SampledFrom([]float64{0, 0.05, 0.3})
	return story{
		Seed:      rapid.Uint64().Draw(t, "seed"),
		Events:    rapid.SampledFrom([]int{1, 20, 120, 600}).Draw(t, "events"),
		Users:     rapid.IntRange(1, 12).Draw(t, "users"),
		Places:    rapid.SampledFrom([]int{1, 3, 256}).Draw(t, "places"),
		Window:    rapid.SampledFrom([]int{1, 10, 100, 8192}).Draw(t, "window"),
		PerKey:    rapid.SampledFrom([]int{0, 60, 4000}).Draw(t, "per key"),
		PerUser:   rapid.SampledFrom([]int{0, 3, 100}).Draw(t, "per user"),
		Temporary: share.Draw(t, "temporary"),
		Limited:   share.Draw(t, "limited"),
		Condemned: share.Draw(t, "condemned"),
		Outages:   rapid.IntRange(0, 2).Draw(t, "outages"),
		Downs:     rapid.IntRange(0, 2).Draw(t, "downs"),
		Restarts:  rapid.IntRange(0, 4).Draw(t, "restarts"),
		Full:      rapid.Bool().Draw(t, "full"),
		Graves:    rapid.Bool().Draw(t, "graves"),
		Kills:     rapid.Bool().Draw(t, "kills"),
		Identify:  rapid.SampledFrom([]float64{0, 0.5, 0.9}).Draw(t, "identify"),
		Merge:     rapid.Bool().Draw(t, "merge"),
	}
}

// teller plays a story: it is the fake Refiner, the disk and the operator.
type teller struct {
	story
	t       *testing.T
	disk    *disk
	client  *fakeRefiner
	begun   time.Time
	fate    *rand.Rand      // the operator's
	outages []time.Duration // begin and end, in turn
	downs   []time.Duration // the same

	mu        sync.Mutex
	random    *rand.Rand // Refiner's
	condemned map[string]bool
}

func TestWorkerProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		passed := t.Run("story", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tell(t, s) })
		})
		if !passed {
			rt.Fatalf("story: %+v", s)
		}
	})
}

// TestOrderAfterKills is the same with what leaves events between parked ones: crashes while many are parked and brought back.
func TestOrderAfterKills(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := story{
			Seed: rapid.Uint64().Draw(rt, "seed"), Events: 600, Users: 3, Places: 3, Window: rapid.SampledFrom([]int{20, 100}).Draw(rt, "window"),
			Temporary: 0.05, Outages: 1, Restarts: 4, Kills: true, Identify: 0.5,
		}
		if !t.Run("story", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { tell(t, s) }) }) {
			rt.Fatalf("story: %+v", s)
		}
	})
}

func tell(t *testing.T, s story) {
	t.Helper()
	x := &teller{
		story: s, t: t, disk: newDisk(), begun: time.Now(),
		fate:      rand.New(rand.NewPCG(s.Seed, 3)),
		random:    rand.New(rand.NewPCG(s.Seed, 7)),
		condemned: make(map[string]bool),
	}
	if s.Graves {
		x.disk.letterRoom(1)
	}
	x.outages, x.downs = x.times(s.Outages), x.times(s.Downs)
	x.client = &fakeRefiner{
		answer: x.answer,
		verify: x.all,
		delay: func(string) time.Duration {
			x.mu.Lock()
			defer x.mu.Unlock()
			return time.Duration(x.random.IntN(400)) * time.Millisecond
		},
	}
	x.play()
	x.check()
}

// times are n spells within the first minutes: begin and end, in turn.
func (x *teller) times(n int) []time.Duration {
	var all []time.Duration
	for range n {
		from := time.Duration(x.fate.IntN(60)) * time.Second
		all = append(all, from, from+time.Duration(x.fate.IntN(100))*time.Second)
	}
	return all
}

// all is what befalls every call at the moment.
func (x *teller) all() error {
	at := time.Since(x.begun)
	within := func(pair []time.Duration) bool { return at >= pair[0] && at < pair[1] }
	if slices.ContainsFunc(slices.Collect(slices.Chunk(x.downs, 2)), within) {
		return temporary()
	}
	if slices.ContainsFunc(slices.Collect(slices.Chunk(x.outages, 2)), within) {
		return denied()
	}
	return nil
}

func (x *teller) answer(_, event string) error {
	if err := x.all(); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch roll := x.random.Float64(); {
	case roll < x.Temporary:
		return temporary()
	case roll < x.Temporary+x.Limited:
		return tooOften(time.Duration(x.random.IntN(3)) * 10 * time.Second)
	case slices.ContainsFunc(strings.Fields(event), func(one string) bool { return x.condemned[one] }):
		return refusedCall(422, refiner.ClassEvent)
	}
	return nil
}

// accept lets events come in: mostly good ones.
func (x *teller) accept(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for range n {
		name := fmt.Sprint(len(x.disk.entries))
		entry := trackOf(fmt.Sprint("user-", x.fate.IntN(x.Users)), name)
		if x.fate.Float64() < x.Identify {
			entry = identifyOf(fmt.Sprint("user-", x.fate.IntN(x.Users)), name)
		}
		switch roll := x.fate.Float64(); {
		case roll < 0.05:
			entry.Type = "screen"
		case roll < 0.1:
			entry.Body = []byte(`{"event":"nobody"}`)
		case roll < 0.1+x.Condemned:
			x.condemned[name] = true
		}
		x.disk.add(entry)
	}
}

// play lets the worker live as often as the story says, the last time until all is done.
func (x *teller) play() {
	x.accept(x.Events / 2)
	for range x.Restarts {
		p := x.launch()
		time.Sleep(time.Duration(x.fate.IntN(20_000)) * time.Millisecond)
		if x.Full {
			p.log.full(nil)
		}
		x.accept(x.Events / 10)
		time.Sleep(time.Duration(x.fate.IntN(5_000)) * time.Millisecond)
		if x.Kills {
			p.log.kill()
			if n := x.unrecorded(); n > x.Places {
				x.t.Errorf("%d calls without a recorded outcome at a kill, want at most %d", n, x.Places)
			}
			_ = p.stop()
		} else if err := p.stop(); err != nil {
			x.t.Errorf("Run: %v", err)
		} else if n := x.unrecorded(); n != 0 {
			x.t.Errorf("%d calls without a recorded outcome after an orderly stop", n)
		}
	}
	p := x.launch()
	x.accept(x.Events - len(x.disk.entries))
	if x.Full {
		time.Sleep(time.Duration(x.fate.IntN(200)) * time.Second)
		p.log.full(nil)
	}
	if x.Graves {
		for x.disk.letterRoom(1); x.disk.missing() > 0; x.disk.letterRoom(3) {
			time.Sleep(20 * time.Second)
		}
	}
	p.drain(x.t)
}

func (x *teller) launch() *process {
	return launch(x.t, x.disk, x.client, func(o *Options) {
		o.MaxConcurrency, o.WindowEvents = x.Places, x.Window
		o.KeyPerMinute, o.UserPerMinute = x.PerKey, x.PerUser
		if x.Merge {
			o.Merge = mapping.Merge
		}
		if x.Full {
			o.Log.(*diskLog).noRoom = journal.ErrFull
		}
		if x.Kills {
			o.Grace = time.Millisecond
		}
	})
}

// unrecorded is how many calls Refiner has taken whose events have not all an outcome on disk.
func (x *teller) unrecorded() int {
	latest := make(map[int]int) // call of each event without an outcome
	for i, call := range x.client.seen() {
		for _, n := range numbers(call) {
			if call.ok && x.disk.outcome(n).Kind == "" {
				latest[n] = i
			}
		}
	}
	return len(slices.Compact(slices.Sorted(maps.Values(latest))))
}

// numbers are the events that a call brought.
func numbers(call received) []int {
	var all []int
	for _, event := range call.events() {
		var n int
		_, _ = fmt.Sscan(event, &n)
		all = append(all, n)
	}
	return all
}

func (x *teller) check() {
	first := make(map[string]int)  // per user, the last event delivered for the first time
	times := make(map[int]int)     // deliveries per event
	latest := make(map[int]int)    // and the call of the latest
	repeated := make(map[int]bool) // calls that were made again, all of them or a part
	for i, call := range x.client.seen() {
		if !call.ok {
			continue
		}
		for _, n := range numbers(call) {
			if times[n]++; times[n] == 1 {
				if last, ok := first[call.user]; ok && n < last {
					x.t.Errorf("%s: event %d after %d", call.user, n, last)
				}
				first[call.user] = n
			} else {
				repeated[latest[n]] = true
			}
			latest[n] = i
		}
	}
	for i, entry := range x.disk.entries {
		x.checkOutcome(i, entry, times[i])
	}
	repeats := len(repeated)
	if most := x.Restarts * x.Places; repeats > most || repeats > 0 && !x.Kills {
		x.t.Errorf("%d calls made again, want at most %d, and none without a kill", repeats, most)
	}
	if x.client.overlap {
		x.t.Error("two calls of a user at once")
	}
	if x.client.most > x.Places {
		x.t.Errorf("%d calls at once, want at most %d", x.client.most, x.Places)
	}
	x.checkLimits()
}

func (x *teller) checkOutcome(i int, entry journal.Entry, delivered int) {
	outcomes := x.disk.outcomes[entry.Position]
	if len(outcomes) != 1 {
		x.t.Errorf("event %d has %d outcomes, want one", i, len(outcomes))
		return
	}
	want := journal.Delivered
	switch {
	case entry.Type == "screen":
		want = journal.Filtered
	case string(entry.Body) == `{"event":"nobody"}`:
		want = journal.Rejected
	case x.condemned[fmt.Sprint(i)]:
		want = journal.Dead
	}
	o := outcomes[0]
	if o.Kind != want || (want == journal.Delivered) != (delivered > 0) {
		x.t.Errorf("event %d: outcome %+v, delivered %d times, want %s", i, o, delivered, want)
	}
	x.checkCarried(i, o)
	if (o.Letter != nil) != (want == journal.Dead) {
		x.t.Errorf("event %d: outcome %s with letter %v", i, o.Kind, o.Letter)
	}
	if l := o.Letter; l != nil {
		if string(l.Event) != string(entry.Body) || len(l.Call) == 0 || l.Status != 422 || l.User == "" ||
			len(l.Attempts) == 0 || len(l.Attempts) > maxAttemptsKept || o.Attempts < len(l.Attempts) {
			x.t.Errorf("event %d: letter %+v is not complete", i, l)
		}
	}
}

// checkCarried checks that an event was carried, if at all, by an earlier one of the same user, in a call of its own.
func (x *teller) checkCarried(i int, o journal.Outcome) {
	if o.CarriedBy == 0 {
		return
	}
	by := slices.IndexFunc(x.disk.entries, func(e journal.Entry) bool { return e.Position == o.CarriedBy })
	if !x.Merge || by < 0 || by >= i || o.Kind != journal.Delivered {
		x.t.Errorf("event %d: outcome %+v, carried by event %d", i, o, by)
		return
	}
	if carrier := x.disk.outcome(by); carrier.Kind != journal.Delivered || carrier.CarriedBy != 0 {
		x.t.Errorf("event %d is said to be carried by event %d, whose outcome is %+v", i, by, carrier)
	}
	together := func(call received) bool {
		all := numbers(call)
		return call.ok && all[0] == by && slices.Contains(all, i)
	}
	if !slices.ContainsFunc(x.client.seen(), together) {
		x.t.Errorf("event %d is said to be carried by event %d, but no call brought both", i, by)
	}
}

// checkLimits looks at the calls as the server counts them. What was called before a restart is not known after it.
func (x *teller) checkLimits() {
	if x.Restarts > 0 {
		return
	}
	if most := x.client.arrivals("").most(); x.PerKey > 0 && most > x.PerKey {
		x.t.Errorf("%d calls within a minute, limit %d", most, x.PerKey)
	}
	for user := range x.Users {
		name := fmt.Sprint("user-", user)
		if most := x.client.arrivals(name).most(); x.PerUser > 0 && most > x.PerUser {
			x.t.Errorf("%d calls of %s within a minute, limit %d", most, name, x.PerUser)
		}
	}
}

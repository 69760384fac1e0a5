package delivery

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// blacklist is a Suppression.
type blacklist struct {
	mu      sync.Mutex
	version uint64
	users   map[string]bool
}

func (b *blacklist) add(user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users == nil {
		b.users = map[string]bool{}
	}
	b.users[user] = true
	b.version++
}

func (b *blacklist) Version() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version
}

func (b *blacklist) Suppresses(e *event.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.users[e.UserKey()]
}

// TestSuppression suppresses users in the middle of everything: nothing of them is called afterwards, all of it has its
// outcome soon, and the others do not notice.
func TestSuppression(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		events := rapid.SampledFrom([]int{20, 120, 600}).Draw(rt, "events")
		window := rapid.SampledFrom([]int{10, 100, 8192}).Draw(rt, "window")
		perUser := rapid.SampledFrom([]int{0, 3, 100}).Draw(rt, "per user")
		failing := rapid.SampledFrom([]float64{0, 0.3}).Draw(rt, "failing")
		condemned := rapid.SampledFrom([]float64{0, 0.2}).Draw(rt, "condemned")
		trouble := rapid.SampledFrom([]string{"", "paused", "blocked", "no graves"}).Draw(rt, "trouble")
		after := rapid.IntRange(0, 90).Draw(rt, "after")
		if !t.Run("course", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &course{seed: seed, events: events, window: window, perUser: perUser, failing: failing, condemned: condemned, trouble: trouble}
				c.run(t, time.Duration(after)*time.Second)
			})
		}) {
			rt.Fatal("this course fails")
		}
	})
}

// course is what befalls a worker whose user is suppressed.
type course struct {
	seed                    uint64
	events, window, perUser int
	failing, condemned      float64
	trouble                 string

	mu     sync.Mutex
	random *rand.Rand
	bad    map[string]bool
}

const suppressedUser = "user-1"

func (c *course) run(t *testing.T, after time.Duration) {
	random := rand.New(rand.NewPCG(c.seed, 1))
	c.random, c.bad = rand.New(rand.NewPCG(c.seed, 2)), map[string]bool{}
	d, list := newDisk(), &blacklist{}
	order := map[string][]string{}
	for i := range c.events {
		user, name := fmt.Sprint("user-", random.IntN(4)), fmt.Sprint(i)
		order[user] = append(order[user], name)
		c.bad[name] = random.Float64() < c.condemned
		if random.IntN(2) == 0 {
			d.add(identifyOf(user, name))
		} else {
			d.add(trackOf(user, name))
		}
	}
	if c.trouble == "no graves" {
		d.letterRoom(0)
	}
	client := &fakeRefiner{answer: c.answer, delay: func(string) time.Duration { return 2 * time.Second }, verify: c.key}
	p := launch(t, d, client, func(o *Options) {
		o.Suppression, o.WindowEvents, o.UserPerMinute, o.Merge = list, c.window, c.perUser, mapping.Merge
	})
	time.Sleep(after)
	if c.trouble == "paused" {
		p.Pause(time.Now())
	}
	suppressedAt := time.Now()
	list.add(suppressedUser)
	p.until(t, func() bool { s := p.State(); return s.Obeyed == 1 && s.Suppressed == 0 })
	if took := time.Since(suppressedAt); took > 5*time.Second {
		t.Errorf("it took %s until nothing of the user was in memory", took)
	}
	time.Sleep(10 * time.Minute)
	p.Pause(time.Time{})
	c.mu.Lock()
	c.trouble = ""
	c.mu.Unlock()
	d.letterRoom(1 << 20)
	p.drain(t)
	c.check(t, d, client, order, suppressedAt)
}

// key answers probes.
func (c *course) key() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == "blocked" {
		return &refiner.Error{Class: refiner.ClassCredentials, Status: 401, Message: "no"}
	}
	return nil
}

func (c *course) answer(_, events string) error {
	if err := c.key(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range strings.SplitSeq(events, " ") {
		if c.bad[name] {
			return &refiner.Error{Class: refiner.ClassEvent, Status: 422, Message: "bad"}
		}
	}
	if c.random.Float64() < c.failing {
		return &refiner.Error{Class: refiner.ClassTemporary, Status: 500, Message: "down"}
	}
	return nil
}

func (c *course) check(t *testing.T, d *disk, client *fakeRefiner, order map[string][]string, suppressedAt time.Time) {
	t.Helper()
	delivered := map[string][]string{}
	for _, call := range client.seen() {
		if call.user == suppressedUser && call.at.Sub(suppressedAt) > 4*time.Second {
			t.Fatalf("called %s after the user was suppressed", call.at.Sub(suppressedAt))
		}
		if call.ok {
			delivered[call.user] = append(delivered[call.user], call.events()...)
		}
	}
	for user, names := range order {
		want := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return c.bad[name] })
		if user != suppressedUser && !slices.Equal(want, delivered[user]) {
			t.Errorf("%s: delivered %v, want %v", user, delivered[user], want)
		}
	}
	for i := range d.entries {
		o := d.outcome(i)
		if n := len(d.outcomes[d.entries[i].Position]); n != 1 {
			t.Errorf("event %d has %d outcomes", i, n)
		}
		if o.Kind == journal.Filtered && (o.Reason != reasonSuppressed || !strings.Contains(string(d.entries[i].Body), suppressedUser)) {
			t.Errorf("event %d of somebody else is filtered: %s", i, o.Reason)
		}
	}
	if client.overlap {
		t.Error("two calls of a user at once")
	}
}

// TestErasedEvent meets an event of which only the place is left.
func TestErasedEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(journal.Entry{}, trackOf("ada", "1"))
		p := launch(t, d, &fakeRefiner{})
		p.drain(t)
		if o := d.outcome(0); o.Kind != journal.Filtered || o.Reason != "erased" || d.outcome(1).Kind != journal.Delivered {
			t.Errorf("got %+v and %+v", o, d.outcome(1))
		}
	})
}

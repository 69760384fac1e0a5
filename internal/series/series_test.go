package series

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// drive is a store with one destination and a clock.
type drive struct {
	*Store

	now   time.Time
	state State
}

func newDrive() *drive {
	d := &drive{Store: New(""), now: start}
	d.Destination("refiner").Observe(d.state)
	d.Sample(d.now)
	return d
}

// step lets so much happen in one step.
func (d *drive) step(in, out int) {
	s := d.Destination("refiner")
	for range out {
		s.Call("ok", 200, time.Millisecond)
		s.Delivered(40 * time.Millisecond)
	}
	d.state.Accepted += uint64(in)
	d.state.Finished += uint64(out)
	d.state.Pending = d.state.Accepted - d.state.Finished
	d.now = d.now.Add(Every)
	s.Observe(d.state)
	d.Sample(d.now)
}

func (d *drive) view(span Span) View { return d.Destination("refiner").View(span, d.now) }

func known(values []Value) int {
	n := 0
	for _, v := range values {
		if v.Known() {
			n++
		}
	}
	return n
}

func TestRatesAndGaps(t *testing.T) {
	d := newDrive()
	for range 60 { // ten minutes
		d.step(20, 10)
	}
	d.now = d.now.Add(20 * time.Minute) // the server is down
	d.Sample(d.now)
	for range 6 {
		d.step(0, 0)
	}
	v := d.view(Hour)
	if len(v.Times) != 360 || known(v.In) != 66 || known(v.P50) != 60 {
		t.Errorf("%d steps, %d known, %d with deliveries", len(v.Times), known(v.In), known(v.P50))
	}
	for i, at := range v.Times {
		when := time.Unix(at, 0)
		switch {
		case when.Before(start), !when.Before(start.Add(10*time.Minute)) && when.Before(start.Add(30*time.Minute)), !when.Before(d.now):
			if v.In[i].Known() {
				t.Errorf("%s: %v events a minute, want a gap", when, v.In[i])
			}
		case when.Before(start.Add(10 * time.Minute)):
			if v.In[i] != 120 || v.Calls[i] != 60 || v.P50[i] < 0.03 || v.P50[i] > 0.05 || v.P99[i] > 0.05 {
				t.Errorf("%s: in %v, calls %v, p50 %v, p99 %v", when, v.In[i], v.Calls[i], v.P50[i], v.P99[i])
			}
		default:
			if v.In[i] != 0 || v.P50[i].Known() || v.Pending[i] != 600 {
				t.Errorf("%s: in %v, p50 %v, pending %v", when, v.In[i], v.P50[i], v.Pending[i])
			}
		}
	}
	day := d.view(Day)
	if day.Step != 120 || known(day.In) != 6 || day.Times[len(day.Times)-1] > d.now.Unix() {
		t.Errorf("a day in %d steps of %d s, %d known", len(day.Times), day.Step, known(day.In))
	}
	if text, err := json.Marshal(v); err != nil || !json.Valid(text) {
		t.Errorf("%v", err)
	}
}

func TestPace(t *testing.T) {
	d := newDrive()
	if p := d.Destination("refiner").Pace(time.Minute, d.now); p.Known {
		t.Errorf("before anything is known: %+v", p)
	}
	for range 30 {
		d.step(500, 200)
	}
	if p := d.Destination("refiner").Pace(time.Minute, d.now); p.In != 50 || p.Out != 20 || p.Calls != 20 {
		t.Errorf("%+v", p)
	}
}

// TestWhatIsOldIsOverwritten runs for longer than the shortest span.
func TestWhatIsOldIsOverwritten(t *testing.T) {
	d := newDrive()
	for range 800 {
		d.step(7, 7)
	}
	v := d.view(Hour)
	for i := range len(v.Times) - 1 {
		if v.In[i] != 42 || i > 0 && v.Times[i] != v.Times[i-1]+10 {
			t.Fatalf("step %d at %d: %v", i, v.Times[i], v.In[i])
		}
	}
}

func TestRowsTakeStepsTogether(t *testing.T) {
	d := newDrive()
	for range 360 {
		d.step(10, 10)
	}
	rows := d.Destination("refiner").Rows(Hour, d.now)
	if len(rows.Times) > 13 || rows.Step != 300 || rows.Times[0]%300 != 0 || rows.In[3] != 60 {
		t.Errorf("%d rows of %d s from %d: %v", len(rows.Times), rows.Step, rows.Times[0], rows.In)
	}
}

func TestSources(t *testing.T) {
	s := New("")
	s.Source("web").Accepted(100) // before the first sample
	s.Sample(start)
	s.Source("web").Accepted(30)
	s.Sample(start.Add(Every))
	if p := s.Source("web").Pace(time.Minute, start.Add(Every)); p.In != 3 {
		t.Errorf("%+v", p)
	}
}

// TestAnotherProcessTakesOver has a destination move to another process that shares the shelf.
func TestAnotherProcessTakesOver(t *testing.T) {
	d, kept := newDrive(), shelf{}
	d.step(1, 1)
	if err := d.Save(t.Context(), kept); err != nil || len(kept) != 1 {
		t.Fatalf("%d kept, %v", len(kept), err)
	}
	clear(kept)
	d.now = d.now.Add(Every)
	d.Sample(d.now) // without having observed anything
	if known(d.view(Hour).In) != 1 {
		t.Error("something is known of what nobody has looked at")
	}
	if err := d.Save(t.Context(), kept); err != nil || len(kept) != 0 {
		t.Errorf("it overwrites what the other has saved: %d kept, %v", len(kept), err)
	}
}

// TestProcessesShareAShelf has two processes, each of which delivers to one of two destinations, and then one to both.
func TestProcessesShareAShelf(t *testing.T) {
	kept, a, b := shelf{}, New("a"), New("b")
	now := start
	accepted := uint64(0)
	step := func(ofA, ofB *Store) {
		t.Helper()
		now, accepted = now.Add(Every), accepted+10
		ofA.Destination("A").Observe(State{Accepted: accepted})
		ofB.Destination("B").Observe(State{Accepted: accepted})
		for _, each := range []*Store{a, b} {
			each.Source("web").Accepted(5)
			each.Sample(now)
		}
		for _, each := range []*Store{a, b, a} {
			if err := each.Sync(t.Context(), kept, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(a, b)
	for range 6 {
		step(a, b)
	}
	for range 6 { // b is gone
		step(a, a)
	}
	for _, name := range []string{"A", "B"} {
		if v := a.Destination(name).View(Hour, now); known(v.In) < 11 {
			t.Errorf("%s: %d steps are known, want all but the first ones", name, known(v.In))
		}
	}
	if p := a.Source("web").Pace(time.Minute, now); p.In != 0.5 {
		t.Errorf("%v events a second came in here", p.In)
	}
}

func TestStoreIsBounded(t *testing.T) {
	s := New("")
	for i := range 1000 {
		s.Source(string(rune('a'+i%26)) + string(rune('a'+i/26))).Accepted(1)
	}
	if n := len(s.all()); n != maxSeries {
		t.Errorf("%d series", n)
	}
}

func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slot
		all := rapid.SliceOfN(rapid.Float64Range(0.0001, 1e6), 1, 200).Draw(t, "seconds")
		highest := 0.0
		for _, seconds := range all {
			s.count(bucketOf(time.Duration(seconds*float64(time.Second))), 1)
			highest = max(highest, seconds)
		}
		p50, p99 := quantile(s.Latency, 0.5), quantile(s.Latency, 0.99)
		if p50 > p99 || p99 > max(0.001, highest*1.6) {
			t.Errorf("p50 %v, p99 %v, highest %v", p50, p99, highest)
		}
	})
}

func TestRounded(t *testing.T) {
	for value, want := range map[float64]float64{0: 0, 0.0123456: 0.01235, 12345.6: 12350, 7: 7} {
		if got := rounded(value); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v becomes %v", value, got)
		}
	}
}

// same has gaps equal each other.
var same = cmp.Comparer(func(a, b Value) bool { return a == b || !a.Known() && !b.Known() })

// shelf keeps in memory.
type shelf map[string][]byte

func (s shelf) AllSeries(context.Context) (map[string][]byte, error) { return s, nil }
func (s shelf) PutSeries(_ context.Context, key string, data []byte) error {
	s[key] = data
	return nil
}

func (s shelf) DropSeries(_ context.Context, key string) error {
	delete(s, key)
	return nil
}

// TestSeriesSurviveARestart saves what happened at random and loads it again.
func TestSeriesSurviveARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDrive()
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			d.step(rapid.IntRange(0, 5).Draw(t, "in"), rapid.IntRange(0, 2).Draw(t, "out"))
			if rapid.IntRange(0, 20).Draw(t, "down") == 0 {
				d.now = d.now.Add(time.Hour)
				d.Sample(d.now)
			}
		}
		kept := shelf{}
		if err := d.Save(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		next := &drive{Store: New(""), now: d.now}
		if err := next.Load(t.Context(), kept, d.now); err != nil {
			t.Fatal(err)
		}
		for span := range spans {
			if diff := cmp.Diff(d.view(Span(span)), next.view(Span(span)), same); diff != "" {
				t.Fatalf("%s (-before +after): %s", Span(span), diff)
			}
		}
	})
}

func TestLoadDropsWhatIsOld(t *testing.T) {
	d := newDrive()
	d.step(1, 1)
	kept := shelf{"source.damaged": []byte("damaged")}
	if err := d.Save(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	next := New("")
	if err := next.Load(t.Context(), kept, d.now.Add(8*24*time.Hour)); !errors.Is(err, errDamaged) {
		t.Errorf("damaged: %v", err)
	}
	if len(kept) != 1 || len(next.all()) != 0 {
		t.Errorf("kept %d, loaded %d", len(kept), len(next.all()))
	}
}

func TestSizeIsBounded(t *testing.T) {
	d := newDrive()
	for range 360 * 3 {
		s := d.Destination("refiner")
		for i := range buckets {
			s.Delivered(time.Duration(bounds[i] * float64(time.Second)))
		}
		d.step(1<<20, 1<<10)
	}
	if n := len(d.Destination("refiner").encode()); n > 512<<10 {
		t.Errorf("%d bytes", n)
	}
}

func FuzzDecode(f *testing.F) {
	d := newDrive()
	for i := range 20 {
		d.step(i, i)
	}
	f.Add(d.Destination("refiner").encode())
	f.Add([]byte{version, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newSeries()
		if s.decode(data) != nil {
			return
		}
		s.View(Hour, start)
		again := newSeries()
		if encoded := s.encode(); again.decode(encoded) != nil {
			t.Errorf("%x becomes %x, which cannot be read", data, encoded)
		}
	})
}

func TestParseSpan(t *testing.T) {
	for i := range spans {
		if got, err := ParseSpan(Span(i).String()); err != nil || got != Span(i) {
			t.Errorf("%s: %v, %v", Span(i), got, err)
		}
	}
	if _, err := ParseSpan("year"); err == nil {
		t.Error("a year")
	}
}

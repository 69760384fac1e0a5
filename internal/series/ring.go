package series

import (
	"cmp"
	"fmt"
	"time"
)

// Span is how far back one looks.
type Span int

// The spans.
const (
	Hour Span = iota
	Day
	Week
)

// division says how a span is divided.
type division struct {
	name  string
	step  time.Duration
	slots int
	row   int // slots that a row of a table takes together
}

var spans = [...]division{
	Hour: {"hour", Every, 360, 30},
	Day:  {"day", 2 * time.Minute, 720, 60},
	Week: {"week", 15 * time.Minute, 672, 48},
}

// ParseSpan reads the name of a span: hour, day or week.
func ParseSpan(name string) (Span, error) {
	for i := range spans {
		if spans[i].name == name {
			return Span(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of hour, day and week", name)
}

// String is the span's name.
func (s Span) String() string { return spans[s].name }

// Step is the length of one slot.
func (s Span) Step() time.Duration { return spans[s].step }

// slot is what happened in one step.
type slot struct {
	Number  int64   // of the step since 1970; it tells slots of different rounds apart
	Seconds float64 // of the step that were observed; 0 if the server did not run
	In      uint64  // events
	Out     uint64  // events that got an outcome
	Calls   uint64
	Pending uint64   // at the end
	Oldest  float64  // age of the oldest pending event in seconds, the highest
	Latency []uint32 // deliveries by bucket; nil if there were none
}

// add adds what happened later in the same step.
func (s *slot) add(more slot) {
	s.Seconds += more.Seconds
	s.In += more.In
	s.Out += more.Out
	s.Calls += more.Calls
	s.Pending = more.Pending
	s.Oldest = max(s.Oldest, more.Oldest)
	for i, n := range more.Latency {
		if n > 0 {
			s.count(i, uint64(n))
		}
	}
}

func (s *slot) count(bucket int, n uint64) {
	if s.Latency == nil {
		s.Latency = make([]uint32, buckets)
	}
	s.Latency[bucket] = uint32(min(uint64(s.Latency[bucket])+n, 1<<32-1))
}

// ring holds the slots of a span, each in the place of the one a whole span before.
type ring struct {
	step  time.Duration
	slots []slot
}

func newRing(d division) ring { return ring{d.step, make([]slot, d.slots)} }

func (r *ring) number(at time.Time) int64 { return at.UnixNano() / int64(r.step) }

func (r *ring) place(number int64) *slot { return &r.slots[number%int64(len(r.slots))] }

// add adds what happened at a moment.
func (r *ring) add(at time.Time, what slot) {
	number := r.number(at)
	s := r.place(number)
	if s.Number != number {
		*s = slot{Number: number}
	}
	s.add(what)
}

// newest is when the last step began of which anything is known; the zero time if there is none.
func (r *ring) newest() time.Time {
	var last int64
	for i := range r.slots {
		last = max(last, r.slots[i].Number)
	}
	if last == 0 {
		return time.Time{}
	}
	return time.Unix(0, last*int64(r.step))
}

// The buckets of latencies: seven for each power of ten, from a millisecond to more than a week.
const (
	buckets   = 1 + decades*perDecade
	decades   = 9
	perDecade = 7
	shortest  = time.Millisecond
)

var withinDecade = [perDecade]float64{1, 1.5, 2, 3, 4, 5, 7}

// bound is the upper bound of a bucket in seconds. The last one has none; it stands for what is longer than all.
func bound(bucket int) float64 {
	decade, part := bucket/perDecade, bucket%perDecade
	value := shortest.Seconds() * withinDecade[part]
	for range decade {
		value *= 10
	}
	return value
}

// bounds are the upper bounds of all buckets, in seconds.
var bounds = func() (all [buckets]float64) {
	for i := range all {
		all[i] = bound(i)
	}
	return all
}()

func bucketOf(latency time.Duration) int {
	seconds := latency.Seconds()
	low, high := 0, buckets-1
	for low < high {
		if middle := (low + high) / 2; cmp.Compare(seconds, bounds[middle]) <= 0 {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// quantile is the latency, in seconds, that a part q of the deliveries did not exceed, as exactly as buckets tell.
func quantile(latency []uint32, q float64) float64 {
	var all uint64
	for _, n := range latency {
		all += uint64(n)
	}
	rank, below := q*float64(all), 0.0
	for i, n := range latency {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		from := 0.0
		if i > 0 {
			from = bounds[i-1]
		}
		return from + (bounds[i]-from)*(rank-below)/float64(n)
	}
	return bounds[buckets-1]
}

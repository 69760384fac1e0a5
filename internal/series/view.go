package series

import (
	"encoding/json"
	"math"
	"time"
)

// View is a span of a series as charts show it: a value for each step, the oldest first.
type View struct {
	Step    int       `json:"step"`    // seconds
	Times   []int64   `json:"times"`   // when each step began, in seconds since 1970
	In      []Value   `json:"in"`      // events a minute
	Calls   []Value   `json:"calls"`   // calls a minute
	P50     []Value   `json:"p50"`     // seconds from acceptance to delivery: half of the events took no longer
	P99     []Value   `json:"p99"`     // 99 of 100
	Oldest  []Value   `json:"oldest"`  // age of the oldest pending event in seconds, the highest
	Pending []Value   `json:"pending"` // events, at the end of the step
	Ended   time.Time `json:"-"`       // when the last step ends
}

// Value is a number, or Gap.
type Value float64

// Gap stands where nothing is known: the server did not run, or nothing was delivered.
var Gap = Value(math.NaN())

// Known reports whether there is a number.
func (v Value) Known() bool { return !math.IsNaN(float64(v)) }

// MarshalJSON writes null for a gap, and four significant digits of a number.
func (v Value) MarshalJSON() ([]byte, error) {
	if !v.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(rounded(float64(v)))
}

func rounded(f float64) float64 {
	if f == 0 || math.IsInf(f, 0) {
		return f
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(f))))
	return math.Round(f*scale) / scale
}

// View is how it went in a span up to now.
func (s *Series) View(span Span, now time.Time) View { return s.merged(span, 1, now) }

// Rows is how it went in a span up to now in a dozen steps, as a table shows it.
func (s *Series) Rows(span Span, now time.Time) View { return s.merged(span, spans[span].row, now) }

// merged takes so many slots together.
func (s *Series) merged(span Span, together int, now time.Time) View {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.rings[span]
	last := r.number(now)
	first := last - int64(len(r.slots)) + 1
	first += (int64(together) - first%int64(together)) % int64(together) // so that steps stay the same while time goes by
	v := View{Step: together * int(r.step.Seconds())}
	for number := first; number <= last; number += int64(together) {
		var sum slot
		for n := number; n < number+int64(together) && n <= last; n++ {
			if each := r.place(n); each.Number == n {
				sum.add(*each)
			}
		}
		v.Times = append(v.Times, time.Unix(0, number*int64(r.step)).Unix())
		v.append(sum)
	}
	v.Ended = time.Unix(v.Times[len(v.Times)-1], 0).Add(time.Duration(v.Step) * time.Second)
	return v
}

func (v *View) append(s slot) {
	in, calls, p50, p99, oldest, pending := Gap, Gap, Gap, Gap, Gap, Gap
	if s.Seconds > 0 {
		in, calls = Value(float64(s.In)*60/s.Seconds), Value(float64(s.Calls)*60/s.Seconds)
		oldest, pending = Value(s.Oldest), Value(s.Pending)
	}
	if s.Latency != nil {
		p50, p99 = Value(quantile(s.Latency, 0.5)), Value(quantile(s.Latency, 0.99))
	}
	v.In, v.Calls = append(v.In, in), append(v.Calls, calls)
	v.P50, v.P99 = append(v.P50, p50), append(v.P99, p99)
	v.Oldest, v.Pending = append(v.Oldest, oldest), append(v.Pending, pending)
}

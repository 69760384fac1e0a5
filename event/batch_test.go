package event

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitBatch(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
		err      error
	}{
		{"two events", `{"batch":[ {"a":1} ,{"b":[2]}],"sentAt":"x"}`, []string{`{"a":1}`, `{"b":[2]}`}, nil},
		{"a batch that is an object", `{"batch":{"a":1}}`, []string{`{"a":1}`}, nil},
		{"an escaped name", `{"b\u0061tch":[{"a":1}]}`, []string{`{"a":1}`}, nil},
		{"two batches, the last counts", `{"batch":[1],"batch":[{"a":1}]}`, []string{`{"a":1}`}, nil},
		{"two batches, the last is empty", `{"batch":[{"a":1}],"batch":[]}`, nil, ErrEmptyBatch},
		{"no batch", `{"sentAt":"x"}`, nil, ErrEmptyBatch},
		{"an empty body", `{}`, nil, ErrEmptyBatch},
		{"null", `{"batch":null}`, nil, ErrEmptyBatch},
		{"an empty array", `{"batch":[ ]}`, nil, ErrEmptyBatch},
		{"a body that is an array", `[{"a":1}]`, nil, ErrEmptyBatch},
		{"a body that is a string", `"batch"`, nil, ErrEmptyBatch},
		{"an element that is a number", `{"batch":[{"a":1},5]}`, nil, ErrNotObject},
		{"an element that is null", `{"batch":[null]}`, nil, ErrNotObject},
		{"a batch that is a string", `{"batch":"x"}`, nil, ErrNotObject},
		{"a batch that is false", `{"batch":false}`, nil, ErrNotObject},
		{"bad JSON after an odd element", `{"batch":[5,}`, nil, ErrSyntax},
		{"bad JSON after the batch", `{"batch":[{"a":1}],"x":}`, nil, ErrSyntax},
		{"bad JSON after the body", `{"batch":[{"a":1}]}x`, nil, ErrSyntax},
		{"nothing", ``, nil, ErrSyntax},
		{"too many events", `{"batch":[{},{},{},{}]}`, nil, ErrTooManyEvents},
		{"keys counted for each event", `{"batch":[{"a":1,"b":2},{"a":1,"b":2}]}`, []string{`{"a":1,"b":2}`, `{"a":1,"b":2}`}, nil},
		{"too many keys in one", `{"batch":[{"a":1,"b":2,"c":3}]}`, nil, ErrTooManyKeys},
		{"depth counted for each event", `{"batch":[{"a":{}},{"a":{}}]}`, []string{`{"a":{}}`, `{"a":{}}`}, nil},
		{"too deep in one", `{"batch":[{"a":{"b":{}}}]}`, nil, ErrTooDeep},
		{"too many keys beside the batch", `{"a":1,"b":2,"c":3}`, nil, ErrTooManyKeys},
		{"too deep beside the batch", `{"x":[[[]]]}`, nil, ErrTooDeep},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events, err := SplitBatch([]byte(test.in), Limits{MaxDepth: 2, MaxKeys: 2, MaxEvents: 3})
			if !errors.Is(err, test.err) {
				t.Fatalf("SplitBatch(%s): %v, want %v", test.in, err, test.err)
			}
			var got []string
			for i := range events {
				got = append(got, string(events[i].Raw()))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("SplitBatch(%s): -want +got\n%s", test.in, diff)
			}
		})
	}
}

// TestRepeatedBatchesCostNothing: memory for events is taken once, however many batch members there are.
func TestRepeatedBatchesCostNothing(t *testing.T) {
	body := []byte(`{` + strings.Repeat(`"batch":[],`, 5000) + `"batch":[{}]}`)
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := SplitBatch(body, Limits{}); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 20 {
		t.Errorf("%.0f allocations", allocs)
	}
}

// TestNestedArraysCostNothing: going through arrays takes memory for one element at a time.
func TestNestedArraysCostNothing(t *testing.T) {
	const depth = 60
	e := parse(t, `{"a":`+strings.Repeat("[", depth)+`"`+strings.Repeat("x", 1<<20)+`"`+strings.Repeat("]", depth)+`}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v, levels := e.Get("a"), 0
	for v.Kind() == Array {
		for element := range v.Elements() {
			v = element
		}
		levels++
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; levels != depth || used > 1<<20 {
		t.Errorf("%d levels took %d bytes", levels, used)
	}
}

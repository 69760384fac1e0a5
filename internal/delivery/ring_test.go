package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRingIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring[int]
		var model []int
		for range rapid.IntRange(0, 600).Draw(t, "steps") {
			switch v := rapid.IntRange(0, 9).Draw(t, "step"); {
			case v < 5:
				r.push(v)
				model = append(model, v)
			case v == 5:
				r.pushFront(v)
				model = append([]int{v}, model...)
			case len(model) > 0:
				if got := r.pop(); got != model[0] {
					t.Fatalf("popped %d, want %d", got, model[0])
				}
				model = model[1:]
			}
		}
		var all []int
		for i := range r.len() {
			all = append(all, r.at(i))
		}
		if diff := cmp.Diff(append([]int(nil), model...), all); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRingGivesMemoryBack(t *testing.T) {
	var r ring[int]
	for i := range 10_000 {
		r.push(i)
	}
	for i := range 10_000 {
		if got := r.pop(); got != i {
			t.Fatalf("popped %d, want %d", got, i)
		}
	}
	if len(r.items) > 64 {
		t.Errorf("room for %d is kept by an empty ring", len(r.items))
	}
}

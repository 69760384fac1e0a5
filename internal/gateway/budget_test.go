package gateway

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestBudgetServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10, time.Minute)
		if !b.take(t.Context(), 10) {
			t.Fatal("a fresh budget gave nothing")
		}
		var order []int
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, n := range []int{8, 1, 2} {
			all.Go(func() {
				if !b.take(t.Context(), n) {
					t.Errorf("%d bytes were not given", n)
				}
				mu.Lock()
				order = append(order, n)
				mu.Unlock()
			})
			synctest.Wait()
		}
		b.give(3) // enough for the second and the third, but the first comes first
		synctest.Wait()
		if len(order) != 0 {
			t.Errorf("%v were served before their turn", order)
		}
		b.give(5)
		synctest.Wait()
		if len(order) != 1 || order[0] != 8 {
			t.Errorf("served %v, want 8", order)
		}
		b.give(3)
		all.Wait()
		if b.left() != 0 {
			t.Errorf("%d left", b.left())
		}
	})
}

func TestBudgetGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10, time.Second)
		b.take(t.Context(), 9)
		began := time.Now()
		var small sync.WaitGroup
		small.Go(func() {
			time.Sleep(time.Second / 2)
			if !b.take(t.Context(), 1) || time.Since(began) != time.Second {
				t.Errorf("who needs little waited %v for who needed much", time.Since(began))
			}
		})
		if b.take(t.Context(), 2) {
			t.Error("got more than there is")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("gave up after %v", took)
		}
		small.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if began := time.Now(); b.take(ctx, 2) || time.Since(began) != 0 {
			t.Error("waited although the request had ended")
		}
		b.give(10)
		if b.left() != 10 {
			t.Errorf("%d left, want 10", b.left())
		}
	})
}

// Whatever many takers do, no more is out than there is, and in the end all is back.
func TestBudgetNeverGivesMoreThanItHas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 50).Draw(rt, "size")
		amounts := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 30).Draw(rt, "amounts")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3), len(amounts), len(amounts)).Draw(rt, "pauses")
		synctest.Test(t, func(t *testing.T) {
			b := newBudget(size, 2*time.Millisecond)
			var mu sync.Mutex
			out := 0
			var all sync.WaitGroup
			for i, n := range amounts {
				all.Go(func() {
					time.Sleep(time.Duration(pauses[i]) * time.Millisecond)
					if !b.take(t.Context(), n) {
						return
					}
					mu.Lock()
					if out += n; out > size {
						t.Errorf("%d of %d bytes are out", out, size)
					}
					mu.Unlock()
					time.Sleep(time.Duration(n%4) * time.Millisecond)
					mu.Lock()
					out -= n
					mu.Unlock()
					b.give(n)
				})
			}
			all.Wait()
			if b.left() != size || b.waiting.Len() != 0 {
				t.Errorf("%d of %d bytes are left and %d wait", b.left(), size, b.waiting.Len())
			}
		})
	})
}

func TestLeaseEndsWithNothingHeld(t *testing.T) {
	b := newBudget(100, time.Millisecond)
	l := lease{budget: b}
	if !l.take(t.Context(), 60) || !l.take(t.Context(), 30) || l.take(t.Context(), 20) {
		t.Error("wrong amounts were given")
	}
	l.give(30)
	l.end()
	l.end()
	if b.left() != 100 || l.bytes != 0 {
		t.Errorf("%d left in the budget, %d in the lease", b.left(), l.bytes)
	}
}

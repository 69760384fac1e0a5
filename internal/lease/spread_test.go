package lease

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// situation is what a plan is made of.
type situation struct {
	items      []string
	owners     map[string]string
	candidates []candidate
}

// drawSituation draws members and who holds what. With everything all members are settled and offer everything.
func drawSituation(t *rapid.T, everything bool) situation {
	s := situation{owners: map[string]string{}}
	for i := range rapid.IntRange(0, 12).Draw(t, "items") {
		s.items = append(s.items, fmt.Sprintf("destination.d%d", i))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "members") {
		c := candidate{name: fmt.Sprintf("tanker-%d", i), settled: true, offers: map[string]bool{}}
		for _, item := range s.items {
			c.offers[item] = everything || rapid.Bool().Draw(t, "offers")
		}
		if !everything {
			c.settled = rapid.Bool().Draw(t, "settled")
		}
		s.candidates = append(s.candidates, c)
	}
	for _, item := range s.items {
		if n := rapid.IntRange(-1, 6).Draw(t, "owner"); n >= 0 { // also members that are gone
			s.owners[item] = fmt.Sprintf("tanker-%d", n)
		}
	}
	return s
}

func (s *situation) candidate(name string) *candidate {
	i := slices.IndexFunc(s.candidates, func(c candidate) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return &s.candidates[i]
}

func loads(plan map[string]string) map[string]int {
	n := map[string]int{}
	for _, name := range plan {
		n[name]++
	}
	return n
}

func TestSpreadGivesEachItemToSomeoneWhoOffersIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t, false)
		plan := spread(s.items, s.owners, s.candidates)
		for _, item := range s.items {
			offered := slices.ContainsFunc(s.candidates, func(c candidate) bool { return c.offers[item] })
			c := s.candidate(plan[item])
			if offered != (c != nil) || c != nil && !c.offers[item] {
				t.Fatalf("%s goes to %q", item, plan[item])
			}
			before := s.candidate(s.owners[item])
			if before != nil && before.offers[item] && c != before && !c.settled {
				t.Fatalf("%s moves from %s to %s, which is not settled", item, before.name, c.name)
			}
		}
	})
}

func TestSpreadIsEvenAndMovesLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t, true)
		if len(s.candidates) == 0 {
			return
		}
		plan := spread(s.items, s.owners, s.candidates)
		fair := len(s.items) / len(s.candidates)
		after, gained, lost := loads(plan), map[string]int{}, map[string]int{}
		before := map[string]int{}
		for _, item := range s.items {
			owner := s.owners[item]
			if s.candidate(owner) == nil {
				owner = ""
			}
			before[owner]++
			if owner != plan[item] {
				lost[owner]++
				gained[plan[item]]++
			}
		}
		for _, c := range s.candidates {
			if n := after[c.name]; n < fair || n > fair+1 {
				t.Fatalf("%s has %d of %d items among %d members", c.name, n, len(s.items), len(s.candidates))
			}
			if lost[c.name] > 0 && (gained[c.name] > 0 || after[c.name] < fair || before[c.name] <= fair) {
				t.Fatalf("%s had %d, loses %d and gains %d", c.name, before[c.name], lost[c.name], gained[c.name])
			}
		}
	})
}

func TestSpreadComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t, rapid.Bool().Draw(t, "everything"))
		plan := spread(s.items, s.owners, s.candidates)
		again := spread(s.items, plan, s.candidates)
		if diff := cmp.Diff(plan, again); diff != "" {
			t.Fatalf("a plan that was carried out changes (-before +after):\n%s", diff)
		}
		shuffled := situation{items: slices.Clone(s.items), owners: s.owners, candidates: slices.Clone(s.candidates)}
		slices.Reverse(shuffled.items)
		slices.Reverse(shuffled.candidates)
		if diff := cmp.Diff(plan, spread(shuffled.items, shuffled.owners, shuffled.candidates)); diff != "" {
			t.Fatalf("the plan depends on the order (-one +other):\n%s", diff)
		}
	})
}

// TestSpreadWhenOneLeavesAndComesBack tells how much moves when members of a group are restarted.
func TestSpreadWhenOneLeavesAndComesBack(t *testing.T) {
	var items []string
	for i := range 9 {
		items = append(items, fmt.Sprintf("destination.d%d", i))
	}
	member := func(name string) candidate {
		offers := map[string]bool{}
		for _, item := range items {
			offers[item] = true
		}
		return candidate{name: name, settled: true, offers: offers}
	}
	all := []candidate{member("a"), member("b"), member("c")}
	first := spread(items, nil, all)
	without := spread(items, first, all[1:])
	for item, name := range first {
		if name != "a" && without[item] != name {
			t.Errorf("%s moved from %s to %s when a left", item, name, without[item])
		}
	}
	back := spread(items, without, all)
	if moved := len(items) - len(maps.Collect(same(without, back))); moved != 3 {
		t.Errorf("%d items moved when a came back, want 3", moved)
	}
}

func same(a, b map[string]string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for k, v := range a {
			if b[k] == v && !yield(k, v) {
				return
			}
		}
	}
}

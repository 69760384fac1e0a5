package lease

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
)

// candidate is a member that can hold items.
type candidate struct {
	name    string
	settled bool            // it has been there for a while: items that others hold may move to it
	offers  map[string]bool // the items it can hold
}

// spread says which candidate is to hold each item: "" if none can. owners are the candidates that hold them now, without
// the items that nobody holds. It is a function of what it is given, so that all who know the same say the same.
//
// Who holds an item keeps it unless another has at least two fewer; then no more move than it takes to be even. What
// nobody holds goes to whoever has the fewest. Nothing moves to a candidate that is not settled, and what is free goes to
// one of those only if there is no other.
func spread(items []string, owners map[string]string, candidates []candidate) map[string]string {
	s := newSpreading(candidates)
	items = slices.Sorted(slices.Values(items))
	var free []string
	for _, item := range items {
		owner := owners[item]
		if c := s.by[owner]; c == nil || !c.offers[item] {
			free = append(free, item)
			continue
		}
		s.give(item, owner)
	}
	for _, item := range free {
		if to := s.least(item); to != "" {
			s.give(item, to)
		}
	}
	for s.move(items) {
		continue
	}
	return s.plan
}

// spreading is a plan in the making.
type spreading struct {
	by    map[string]*candidate
	names []string // sorted
	load  map[string]int
	plan  map[string]string
}

func newSpreading(candidates []candidate) *spreading {
	s := &spreading{by: map[string]*candidate{}, load: map[string]int{}, plan: map[string]string{}}
	for i := range candidates {
		s.by[candidates[i].name] = &candidates[i]
	}
	s.names = slices.Sorted(maps.Keys(s.by))
	return s
}

func (s *spreading) give(item, to string) {
	if from := s.plan[item]; from != "" {
		s.load[from]--
	}
	s.plan[item] = to
	s.load[to]++
}

// least is who gets an item that nobody has; "" if nobody can.
func (s *spreading) least(item string) string {
	best := ""
	for _, name := range s.names {
		if s.by[name].offers[item] && (best == "" || s.before(item, name, best)) {
			best = name
		}
	}
	return best
}

// before reports whether a is to get a free item rather than b. What is even otherwise is decided by a hash, which spreads
// well and does not change when others come and go.
func (s *spreading) before(item, a, b string) bool {
	if s.by[a].settled != s.by[b].settled {
		return s.by[a].settled
	}
	return cmp.Or(cmp.Compare(s.load[a], s.load[b]), cmp.Compare(weight(item, b), weight(item, a)), cmp.Compare(a, b)) < 0
}

// move moves the item that it helps most to move. It says false when all is even.
func (s *spreading) move(items []string) bool {
	var item, to string
	most := 1 // a difference of one is even
	for _, i := range items {
		from := s.plan[i]
		if from == "" {
			continue
		}
		for _, name := range s.names {
			c := s.by[name]
			if !c.settled || !c.offers[i] {
				continue
			}
			gain := s.load[from] - s.load[name]
			if gain > most || gain == most && item != "" && weight(i, name) > weight(item, to) {
				most, item, to = gain, i, name
			}
		}
	}
	if item == "" {
		return false
	}
	s.give(item, to)
	return true
}

// weight is how much an item is drawn to a member.
func weight(item, member string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(item)) // never fails
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(member))
	return mix(h.Sum64())
}

// mix spreads the bits of a hash: those of FNV differ little where only the last letters do.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

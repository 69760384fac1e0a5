package lease

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Group is how the group stands, as far as one member knows.
type Group struct {
	Members []Member  // sorted by name
	Held    []Holding // sorted by item; what some member offers, and what somebody holds
}

// Member is a process of the group.
type Member struct {
	MemberInfo

	Leaving bool          // it is handing over what it holds
	Silent  time.Duration // since when nothing was heard of it, as measured here
}

// Holding is an item and who holds it.
type Holding struct {
	Item   string
	Member string          // "" if nobody holds it
	Epoch  uint64          // counts its holders
	Since  time.Time       // since when it is held, or has not been, by the clock of who wrote it
	Note   json.RawMessage // the last that a holder has noted
	Noted  time.Time       // when, by the clock of the bucket's server
}

// Group says how the group stands.
func (k *Keeper) Group() Group {
	v := k.view
	v.mu.Lock()
	defer v.mu.Unlock()
	var g Group
	items := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(v.members)) {
		m := v.members[name]
		if m.gone {
			continue
		}
		g.Members = append(g.Members, Member{MemberInfo: m.record.MemberInfo, Leaving: m.record.Leaving, Silent: v.now() - m.changed})
		for _, item := range m.record.Items {
			items[item] = true
		}
	}
	for item, l := range v.leases {
		items[item] = items[item] || v.holder(l) != nil
	}
	for _, item := range slices.Sorted(maps.Keys(items)) {
		if items[item] {
			g.Held = append(g.Held, v.holding(item))
		}
	}
	return g
}

// Holding says who holds an item.
func (k *Keeper) Holding(item string) Holding {
	k.view.mu.Lock()
	defer k.view.mu.Unlock()
	return k.view.holding(item)
}

// holding says who holds an item. v.mu is held.
func (v *view) holding(item string) Holding {
	h := Holding{Item: item}
	l := v.leases[item]
	if l == nil {
		return h
	}
	h.Epoch, h.Since, h.Note, h.Noted = l.record.Epoch, l.record.Since, l.record.Note, l.at
	if m := v.holder(l); m != nil {
		h.Member = m.record.Name
	}
	return h
}

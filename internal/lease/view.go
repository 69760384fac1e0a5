package lease

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// view is what a member knows of the bucket: all records, in the order in which they changed, and since when they are as
// they are by this member's own clock.
type view struct {
	now clock

	mu      sync.Mutex
	read    bool // what there was at first has been read
	members map[string]*seenMember
	leases  map[string]*seenLease
}

// seenMember is a member as it is known here.
type seenMember struct {
	record   memberRecord
	gone     bool // the record is deleted
	revision uint64
	joined   time.Duration // when the session was first seen
	changed  time.Duration // when the record was last seen to change
}

// seenLease is a lease as it is known here.
type seenLease struct {
	record   leaseRecord
	revision uint64
	changed  time.Duration
	at       time.Time // when it was written, by the clock of the bucket's server
}

func newView(now clock) *view {
	return &view{now: now, members: map[string]*seenMember{}, leases: map[string]*seenLease{}}
}

// take notes a change. It says false if the record is none.
func (v *view) take(e jetstream.KeyValueEntry) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if name, ok := strings.CutPrefix(e.Key(), memberPrefix); ok {
		return v.takeMember(name, e)
	}
	return v.takeLease(e.Key(), e.Value(), e.Revision(), e.Created())
}

func (v *view) takeMember(name string, e jetstream.KeyValueEntry) bool {
	m := v.members[name]
	if m == nil {
		m = &seenMember{}
		v.members[name] = m
	}
	if e.Revision() <= m.revision {
		return true
	}
	m.revision, m.changed, m.gone = e.Revision(), v.now(), e.Operation() != jetstream.KeyValuePut
	if m.gone {
		return true
	}
	var r memberRecord
	if json.Unmarshal(e.Value(), &r) != nil || r.Name != name {
		m.gone = true
		return false
	}
	if r.Session != m.record.Session {
		m.joined = m.changed
	}
	m.record = r
	return true
}

func (v *view) takeLease(item string, data []byte, revision uint64, at time.Time) bool {
	l := v.leases[item]
	if l == nil {
		l = &seenLease{}
		v.leases[item] = l
	}
	switch {
	case revision < l.revision:
		return true
	case revision == l.revision: // this member's own writing comes back
		l.at = at
		return true
	}
	l.revision, l.changed, l.at = revision, v.now(), at
	var r leaseRecord
	if json.Unmarshal(data, &r) != nil {
		l.record = leaseRecord{Epoch: l.record.Epoch}
		return false
	}
	l.record = r
	return true
}

// wrote notes what this member has written itself, without waiting until it comes back.
func (v *view) wrote(item string, r leaseRecord, revision uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.leases[item]
	if l == nil {
		l = &seenLease{}
		v.leases[item] = l
	}
	if revision > l.revision {
		*l = seenLease{record: r, revision: revision, changed: v.now(), at: l.at}
	}
}

// complete notes that all that there was has been read.
func (v *view) complete() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read = true
}

func (v *view) completed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.read
}

// member is a copy of what is known of a member; revision 0 if that is nothing.
func (v *view) member(name string) seenMember {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m := v.members[name]; m != nil {
		return *m
	}
	return seenMember{gone: true}
}

// lease is a copy of what is known of a lease; revision 0 if that is nothing.
func (v *view) lease(item string) seenLease {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.leases[item]; l != nil {
		return *l
	}
	return seenLease{}
}

// silent are the members that have not been heard of for a time.
func (v *view) silent(longer time.Duration) []seenMember {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []seenMember
	for _, name := range slices.Sorted(maps.Keys(v.members)) {
		if m := v.members[name]; !m.gone && v.now()-m.changed >= longer {
			all = append(all, *m)
		}
	}
	return all
}

// holder is the member that holds a lease: nil if that is released, or its holder is gone. v.mu is held.
func (v *view) holder(l *seenLease) *seenMember {
	if l == nil || l.record.Session == "" {
		return nil
	}
	m := v.members[l.record.Member]
	if m == nil || m.gone || m.record.Session != l.record.Session {
		return nil
	}
	return m
}

// candidates are the members that can hold items, those that have been there for so long as settled ones. v.mu is held.
func (v *view) candidates(settle time.Duration, absent string) []candidate {
	var all []candidate
	for name, m := range v.members {
		if m.gone || m.record.Leaving || name == absent {
			continue
		}
		c := candidate{name: name, settled: v.now()-m.joined >= settle, offers: map[string]bool{}}
		for _, item := range m.record.Items {
			c.offers[item] = true
		}
		all = append(all, c)
	}
	return all
}

// plan says who is to hold what, as far as this member knows. Each kind of item is spread for itself. One member, if it is
// named, counts as absent.
func (v *view) plan(settle time.Duration, absent string) map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	candidates := v.candidates(settle, absent)
	kinds, owners := map[string][]string{}, map[string]string{}
	known := map[string]bool{}
	for _, c := range candidates {
		for item := range c.offers {
			if known[item] {
				continue
			}
			known[item] = true
			kind, _, _ := strings.Cut(item, ".")
			kinds[kind] = append(kinds[kind], item)
			if m := v.holder(v.leases[item]); m != nil {
				owners[item] = m.record.Name
			}
		}
	}
	plan := map[string]string{}
	for _, items := range kinds {
		maps.Copy(plan, spread(items, owners, candidates))
	}
	return plan
}

// free reports whether a lease can be acquired: nobody holds it, and it has not just been released for somebody else who
// is there. patience is how long that one may take.
func (v *view) free(item, name string, patience time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.leases[item]
	if l == nil {
		return true
	}
	if v.holder(l) != nil {
		return false
	}
	other := v.members[l.record.For]
	reserved := l.record.Session == "" && l.record.For != name && other != nil && !other.gone && !other.record.Leaving
	return !reserved || v.now()-l.changed >= patience
}

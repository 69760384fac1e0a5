package journal

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// rewrittenPack is a pack that REWRITTEN holds in the place of EVENTS.
type rewrittenPack struct {
	seq     uint64
	subject string // in EVENTS
}

// rewrittenPacks are the packs that were rewritten, in order: 24 bytes for each. The zero value is empty.
type rewrittenPacks struct {
	mu       sync.RWMutex
	packs    []rewrittenPack
	subjects map[string]string // each text once
	applied  uint64            // sequence in REWRITTEN up to which it was read
}

// add notes a pack. It may be known already.
func (r *rewrittenPacks) add(seq uint64, subject string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.find(seq)
	if known {
		return
	}
	if r.subjects == nil {
		r.subjects = map[string]string{}
	}
	one, ok := r.subjects[subject]
	if !ok {
		one = strings.Clone(subject)
		r.subjects[one] = one
	}
	r.packs = slices.Insert(r.packs, at, rewrittenPack{seq, one})
}

// find is where a sequence is or would be. r.mu is held.
func (r *rewrittenPacks) find(seq uint64) (at int, known bool) {
	return slices.BinarySearchFunc(r.packs, seq, func(p rewrittenPack, seq uint64) int { return cmp.Compare(p.seq, seq) })
}

func (r *rewrittenPacks) has(seq uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, known := r.find(seq)
	return known
}

// next is the first pack from one sequence up to another whose subject one of the filters names: a subject, or the
// beginning of one and ">". Without filters all are meant. It returns 0 if there is none.
func (r *rewrittenPacks) next(from, upTo uint64, filters ...string) uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at, _ := r.find(from)
	for _, p := range r.packs[at:] {
		if p.seq > upTo {
			return 0
		}
		if matches(p.subject, filters) {
			return p.seq
		}
	}
	return 0
}

func matches(subject string, filters []string) bool {
	if len(filters) == 0 {
		return true
	}
	return slices.ContainsFunc(filters, func(filter string) bool {
		prefix, open := strings.CutSuffix(filter, ">")
		return subject == filter || open && strings.HasPrefix(subject, prefix)
	})
}

// last is the last pack of a subject; 0 if there is none.
func (r *rewrittenPacks) last(subject string) uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, p := range slices.Backward(r.packs) {
		if p.subject == subject {
			return p.seq
		}
	}
	return 0
}

// allSubjects lists the subjects of the packs.
func (r *rewrittenPacks) allSubjects() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	seen := map[string]bool{}
	for _, p := range r.packs {
		seen[p.subject] = true
	}
	list := make([]string, 0, len(seen))
	for subject := range seen {
		list = append(list, subject)
	}
	return list
}

// bounds are the first and the last pack; 0 if there is none.
func (r *rewrittenPacks) bounds() (first, last uint64) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.packs) == 0 {
		return 0, 0
	}
	return r.packs[0].seq, r.packs[len(r.packs)-1].seq
}

// before is the last pack before a sequence; 0 if there is none.
func (r *rewrittenPacks) before(seq uint64) uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if at, _ := r.find(seq); at > 0 {
		return r.packs[at-1].seq
	}
	return 0
}

// upTo lists the packs up to a sequence.
func (r *rewrittenPacks) upTo(seq uint64) []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []uint64
	for _, p := range r.packs {
		if p.seq > seq {
			break
		}
		list = append(list, p.seq)
	}
	return list
}

// drop forgets a pack.
func (r *rewrittenPacks) drop(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.find(seq); known {
		r.packs = slices.Delete(r.packs, at, at+1)
	}
}

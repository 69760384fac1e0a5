package journal

import (
	"hash/maphash"
	"time"
)

// recentIDs remembers the message ids of the last minutes so that an event which an SDK sends again, because
// an answer was lost, is stored once. It holds 128-bit hashes in two generations that take turns, so its
// memory is bounded by max and an idle source costs none. Not safe for concurrent use.
type recentIDs struct {
	window     time.Duration
	max        int // of one generation
	hash       func(id string) idHash
	young, old map[idHash]struct{}
	turned     time.Time
}

type idHash [2]uint64

func newRecentIDs(window time.Duration, most int) *recentIDs {
	seed1, seed2 := maphash.MakeSeed(), maphash.MakeSeed()
	return &recentIDs{window: window, max: most, hash: func(id string) idHash {
		return idHash{maphash.String(seed1, id), maphash.String(seed2, id)}
	}}
}

// has says whether the id was added within the window; it may remember for up to twice as long.
func (r *recentIDs) has(id idHash) bool {
	if _, ok := r.young[id]; ok {
		return true
	}
	_, ok := r.old[id]
	return ok
}

func (r *recentIDs) add(id idHash, now time.Time) {
	r.turn(now)
	if r.young == nil {
		r.young = make(map[idHash]struct{})
	}
	r.young[id] = struct{}{}
}

// turn forgets the older generation once the younger one covers the window or is full.
func (r *recentIDs) turn(now time.Time) {
	if now.Sub(r.turned) < r.window && len(r.young) < r.max {
		return
	}
	r.old, r.young, r.turned = r.young, nil, now
}

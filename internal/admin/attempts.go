package admin

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"
)

// How many wrong tokens may come: at once, and how often one more. A token has 128 bits or 16 letters, so these are no
// lock; they keep guessing from costing anything, and from filling the log.
const (
	addressBurst = 20
	addressEvery = 3 * time.Second
	globalBurst  = 200
	globalEvery  = 100 * time.Millisecond

	// maxAddresses bounds the addresses that are remembered.
	maxAddresses = 4096
)

// WaitError says that too many wrong tokens have come.
type WaitError struct {
	After time.Duration // until the next one is looked at
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("too many wrong tokens: the next one is looked at in %d s", e.Seconds())
}

// Seconds is how long to wait, in whole seconds, at least one.
func (e *WaitError) Seconds() int { return max(1, int(math.Ceil(e.After.Seconds()))) }

// attempts bounds wrong tokens. An attempt is taken before the token is looked at, so that many at the same time
// are no way around it, and given back if it was right.
type attempts struct {
	now func() time.Time

	mu        sync.Mutex
	all       bucket
	byAddress map[netip.Prefix]*bucket
	swept     time.Time // when those that need not wait any more were forgotten
}

func newAttempts(now func() time.Time) attempts {
	return attempts{now: now, byAddress: map[netip.Prefix]*bucket{}}
}

// take takes an attempt, or says how long to wait for one. What comes from everywhere counts only for addresses that
// have brought a wrong token of late: so nobody is kept out by what others do elsewhere.
func (a *attempts) take(address string) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, own := a.now(), a.bucket(address)
	suspect := own == nil || own.next.After(now)
	if own != nil {
		if wait := own.wait(now, addressBurst, addressEvery); wait > 0 {
			return wait
		}
	}
	if wait := a.all.wait(now, globalBurst, globalEvery); suspect && wait > 0 {
		return wait
	}
	a.move(own, addressEvery, globalEvery)
	return 0
}

// giveBack returns the attempt of somebody who had the right token.
func (a *attempts) giveBack(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.move(a.bucket(address), -addressEvery, -globalEvery)
}

func (a *attempts) move(own *bucket, byOwn, byAll time.Duration) {
	if own != nil {
		own.next = own.next.Add(byOwn)
	}
	a.all.next = a.all.next.Add(byAll)
}

// bucket is that of an address, or nil while too many are remembered. Of IPv6 a whole /64 is one, since it belongs to one
// party.
func (a *attempts) bucket(address string) *bucket {
	var key netip.Prefix
	if ip, err := netip.ParseAddr(address); err == nil {
		ip = ip.Unmap().WithZone("")
		bits := 32
		if ip.Is6() {
			bits = 64
		}
		key, _ = ip.Prefix(bits)
	}
	if b, ok := a.byAddress[key]; ok {
		return b
	}
	if now := a.now(); len(a.byAddress) >= maxAddresses && now.Sub(a.swept) >= time.Second {
		a.swept = now
		for k, b := range a.byAddress {
			if b.next.Before(now) {
				delete(a.byAddress, k)
			}
		}
	}
	if len(a.byAddress) >= maxAddresses {
		return nil
	}
	b := &bucket{}
	a.byAddress[key] = b
	return b
}

// bucket lets a number of attempts pass at once and the rest at even distances.
type bucket struct {
	next time.Time // when the next attempt would pass at even distances
}

func (b *bucket) wait(now time.Time, burst int, every time.Duration) time.Duration {
	if b.next.Before(now) {
		b.next = now
	}
	return b.next.Sub(now) - time.Duration(burst-1)*every
}

package journal

import "math/bits"

// bitset is a set of small numbers. The zero value is empty.
type bitset []uint64

// span is a first and a last number, both in the set.
type span [2]int

func (b bitset) has(i int) bool {
	return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0
}

// with adds a number and says whether it was new. The set given is not to be used any more.
func (b bitset) with(i int) (bitset, bool) {
	for len(b) <= i/64 {
		b = append(b, 0)
	}
	if b.has(i) {
		return b, false
	}
	b[i/64] |= 1 << (i % 64)
	return b, true
}

func (b bitset) count() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

func (b bitset) spans() []span {
	var all []span
	for i := 0; i < len(b)*64; i++ {
		if !b.has(i) {
			continue
		}
		first := i
		for b.has(i + 1) {
			i++
		}
		all = append(all, span{first, i})
	}
	return all
}

// fromSpans is the reverse of spans.
func fromSpans(spans []span) bitset {
	var b bitset
	for _, s := range spans {
		for i := s[0]; i <= s[1] && i < maxPackEntries; i++ {
			b, _ = b.with(i)
		}
	}
	return b
}

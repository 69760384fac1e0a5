package series

import (
	"encoding/binary"
	"errors"
	"math"
)

// The stored form of a series, for each span: the number of its slots that are known, and those, in order:
//
//	step (varint, relative to the one before), seconds (in hundredths), in, out, calls, pending, oldest (in seconds),
//	number of buckets, and for each: bucket (relative to the one before) and count
const version = 1

var errDamaged = errors.New("is damaged")

// change is what is to be kept; nil if nothing has changed since the last time.
func (s *Series) change() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unsaved {
		return nil
	}
	s.unsaved = false // if it cannot be kept: there is more in ten seconds
	return s.encode()
}

func (s *Series) encode() []byte {
	data := []byte{version}
	for i := range s.rings {
		known := s.rings[i].known()
		data = binary.AppendUvarint(data, uint64(len(known)))
		var last int64
		for _, each := range known {
			data = binary.AppendVarint(data, each.Number-last)
			last = each.Number
			data = each.encode(data)
		}
	}
	return data
}

// known are the slots that hold something, of the last round of the ring.
func (r *ring) known() []*slot {
	var newest int64
	for i := range r.slots {
		newest = max(newest, r.slots[i].Number)
	}
	var known []*slot
	for n := max(1, newest-int64(len(r.slots))+1); n <= newest; n++ {
		if s := r.place(n); s.Number == n && s.Seconds > 0 {
			known = append(known, s)
		}
	}
	return known
}

func (s *slot) encode(data []byte) []byte {
	for _, n := range []uint64{uint64(math.Round(s.Seconds * 100)), s.In, s.Out, s.Calls, s.Pending, uint64(math.Round(s.Oldest))} {
		data = binary.AppendUvarint(data, n)
	}
	var used uint64
	for _, n := range s.Latency {
		if n > 0 {
			used++
		}
	}
	data = binary.AppendUvarint(data, used)
	last := 0
	for i, n := range s.Latency {
		if n > 0 {
			data = binary.AppendUvarint(data, uint64(i-last))
			data = binary.AppendUvarint(data, uint64(n))
			last = i
		}
	}
	return data
}

// decode replaces the rings by what encode made. After an error they may hold anything.
func (s *Series) decode(data []byte) error {
	if len(data) == 0 || data[0] != version {
		return errDamaged
	}
	r := reader{data: data[1:]}
	for i := range s.rings {
		ring := &s.rings[i]
		n := r.uvarint()
		if n > uint64(len(ring.slots)) {
			return errDamaged
		}
		var number int64
		for range n {
			step := r.varint()
			if number += step; step <= 0 || number <= 0 || r.failed {
				return errDamaged
			}
			*ring.place(number) = r.slot(number)
		}
	}
	if r.failed || len(r.data) > 0 {
		return errDamaged
	}
	return nil
}

// reader reads numbers one after the other; after an error all that follow are 0.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.data)
	return taken(r, n, size)
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.data)
	return taken(r, n, size)
}

func taken[N int64 | uint64](r *reader, n N, size int) N {
	if size <= 0 || r.failed {
		r.failed = true
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) slot(number int64) slot {
	s := slot{Number: number}
	s.Seconds = float64(r.uvarint()) / 100
	s.In, s.Out, s.Calls, s.Pending = r.uvarint(), r.uvarint(), r.uvarint(), r.uvarint()
	s.Oldest = float64(r.uvarint())
	used, bucket := r.uvarint(), uint64(0)
	if used > buckets {
		r.failed = true
		return s
	}
	for range used {
		bucket += r.uvarint()
		count := r.uvarint()
		if bucket >= buckets || r.failed {
			r.failed = true
			return s
		}
		s.count(int(bucket), count)
	}
	return s
}

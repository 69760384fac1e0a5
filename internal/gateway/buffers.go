package gateway

import (
	"context"
	"sync"
)

// Sizes of body buffers: they start at smallestBuffer and grow fourfold up to the largest body plus one byte,
// which is the byte that tells a body that is too large from one that just fits. So a body never occupies
// more than four times what has arrived of it, and a client that announces much and sends little holds little.
const (
	smallestBuffer = 4 << 10
	bufferGrowth   = 4
)

// buffer is memory for one body. data is what has been read; its capacity is the buffer's size.
type buffer struct {
	data  []byte
	class int
}

// buffers are pools of body memory, one for each size.
type buffers struct {
	sizes []int
	pools []sync.Pool
}

// newBuffers makes pools for bodies of up to limit bytes.
func newBuffers(limit int) *buffers {
	p := &buffers{}
	for size := smallestBuffer; size < limit+1; size *= bufferGrowth {
		p.sizes = append(p.sizes, size)
	}
	p.sizes = append(p.sizes, limit+1)
	p.pools = make([]sync.Pool, len(p.sizes))
	return p
}

// get returns an empty buffer with room for n bytes, or the largest there is. It returns nil if the lease
// cannot have that much.
func (p *buffers) get(ctx context.Context, l *lease, n int) *buffer {
	class := 0
	for class < len(p.sizes)-1 && p.sizes[class] < n {
		class++
	}
	if !l.take(ctx, p.sizes[class]) {
		return nil
	}
	if b, ok := p.pools[class].Get().(*buffer); ok {
		b.data = b.data[:0]
		return b
	}
	return &buffer{data: make([]byte, 0, p.sizes[class]), class: class}
}

// grow moves b's bytes to the next larger buffer. It returns nil if the lease cannot have that much; b stays
// valid then. A buffer of the largest size cannot grow.
func (p *buffers) grow(ctx context.Context, l *lease, b *buffer) *buffer {
	larger := p.get(ctx, l, p.sizes[b.class+1])
	if larger == nil {
		return nil
	}
	larger.data = append(larger.data, b.data...)
	p.recycle(l, b)
	return larger
}

// recycle takes b back for the next request. Nobody may use its bytes any more.
func (p *buffers) recycle(l *lease, b *buffer) {
	l.give(p.sizes[b.class])
	p.pools[b.class].Put(b)
}

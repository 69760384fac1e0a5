package delivery

// ring is a first-in, first-out queue in one slice that is used again and again. The zero ring is empty.
type ring[T any] struct {
	items []T // its length is zero or a power of two
	head  int // index of the oldest
	size  int
}

func (r *ring[T]) len() int { return r.size }

// at returns the element that is i places behind the oldest.
func (r *ring[T]) at(i int) T { return r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) push(v T) {
	if r.size == len(r.items) {
		r.resize(max(4, 2*r.size))
	}
	r.items[(r.head+r.size)&(len(r.items)-1)] = v
	r.size++
}

// pushFront puts v before the oldest.
func (r *ring[T]) pushFront(v T) {
	if r.size == len(r.items) {
		r.resize(max(4, 2*r.size))
	}
	r.head = (r.head - 1) & (len(r.items) - 1)
	r.items[r.head] = v
	r.size++
}

// pop takes the oldest away. The ring must not be empty. A ring that has become nearly empty gives its
// memory back.
func (r *ring[T]) pop() T {
	var zero T
	v := r.items[r.head]
	r.items[r.head] = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.size--
	if len(r.items) > 64 && r.size <= len(r.items)/8 {
		r.resize(len(r.items) / 4)
	}
	return v
}

// drain takes all elements away, the oldest first.
func (r *ring[T]) drain() []T {
	all := make([]T, 0, r.size)
	for r.size > 0 {
		all = append(all, r.pop())
	}
	return all
}

func (r *ring[T]) resize(n int) {
	items := make([]T, n)
	for i := range r.size {
		items[i] = r.at(i)
	}
	r.items, r.head = items, 0
}

package delivery

import "sync"

// mailbox hands values from many goroutines to one, a batch at a time. It is bounded by what its senders may
// have under way. The receiver is woken when the box was empty before.
type mailbox[T any] struct {
	wake chan<- struct{} // capacity 1; several boxes may share one

	mu    sync.Mutex
	items []T
}

func (m *mailbox[T]) put(items ...T) {
	m.mu.Lock()
	first := len(m.items) == 0
	m.items = append(m.items, items...)
	m.mu.Unlock()
	if first {
		signal(m.wake)
	}
}

// take returns all that has come. free is the batch of an earlier call, to be filled again.
func (m *mailbox[T]) take(free []T) []T {
	clear(free)
	m.mu.Lock()
	defer m.mu.Unlock()
	items := m.items
	m.items = free[:0]
	return items
}

func signal(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

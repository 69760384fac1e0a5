package delivery

import "time"

// held is the window: every event from reading until its outcome is recorded, in order of acceptance.
type held struct {
	oldest, newest *item
	events         int
	bytes          int64
	suppressed     int // events whose users are suppressed, until they are recorded
}

func (h *held) add(it *item) {
	it.older = h.newest
	if h.newest == nil {
		h.oldest = it
	} else {
		h.newest.newer = it
	}
	h.newest = it
	h.events++
	h.bytes += int64(it.size)
}

func (h *held) remove(it *item) {
	if it.older == nil {
		h.oldest = it.newer
	} else {
		it.older.newer = it.newer
	}
	if it.newer == nil {
		h.newest = it.older
	} else {
		it.newer.older = it.older
	}
	it.older, it.newer = nil, nil
	h.events--
	h.bytes -= int64(it.size)
	if it.suppressed {
		h.suppressed--
	}
}

// suppress notes that an event is not to be delivered.
func (h *held) suppress(it *item) {
	it.suppressed = true
	h.suppressed++
}

// oldestAccepted is when the oldest event was accepted; zero if there is none.
func (h *held) oldestAccepted() time.Time {
	if h.oldest == nil {
		return time.Time{}
	}
	return h.oldest.entry.ReceivedAt
}

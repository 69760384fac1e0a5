package delivery

import (
	"container/heap"
	"strings"
)

// lane holds one user's events in the window, in the order they were accepted. Its head is called until it
// has its outcome; only then comes the next. At any time a lane is in one place: at a call, among the ready
// or the waiting ones, or it is empty.
type lane struct {
	key        string
	calls      window // of the user's limit
	head, tail *item
	until      instant // for waiting lanes
}

func (l *lane) push(it *item) {
	it.lane = l
	if l.head == nil {
		l.head = it
	} else {
		l.tail.next = it
	}
	l.tail = it
}

func (l *lane) pop() {
	it := l.head
	l.head, it.next, it.lane = it.next, nil, nil
	if l.head == nil {
		l.tail = nil
	}
}

// lift takes the event behind the head out of the lane.
func (l *lane) lift() {
	it := l.head.next
	l.head.next, it.next = it.next, nil
	if l.tail == it {
		l.tail = l.head
	}
}

// insert puts an event right behind the head.
func (l *lane) insert(it *item) {
	it.next, l.head.next = l.head.next, it
	if l.tail == l.head {
		l.tail = it
	}
}

// ready is when the head may be called.
func (l *lane) ready(now instant) instant {
	at := max(now, l.head.notBefore)
	if wait := l.calls.wait(now); wait > 0 {
		at = max(at, now+wait)
	}
	return at
}

// lanes are the users that have events in the window, or calls that still count against their limit.
type lanes struct {
	perMinute int // limit of each user's calls; 0 means none
	byKey     map[string]*lane
	ready     ring[*lane] // in the order they became ready, so that no user starves
	waiting   waitingLanes
	leaving   ring[departure]
}

// departure is a lane that has become empty, and when it may be forgotten unless the user has come back.
type departure struct {
	lane *lane
	at   instant
}

func newLanes(perMinute int) lanes {
	return lanes{perMinute: perMinute, byKey: make(map[string]*lane)}
}

// add puts an event at the end of its user's lane.
func (ls *lanes) add(it *item, now instant) {
	l := ls.of(it.key)
	it.key = l.key
	first := l.head == nil
	l.push(it)
	if first {
		ls.place(l, now)
	}
}

// of returns the user's lane, a new one if there is none.
func (ls *lanes) of(key string) *lane {
	l := ls.byKey[key]
	if l == nil {
		l = &lane{key: strings.Clone(key), calls: window{limit: ls.perMinute}}
		ls.byKey[l.key] = l
	}
	return l
}

// remember counts a call that the user made at that time, before all others that count.
func (ls *lanes) remember(key string, at instant) {
	l := ls.of(key)
	l.calls.start()
	l.calls.end(at)
	ls.leave(l, at)
}

// place puts a lane that is not at a call where it belongs.
func (ls *lanes) place(l *lane, now instant) {
	if l.head == nil {
		ls.leave(l, now)
		return
	}
	if at := l.ready(now); at > now {
		l.until = at
		heap.Push(&ls.waiting, l)
		return
	}
	ls.ready.push(l)
}

// begin takes the lane that has been ready for the longest time to its call.
func (ls *lanes) begin() *lane {
	l := ls.ready.pop()
	l.calls.start()
	return l
}

// putBack places a lane whose turn it still is: if it is ready it is the next.
func (ls *lanes) putBack(l *lane, now instant) {
	if l.ready(now) > now {
		ls.place(l, now)
		return
	}
	ls.ready.pushFront(l)
}

// wake makes the waiting lanes ready whose time has come and forgets users who have gone. It returns when
// it wants to be called again.
func (ls *lanes) wake(now instant) instant {
	next := never
	for ls.leaving.len() > 0 {
		d := ls.leaving.at(0)
		if d.at > now {
			next = d.at
			break
		}
		ls.leaving.pop()
		if d.lane.head == nil && d.lane.calls.used(now) == 0 {
			delete(ls.byKey, d.lane.key)
		}
	}
	for len(ls.waiting) > 0 {
		l := ls.waiting[0]
		if l.until > now {
			return min(next, l.until)
		}
		heap.Pop(&ls.waiting)
		ls.place(l, now)
	}
	return next
}

// leave forgets a lane without events, or has it forgotten when its calls no longer count.
func (ls *lanes) leave(l *lane, now instant) {
	if l.calls.used(now) == 0 {
		delete(ls.byKey, l.key)
		return
	}
	ls.leaving.push(departure{l, now + span})
}

// waitingLanes is a heap by the time at which lanes get ready.
type waitingLanes []*lane

func (w *waitingLanes) Len() int           { return len(*w) }
func (w *waitingLanes) Less(i, j int) bool { return (*w)[i].until < (*w)[j].until }
func (w *waitingLanes) Swap(i, j int)      { (*w)[i], (*w)[j] = (*w)[j], (*w)[i] }

func (w *waitingLanes) Push(x any) {
	l, _ := x.(*lane) // heap.Push is given nothing else
	*w = append(*w, l)
}

func (w *waitingLanes) Pop() any {
	old := *w
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return l
}

package delivery

import (
	"container/heap"
	"slices"
	"strings"

	"tanker/internal/journal"
)

// lane holds one user's events in the window, in the order they were accepted. Its head is called until it
// has its outcome; only then comes the next. At any time a lane is in one place: at a call, among the ready
// or the waiting ones or those without room for a dead letter, or it is empty. More of the user's events may be parked: they come behind those in memory.
type lane struct {
	key        string
	calls      window // of the user's limit
	head, tail *item
	until      instant // for waiting lanes
	busy       bool    // the head is at a call
	pushed     int     // events that ever came into the lane

	parked    int               // events that follow in the log, or are on the way there
	moving    int               // of these, those on the way there
	recalling bool              // some of them are to be brought back
	holding   bool              // none are yet: what lies between them has not been read
	between   []*item           // not parked, but behind some of those that are, in order; see parking
	attempts  []journal.Attempt // made for the first of them
	attempted journal.Position
	unburied  int64 // the first event waits for room for its dead letter, of so many bytes; 0 if it does not
}

func (l *lane) push(it *item) {
	it.lane = l
	l.pushed++
	it.number = l.pushed
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

// held is how many events of the user are in memory, those at a call included.
func (l *lane) held() int {
	if l.head == nil {
		return 0
	}
	return l.tail.number - l.head.number + 1
}

// stuck is the last event that cannot be parked, because an event behind it is parked already; nil if there is none.
// Everything before it has to stay with it.
func (l *lane) stuck() *item {
	var stuck, unparked *item
	for it := l.head; it != nil; it = it.next {
		switch {
		case !it.parked && l.parked > 0:
			stuck = it
		case !it.parked:
			unparked = it
		case unparked != nil:
			stuck, unparked = unparked, nil
		}
	}
	return stuck
}

// cut takes the events behind keep out of the lane, all of them if keep is nil, and returns the first.
func (l *lane) cut(keep *item) *item {
	first := l.head
	if keep == nil {
		l.head = nil
	} else {
		first, keep.next = keep.next, nil
	}
	l.tail = keep
	return first
}

// noteAttempts keeps what is known of the calls made for the head, which is about to leave the memory.
func (l *lane) noteAttempts() {
	l.attempts, l.attempted = slices.Clone(l.head.tried), l.head.entry.Position
	for i := range l.attempts {
		text := clip(l.attempts[i].Error, parkedAttemptText)
		if i > 0 && text == l.attempts[i-1].Error {
			text = l.attempts[i-1].Error // mostly they say the same: once is enough
		}
		l.attempts[i].Error = text
	}
}

// remindOf gives an event that comes back what was kept of its calls.
func (l *lane) remindOf(it *item) {
	if l.attempts != nil && l.attempted == it.entry.Position {
		it.tried, l.attempts = l.attempts, nil
	}
}

// ready is when the next event may be called, as far as that is known: the head, if there is one in memory.
func (l *lane) ready(now instant) instant {
	if l.unburied > 0 {
		return never
	}
	at := now
	if l.head != nil {
		at = max(now, l.head.notBefore)
	}
	if wait := l.calls.wait(now); wait > 0 {
		at = max(at, now+wait)
	}
	return at
}

// lanes are the users that have events in the window, or calls that still count against their limit.
type lanes struct {
	perMinute int // limit of each user's calls; 0 means none
	recent    int // calls that each user may have made right before the start
	byKey     map[string]*lane
	ready     ring[*lane] // in the order they became ready, so that no user starves
	waiting   waitingLanes
	leaving   ring[departure]
	wanting   ring[*lane] // whose events are to be brought back
}

// departure is a lane that has become empty, and when it may be forgotten unless the user has come back.
type departure struct {
	lane *lane
	at   instant
}

func newLanes(perMinute, recent int) lanes {
	return lanes{perMinute: perMinute, recent: min(recent, max(perMinute-1, 0)), byKey: make(map[string]*lane)}
}

// add puts an event at the end of its user's lane.
func (ls *lanes) add(it *item, now instant) {
	if now > span {
		ls.recent = 0
	}
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
		l = ls.open(key)
		ls.assume(l)
	}
	return l
}

func (ls *lanes) open(key string) *lane {
	l := &lane{key: strings.Clone(key), calls: window{limit: ls.perMinute}}
	ls.byKey[l.key] = l
	return l
}

// assume counts the calls that a user may have made right before the start.
func (ls *lanes) assume(l *lane) {
	for range ls.recent {
		l.calls.start()
		l.calls.end(0)
	}
}

// assumeAll does so for the users of whom calls are remembered.
func (ls *lanes) assumeAll() {
	for _, l := range ls.byKey {
		ls.assume(l)
	}
}

// remember counts a call that the user made at that time, before all others that count.
func (ls *lanes) remember(key string, at instant) {
	l := ls.byKey[key]
	if l == nil {
		l = ls.open(key)
	}
	l.calls.start()
	l.calls.end(at)
	ls.leave(l, at)
}

// place puts a lane that is not at a call where it belongs.
func (ls *lanes) place(l *lane, now instant) {
	l.busy = false
	if l.unburied > 0 {
		return
	}
	if l.head == nil && l.parked == 0 {
		ls.leave(l, now)
		return
	}
	if l.head == nil && (l.recalling || l.holding) {
		return
	}
	if at := l.ready(now); at > now {
		l.until = at
		heap.Push(&ls.waiting, l)
		return
	}
	if l.head == nil {
		ls.want(l)
		return
	}
	ls.ready.push(l)
}

// want has the user's next parked events brought back.
func (ls *lanes) want(l *lane) {
	if !l.recalling && !l.holding {
		l.recalling = true
		ls.wanting.push(l)
	}
}

// begin takes the lane that has been ready for the longest time to its call.
func (ls *lanes) begin() *lane {
	l := ls.ready.pop()
	l.calls.start()
	l.busy = true
	return l
}

// putBack places a lane whose turn it still is: if it is ready it is the next.
func (ls *lanes) putBack(l *lane, now instant) {
	if l.ready(now) > now {
		ls.place(l, now)
		return
	}
	l.busy = false
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
		if d.lane.head == nil && d.lane.parked == 0 && d.lane.calls.used(now) == 0 {
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

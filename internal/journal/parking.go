package journal

import (
	"slices"
	"time"
)

// keepSpent is how long it is remembered that the events of a deleted message are finished: should the message come
// back because the deletion had not reached the disk at a power cut, it is known for what it is.
const keepSpent = time.Minute

// parking is what a cursor knows of its events in PARKED. It holds little for each user and more only of what was
// taken out to be delivered. Pure; not safe for concurrent use.
type parking struct {
	upTo     uint64 // sequence in PARKED up to which OUTCOMES says what is parked
	users    map[string]*parkedUser
	messages map[uint64]*parkedMessage // of which something was taken or finished, by sequence in PARKED
	taken    map[Position]takenEvent   // by position in EVENTS
	events   int                       // parked and not finished
	spent    []spentMessage
	fences   []parkFence // the latest owners' beginnings
	expected int         // events that are parked and not finished, as OUTCOMES has it
}

// parkedUser is someone who has parked events.
type parkedUser struct {
	next  Position  // in PARKED, where Unpark goes on
	left  int       // events that are not finished
	since time.Time // about when the oldest of them was accepted
}

// parkedMessage is a message of PARKED.
type parkedMessage struct {
	total int // events; 0 while that is not known
	done  bitset
}

// takenEvent is a parked event that was handed out to be delivered.
type takenEvent struct {
	user       string
	place      Position // in PARKED
	connection string
	at         time.Time // when it was accepted
}

// spentMessage is a message all of whose events are finished.
type spentMessage struct {
	seq     uint64
	deleted time.Time // zero if it is not deleted yet
}

func newParking() parking {
	return parking{
		users: map[string]*parkedUser{}, messages: map[uint64]*parkedMessage{}, taken: map[Position]takenEvent{},
	}
}

func (p *parking) message(seq uint64) *parkedMessage {
	m := p.messages[seq]
	if m == nil {
		m = &parkedMessage{}
		p.messages[seq] = m
	}
	return m
}

// add notes a message that is recorded. A user's messages are added in order.
func (p *parking) add(seq uint64, head parkedHead) {
	left := head.count
	if m := p.messages[seq]; m != nil {
		m.total = head.count
		if left -= m.done.count(); left <= 0 {
			p.spent = append(p.spent, spentMessage{seq: seq})
			return
		}
	}
	u := p.users[head.user]
	if u == nil {
		u = &parkedUser{next: At(seq, 0), since: head.since}
		p.users[head.user] = u
	}
	u.left += left
	p.events += left
}

// left is how many parked events of a user are not finished.
func (p *parking) left(user string) int {
	if u := p.users[user]; u != nil {
		return u.left
	}
	return 0
}

// take hands out the events of a message that are to be delivered, so many at most. wanted says which still count.
func (p *parking) take(user string, seq uint64, events []parkedEvent, wanted func(parkedEvent) bool, most int) []Entry {
	u := p.users[user]
	if u == nil {
		return nil
	}
	m := p.message(seq)
	m.total = len(events)
	var entries []Entry
	for i := range events {
		e, place := &events[i], At(seq, i)
		switch {
		case place < u.next || m.done.has(i):
		case !wanted(*e):
			p.finish(place, user)
		case len(entries) == most:
			u.next = place
			return entries
		default:
			p.taken[e.Position] = takenEvent{user, place, e.connection, e.ReceivedAt}
			entries = append(entries, e.Entry)
		}
	}
	u.next = At(seq+1, 0)
	return entries
}

// release forgets that events were handed out.
func (p *parking) release(positions []Position) {
	for _, pos := range positions {
		e, ok := p.taken[pos]
		if !ok {
			continue
		}
		delete(p.taken, pos)
		if u := p.users[e.user]; u != nil {
			u.next = min(u.next, e.place)
		}
	}
}

// finishTaken notes that an event is finished, whose place in PARKED is given. It says false if that was known already.
func (p *parking) finishTaken(pos, place Position) bool {
	e := p.taken[pos]
	delete(p.taken, pos)
	fresh := p.finish(place, e.user)
	if u := p.users[e.user]; u != nil && u.since.Before(e.at) {
		u.since = e.at
	}
	return fresh
}

// finish notes that the event at a place in PARKED is finished. Before its message was added the user is not known.
func (p *parking) finish(place Position, user string) bool {
	m := p.message(place.Seq())
	var fresh bool
	if m.done, fresh = m.done.with(place.Index()); !fresh {
		return false
	}
	p.expected--
	if m.done.count() == m.total {
		p.spent = append(p.spent, spentMessage{seq: place.Seq()})
	}
	if u := p.users[user]; u != nil {
		p.events--
		if u.left--; u.left == 0 {
			delete(p.users, user)
		}
	}
	return true
}

// oldest is about when the oldest parked event was accepted; zero if there is none.
func (p *parking) oldest() time.Time {
	var oldest time.Time
	for _, u := range p.users {
		if oldest.IsZero() || u.since.Before(oldest) {
			oldest = u.since
		}
	}
	return oldest
}

// undeleted lists the spent messages that are still stored.
func (p *parking) undeleted() []uint64 {
	var list []uint64
	for _, s := range p.spent {
		if s.deleted.IsZero() {
			list = append(list, s.seq)
		}
	}
	return list
}

// deleted notes that spent messages were deleted, and forgets those that have been for a while.
func (p *parking) deleted(seqs []uint64, now time.Time) {
	for i := range p.spent {
		if s := &p.spent[i]; s.deleted.IsZero() && slices.Contains(seqs, s.seq) {
			s.deleted = now
		}
	}
	p.spent = slices.DeleteFunc(p.spent, func(s spentMessage) bool {
		gone := !s.deleted.IsZero() && now.Sub(s.deleted) > keepSpent
		if gone {
			delete(p.messages, s.seq)
		}
		return gone
	})
}

// savedParking is parking as the cursor saves it. The rest is in PARKED.
type savedParking struct {
	UpTo   uint64            `json:"upTo"`
	Done   map[uint64][]span `json:"done,omitempty"` // finished events of stored messages, by sequence in PARKED
	Fences []parkFence       `json:"fences,omitempty"`

	// For those who only look; a cursor that is opened counts anew.
	Events int `json:"events,omitempty"` // parked and not finished
}

func (p *parking) save() savedParking {
	s := savedParking{UpTo: p.upTo, Events: p.events, Fences: slices.Clone(p.fences)}
	for seq, m := range p.messages {
		if spans := m.done.spans(); spans != nil {
			if s.Done == nil {
				s.Done = map[uint64][]span{}
			}
			s.Done[seq] = spans
		}
	}
	return s
}

func (p *parking) restore(s savedParking) {
	p.upTo, p.fences, p.expected = s.UpTo, slices.Clone(s.Fences), s.Events
	for seq, spans := range s.Done {
		p.message(seq).done = fromSpans(spans)
	}
}

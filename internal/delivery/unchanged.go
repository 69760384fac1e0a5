package delivery

import (
	"crypto/sha256"
	"time"

	"tanker/internal/journal"
	"tanker/mapping"
)

// mostKnown is of how many contacts the latest calls are known; beyond that some are forgotten.
const mostKnown = 1 << 16

// savedByKnowing is how a call is saved that would change nothing.
const savedByKnowing = "unchanged"

// digest stands for a text.
type digest [16]byte

func digestOf(text []byte) digest {
	sum := sha256.Sum256(text)
	return digest(sum[:16])
}

// effect says what a call does to its contact.
type effect struct {
	user    digest
	call    digest
	email   digest // zero if the call names none
	contact bool   // it sets traits of the contact
	account bool   // it sets the account, or traits of it
}

// effectOf returns nil for a call that sets nothing.
func effectOf(call mapping.Call, user string) *effect {
	contact, account := call.Sets()
	if !contact && !account && call.Email == "" {
		return nil
	}
	e := &effect{user: digestOf([]byte(user)), call: digestOf(call.Body), contact: contact, account: account}
	if call.Email != "" {
		e.email = digestOf([]byte(call.Email))
	}
	return e
}

// unknownEffect is that of several calls: they may set anything.
func unknownEffect(user string) *effect {
	return &effect{user: digestOf([]byte(user)), contact: true, account: true}
}

// known are the calls whose effect is still there, as far as the calls of the same user tell: for each contact one
// that set its traits, and one that set its account. A call that equals one of them changes nothing.
type known struct {
	span     time.Duration // how long a call is known
	most     int
	contacts map[digest]effects
}

// effects are the calls that are known of a contact.
type effects struct{ contact, account sent }

// sent is a call that was delivered; zero if there is none.
type sent struct {
	call, email digest
	at          time.Time
}

func newKnown(span time.Duration) *known {
	if span == 0 {
		return nil
	}
	return &known{span: span, most: mostKnown, contacts: make(map[digest]effects)}
}

// unchanged reports whether a call would change nothing.
func (k *known) unchanged(e *effect, now time.Time) bool {
	if e == nil || e.contact == e.account {
		return false
	}
	latest := k.contacts[e.user].contact
	if e.account {
		latest = k.contacts[e.user].account
	}
	age := now.Sub(latest.at)
	return latest.call == e.call && !latest.at.IsZero() && age >= 0 && age < k.span
}

// begin forgets what a call that starts may change, whatever becomes of it.
func (k *known) begin(e *effect) {
	all, ok := k.contacts[e.user]
	if !ok {
		return
	}
	if e.contact || e.hasOtherEmail(all.contact) {
		all.contact = sent{}
	}
	if e.account || e.hasOtherEmail(all.account) {
		all.account = sent{}
	}
	if all == (effects{}) {
		delete(k.contacts, e.user)
		return
	}
	k.contacts[e.user] = all
}

// hasOtherEmail reports whether the call gives the contact an email which the earlier one did not.
func (e *effect) hasOtherEmail(earlier sent) bool {
	return e.email != digest{} && e.email != earlier.email
}

// delivered remembers a call that has had its effect. One that sets both traits and account would have to be forgotten with
// either, so it is not remembered.
func (k *known) delivered(e *effect, now time.Time) {
	k.begin(e)
	if e.contact == e.account {
		return
	}
	if _, ok := k.contacts[e.user]; !ok && len(k.contacts) >= k.most {
		k.forgetOne()
	}
	all := k.contacts[e.user]
	if e.contact {
		all.contact = sent{e.call, e.email, now}
	} else {
		all.account = sent{e.call, e.email, now}
	}
	k.contacts[e.user] = all
}

// forgetAll forgets all contacts.
func (k *known) forgetAll() {
	if k != nil {
		clear(k.contacts)
	}
}

// forgetOne forgets a contact, whichever.
func (k *known) forgetOne() {
	for user := range k.contacts {
		delete(k.contacts, user)
		return
	}
}

// skip gives the events at the head of the lane that is next their outcome if their calls would change nothing.
// It reports whether there were any. A replay is always sent: somebody asked for it.
func (s *scheduler) skip(now instant) bool {
	if s.known == nil {
		return false
	}
	l, wall := s.lanes.ready.at(0), time.Now()
	superfluous := func() bool {
		return l.head != nil && l.head.entry.ReplayOf == 0 && s.known.unchanged(l.head.effect, wall)
	}
	if !superfluous() {
		return false
	}
	s.lanes.ready.pop()
	for superfluous() {
		it := l.head
		it.verdict = verdict{action: actFinish, kind: journal.Filtered, reason: reasonUnchanged}
		l.pop()
		s.finished = append(s.finished, it)
		s.o.Observer.Saved(savedByKnowing)
	}
	s.place(l, now)
	return true
}

// starting notes that the calls of an event, and of those that it carries, start.
func (s *scheduler) starting(it *item) {
	if s.known == nil {
		return
	}
	for _, one := range append([]*item{it}, it.carried...) {
		if one.effect != nil {
			s.known.begin(one.effect)
		}
	}
}

// arrived notes that events were delivered, in order.
func (s *scheduler) arrived(items []*item) {
	if s.known == nil {
		return
	}
	now := time.Now()
	for _, it := range items {
		if it.effect != nil && !it.suppressed && it.verdict.kind == journal.Delivered {
			s.known.delivered(it.effect, now)
		}
	}
}

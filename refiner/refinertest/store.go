package refinertest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

var errFull = errors.New("the sandbox holds as many contacts as it may")

// store holds contacts and accounts. A contact has one id and one email, and no two have the same.
type store struct {
	maxContacts int
	maxEvents   int

	mu       sync.Mutex
	created  int64
	order    []*contact // by creation
	byID     map[string]*contact
	byEmail  map[string]*contact // by lower-case email
	byUUID   map[string]*contact
	accounts map[string]*account // by id
}

func newStore(o Options) *store {
	return &store{
		maxContacts: o.MaxContacts,
		maxEvents:   o.MaxEvents,
		byID:        map[string]*contact{},
		byEmail:     map[string]*contact{},
		byUUID:      map[string]*contact{},
		accounts:    map[string]*account{},
	}
}

type contact struct {
	number     int64 // the order of creation
	uuid       string
	id         string
	email      string
	first      time.Time
	last       time.Time
	attributes map[string]any
	events     []Event
	eventCount int64
	segments   []Segment
	account    *account
}

type account struct {
	uuid       string
	id         string
	attributes map[string]any
}

// upsert returns the contact that a call with this id and email is about, with both set on it. The id
// decides: an email moves from a contact that has another id, and a contact that has none becomes part
// of the one with the id (assumed).
func (s *store) upsert(id, email string, now time.Time) (c *contact, created bool, err error) {
	if id != "" {
		c = s.byID[id]
	}
	var other *contact
	if email != "" {
		other = s.byEmail[strings.ToLower(email)]
	}
	if c == nil && other != nil && (id == "" || other.id == "") {
		c = other
	}
	if c == nil {
		if c, err = s.create(now); err != nil {
			return nil, false, err
		}
		created = true
	}
	if other != nil && other != c {
		s.yield(other, c)
	}
	s.name(c, id, email)
	c.last = now
	return c, created, nil
}

func (s *store) create(now time.Time) (*contact, error) {
	if len(s.order) >= s.maxContacts {
		return nil, errFull
	}
	s.created++
	c := &contact{number: s.created, uuid: newUUID(), first: now, attributes: map[string]any{}}
	s.order = append(s.order, c)
	s.byUUID[c.uuid] = c
	return c, nil
}

// yield takes the email from a contact, and everything else as well if the contact has no id.
func (s *store) yield(from, to *contact) {
	delete(s.byEmail, strings.ToLower(from.email))
	from.email = ""
	if from.id != "" {
		return
	}
	for name, value := range from.attributes {
		if _, ok := to.attributes[name]; !ok {
			to.attributes[name] = value
		}
	}
	to.events = append(slices.Clone(from.events), to.events...)
	slices.SortStableFunc(to.events, func(a, b Event) int { return a.At.Compare(b.At) })
	to.events = to.events[max(0, len(to.events)-s.maxEvents):]
	to.eventCount += from.eventCount
	for _, segment := range from.segments {
		to.join(segment)
	}
	if to.account == nil {
		to.account = from.account
	}
	if from.first.Before(to.first) {
		to.first = from.first
	}
	s.remove(from)
}

func (s *store) name(c *contact, id, email string) {
	if id != "" && c.id != id {
		c.id = id
		s.byID[id] = c
	}
	if email != "" && c.email != email {
		if c.email != "" {
			delete(s.byEmail, strings.ToLower(c.email))
		}
		c.email = email
		s.byEmail[strings.ToLower(email)] = c
	}
}

func (s *store) find(id, email, uuid string) *contact {
	switch {
	case id != "":
		return s.byID[id]
	case email != "":
		return s.byEmail[strings.ToLower(email)]
	}
	return s.byUUID[uuid]
}

func (s *store) remove(c *contact) {
	if c.id != "" {
		delete(s.byID, c.id)
	}
	if c.email != "" {
		delete(s.byEmail, strings.ToLower(c.email))
	}
	delete(s.byUUID, c.uuid)
	if i := s.index(c.number); i < len(s.order) && s.order[i] == c {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

// index returns the place of the first contact whose number is at least this one.
func (s *store) index(number int64) int {
	i, _ := slices.BinarySearchFunc(s.order, number, func(c *contact, n int64) int { return int(c.number - n) })
	return i
}

// link connects a contact with an account and sets the account's traits. Without an id the contact's
// present account is meant, or else a new one (assumed).
func (s *store) link(c *contact, id string, traits []trait) {
	a := c.account
	if id != "" {
		a = s.accounts[id]
	}
	if a == nil {
		a = &account{uuid: newUUID(), id: id, attributes: map[string]any{}}
	}
	if id != "" {
		s.accounts[id] = a
	}
	c.account = a
	apply(a.attributes, traits)
}

func apply(attributes map[string]any, traits []trait) {
	for _, t := range traits {
		if t.value == nil {
			delete(attributes, t.name)
			continue
		}
		attributes[t.name] = t.value
	}
}

func (c *contact) track(name string, at time.Time, limit int) {
	c.eventCount++
	if len(c.events) >= limit {
		c.events = c.events[len(c.events)-limit+1:]
	}
	c.events = append(c.events, Event{Name: name, At: at})
}

func (c *contact) join(segment Segment) {
	if !slices.ContainsFunc(c.segments, func(s Segment) bool { return s.UUID == segment.UUID }) {
		c.segments = append(c.segments, segment)
	}
}

func (c *contact) leave(uuid string) {
	c.segments = slices.DeleteFunc(c.segments, func(s Segment) bool { return s.UUID == uuid })
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

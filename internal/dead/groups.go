package dead

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"tanker/internal/journal"
)

// Group is dead letters of one destination that died of the same cause.
type Group struct {
	ID          string           `json:"id"`
	Destination string           `json:"destination"`
	Reason      string           `json:"reason"`
	Status      int              `json:"status,omitempty"` // of the last answer; 0 if there was none
	Answer      string           `json:"answer"`           // what was said, with … for what differs from event to event
	Letters     int              `json:"letters"`
	First       time.Time        `json:"first"`  // when the first of them died
	Last        time.Time        `json:"last"`   // when the latest one died
	Sample      journal.Position `json:"sample"` // the latest one
}

// Groups is dead letters by what they died of.
type Groups struct {
	Groups   []Group `json:"groups"`          // the largest first
	Letters  int     `json:"letters"`         // all that are selected
	More     int     `json:"more,omitempty"`  // of these, letters of further groups, of which there were too many
	Looked   int     `json:"looked"`          // letters that were looked at
	Share    float64 `json:"share"`           // of the letters that there are, from 0 to 1
	Complete bool    `json:"complete"`        // whether all were
	UpTo     uint64  `json:"upTo"`            // the sequence of the last letter that was looked at
	Users    int     `json:"users,omitempty"` // how many users they are of, at least
}

// maxGroups bounds what is held in memory. Letters of further groups are counted together.
const maxGroups = 500

// maxUsers is up to how many users are told apart.
const maxUsers = 10_000

// counter puts letters into groups.
type counter struct {
	Groups
	byCause map[cause]*Group
	seed    maphash.Seed
	users   map[uint64]struct{} // hashes of their ids, which may be long
}

func newCounter() *counter {
	return &counter{byCause: map[cause]*Group{}, seed: maphash.MakeSeed(), users: map[uint64]struct{}{}}
}

// add counts a letter.
func (c *counter) add(l *journal.DeadLetter) {
	c.Letters++
	if len(c.users) < maxUsers {
		c.users[maphash.String(c.seed, l.User)] = struct{}{}
	}
	why := causeOf(l)
	g := c.byCause[why]
	if g == nil {
		if len(c.byCause) == maxGroups {
			c.More++
			return
		}
		g = &Group{ID: why.id(), Destination: why.Destination, Reason: why.Reason, Status: why.Status, Answer: why.Answer, First: l.At}
		c.byCause[why] = g
	}
	g.Letters++
	if l.At.Before(g.First) {
		g.First = l.At
	}
	if !l.At.Before(g.Last) {
		g.Last, g.Sample = l.At, l.Position
	}
}

// snapshot is what has been counted so far.
func (c *counter) snapshot() Groups {
	s := c.Groups
	s.Users = len(c.users)
	s.Groups = make([]Group, 0, len(c.byCause))
	for _, g := range c.byCause {
		s.Groups = append(s.Groups, *g)
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Letters, a.Letters), cmp.Compare(a.ID, b.ID))
	})
	return s
}

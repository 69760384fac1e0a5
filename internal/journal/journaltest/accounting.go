package journaltest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/internal/journal"
)

// accounting runs random histories against a model: what was accepted, what is finished, and what is parked.
func accounting(t *testing.T, place Place) {
	rapid.Check(t, func(rt *rapid.T) {
		p := place.Fresh(t)
		m := &model{t: t, finished: map[string]bool{}, parked: map[string][]string{}}
		m.open(p)
		steps := rapid.IntRange(1, 12).Draw(rt, "steps")
		for range steps {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1:
				m.append(rapid.SampledFrom([]string{"web", "app"}).Draw(rt, "source"), rapid.IntRange(1, 40).Draw(rt, "events"))
			case 2:
				m.finishSome(rapid.IntRange(1, 5).Draw(rt, "every"))
			case 3:
				m.park(rapid.SampledFrom(modelUsers).Draw(rt, "user"), rapid.IntRange(0, 3).Draw(rt, "stay"))
			case 4:
				m.finishParked(rapid.SampledFrom(modelUsers).Draw(rt, "user"), rapid.IntRange(0, 9).Draw(rt, "some"))
			case 5:
				closeJournal(t, m.j)
				m.open(p)
			case 6:
				next := p.Crash(t)
				_ = m.j.Close() // as well as it can
				p = next
				m.open(p)
			}
			m.check(rt)
		}
		m.readAll()
		closeJournal(t, m.j)
	})
}

var modelUsers = []string{"ada", "bob", "cyd"}

type model struct {
	t        *testing.T
	j        *journal.Journal
	c        *journal.Cursor
	n        int
	accepted []string // message ids in order
	finished map[string]bool
	parked   map[string][]string // of each user, in order
	read     []journal.Entry     // read, and neither finished nor parked
	unseen   map[string]bool     // users with parked events that Next has not told of yet
	again    map[string]bool     // users whom Next is to tell of once more
}

func (m *model) open(p Place) {
	m.j = p.Open(m.t, nil)
	m.c = openCursor(m.t, m.j, "d", "web", "app")
	m.read = nil
	m.unseen, m.again = map[string]bool{}, map[string]bool{}
	for user, all := range m.parked {
		m.unseen[user] = len(all) > 0
	}
}

// userOf spreads events over users.
func userOf(messageID string) string {
	var n int
	if _, err := fmt.Sscanf(messageID[4:], "%d", &n); err != nil {
		panic(err)
	}
	return modelUsers[n%len(modelUsers)]
}

func (m *model) append(source string, n int) {
	all := entries(source, m.n, n)
	m.n += n
	mustAppend(m.t, m.j, all)
	m.accepted = append(m.accepted, ids(all)...)
}

// waiting are the events that Next is to hand out.
func (m *model) waiting() []string {
	var list []string
	for _, id := range m.accepted {
		if !m.finished[id] && !slices.Contains(m.parked[userOf(id)], id) {
			list = append(list, id)
		}
	}
	return list
}

// readAll reads what there is. A user's parked events are told of in their place in the order.
func (m *model) readAll() {
	m.t.Helper()
	want := m.waiting()
	for len(m.read) < len(want) || slices.ContainsFunc(modelUsers, func(u string) bool { return m.unseen[u] || m.again[u] }) {
		some, err := m.c.Next(m.t.Context())
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range some {
			if e.Parked == nil {
				m.read = append(m.read, e)
				continue
			}
			all := m.parked[e.Parked.User]
			if m.again[e.Parked.User] {
				m.again[e.Parked.User] = false
				m.allBetween(e.Parked)
				continue
			}
			if !m.unseen[e.Parked.User] || e.Parked.Events != len(all) {
				m.t.Fatalf("told of %+v, unseen are %v, parked %v", e.Parked, m.unseen, all)
			}
			m.unseen[e.Parked.User], m.again[e.Parked.User] = false, e.Parked.More
			m.inPlace(e.Parked.User)
		}
	}
	if diff := cmp.Diff(want, ids(m.read), equateEmpty); diff != "" {
		m.t.Fatal(diff)
	}
}

// allBetween checks, when a user is told of again, that what comes from now on was accepted after all that is parked: nothing
// is left to read that lies between.
func (m *model) allBetween(told *journal.ParkedUser) {
	all := m.parked[told.User]
	last := slices.Index(m.accepted, all[len(all)-1])
	for _, id := range m.accepted[:last] {
		waits := userOf(id) == told.User && !m.finished[id] && !slices.Contains(all, id)
		if waits && !slices.ContainsFunc(m.read, func(e journal.Entry) bool { return e.MessageID == id }) || told.Events > 0 {
			m.t.Fatalf("told of %+v again, and %s has not been read", told, id)
		}
	}
}

// inPlace checks at the moment a user's parked events are told of that all those and only those of the user's events have
// been read that were accepted before.
func (m *model) inPlace(user string) {
	first := slices.Index(m.accepted, m.parked[user][0])
	var before, got []string
	for _, id := range m.accepted[:first] {
		if userOf(id) == user && !m.finished[id] {
			before = append(before, id)
		}
	}
	for _, e := range m.read {
		if userOf(e.MessageID) == user {
			got = append(got, e.MessageID)
		}
	}
	if diff := cmp.Diff(before, got, equateEmpty); diff != "" {
		m.t.Fatalf("before the parked events of %s: %s", user, diff)
	}
}

// finishSome reads what there is and finishes each every-th event.
func (m *model) finishSome(every int) {
	m.readAll()
	var done, rest []journal.Entry
	for i, e := range m.read {
		if i%every == 0 {
			done = append(done, e)
			m.finished[e.MessageID] = true
		} else {
			rest = append(rest, e)
		}
	}
	finish(m.t, m.c, outcomes(journal.Filtered, "unsupported_type", done))
	m.read = rest
}

// park parks what was read of a user behind what is parked; if nothing is, the first events may stay.
func (m *model) park(user string, stay int) {
	m.readAll()
	if all := m.parked[user]; len(all) > 0 {
		last := slices.Index(m.accepted, all[len(all)-1])
		stay = 0
		for _, e := range m.read {
			if userOf(e.MessageID) == user && slices.Index(m.accepted, e.MessageID) < last {
				stay++
			}
		}
	}
	var rest, move []journal.Entry
	for _, e := range m.read {
		if userOf(e.MessageID) != user || stay > 0 {
			if userOf(e.MessageID) == user {
				stay--
			}
			rest = append(rest, e)
			continue
		}
		move = append(move, e)
	}
	park(m.t, m.c, user, move...)
	m.read = rest
	m.parked[user] = append(m.parked[user], ids(move)...)
}

// finishParked takes a user's parked events out, finishes some and gives the rest back.
func (m *model) finishParked(user string, some int) {
	m.readAll()
	all := unpark(m.t, m.c, user)
	if diff := cmp.Diff(m.parked[user], ids(all), equateEmpty); diff != "" {
		m.t.Fatal(diff)
	}
	some = min(some, len(all))
	finish(m.t, m.c, outcomes(journal.Delivered, "", all[:some]))
	m.c.Release(positions(all[some:]))
	for _, e := range all[:some] {
		m.finished[e.MessageID] = true
	}
	m.parked[user] = m.parked[user][some:]
}

var equateEmpty = cmp.Transformer("", func(list []string) string { return fmt.Sprint(list) })

func (m *model) check(rt *rapid.T) {
	s := status(m.t, m.c)
	parked := 0
	for _, all := range m.parked {
		parked += len(all)
	}
	if s.Accepted != uint64(len(m.accepted)) || s.Totals.Sum() != uint64(len(m.finished)) || s.Parked != uint64(parked) {
		rt.Fatalf("status %+v, want accepted %d, finished %d, parked %d", s, len(m.accepted), len(m.finished), parked)
	}
	if (s.Pending == 0) != s.Oldest.IsZero() {
		rt.Fatalf("pending %d but the oldest is of %v", s.Pending, s.Oldest)
	}
}

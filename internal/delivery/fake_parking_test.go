package delivery

import (
	"context"
	"errors"
	"slices"

	"tanker/internal/journal"
)

// news is what Next has to tell of users with parked events, and where: like the real log at the first of them, and where
// there is more than one again at the last.
func (d *disk) news() map[journal.Position]journal.ParkedUser {
	news := make(map[journal.Position]journal.ParkedUser)
	for user, events := range d.parked {
		events = slices.DeleteFunc(slices.Clone(events), func(e journal.Entry) bool { return len(d.outcomes[e.Position]) > 0 })
		if n := len(events); n > 0 {
			news[events[n-1].Position] = journal.ParkedUser{User: user}
			news[events[0].Position] = journal.ParkedUser{User: user, Events: n, More: n > 1}
		}
	}
	return news
}

// untold reports whether Next has yet to tell how many parked events a user has.
func (l *diskLog) untold(user string) bool {
	for _, told := range l.news {
		if told.User == user && told.Events > 0 {
			return true
		}
	}
	return false
}

// parkedEver is how many events were ever parked, of how many users.
func (d *disk) parkedEver() (events, users int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.places), len(d.parked)
}

func (l *diskLog) full(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noRoom = err
}

var errDisorder = errors.New("a user's events are parked out of order")

func (l *diskLog) Park(ctx context.Context, all []journal.Parking) error {
	if err := errors.Join(l.failure(), ctx.Err()); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noRoom != nil {
		return l.noRoom
	}
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range all {
		for _, e := range p.Entries {
			if _, again := d.places[e.Position]; again || len(d.outcomes[e.Position]) > 0 || l.untold(p.User) {
				panic(errDisorder)
			}
			if n := len(d.parked[p.User]); n > 0 && d.parked[p.User][n-1].Position > e.Position {
				panic(errDisorder)
			}
			e.Body = slices.Clone(e.Body)
			d.parked[p.User] = append(d.parked[p.User], e)
			d.places[e.Position] = p.User
		}
	}
	return nil
}

// Unpark returns up to five events.
func (l *diskLog) Unpark(ctx context.Context, user string, most int) ([]journal.Entry, error) {
	if err := errors.Join(l.failure(), ctx.Err()); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	var entries []journal.Entry
	for ; l.out[user] < len(d.parked[user]) && len(entries) < min(5, most); l.out[user]++ {
		e := d.parked[user][l.out[user]]
		if len(d.outcomes[e.Position]) > 0 {
			continue
		}
		if retry, ok := d.retries[e.Position]; ok {
			e.Retry = retry
		}
		e.Body = slices.Clone(e.Body)
		entries = append(entries, e)
	}
	return entries, nil
}

func (l *diskLog) Release(positions []journal.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	user := d.places[positions[0]]
	first := slices.IndexFunc(d.parked[user], func(e journal.Entry) bool { return e.Position == positions[0] })
	if first < 0 || l.out[user]-first < len(positions) {
		panic("released what was not handed out")
	}
	for i := first; i < l.out[user]; i++ {
		if e := d.parked[user][i]; len(d.outcomes[e.Position]) == 0 && !slices.Contains(positions, e.Position) {
			panic("released a part of what was handed out, and not its end")
		}
	}
	l.out[user] = first
}

func (l *diskLog) ParkedUsers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.news)
}

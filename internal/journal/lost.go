package journal

import (
	"context"
	"maps"
	"strings"
	"time"
)

// Disks lose what they have said is written, and damage what lies on them. Each pack says how many events its subject held
// before, so that whoever reads one after the other sees what is missing between them. Lost events that had no outcome are
// counted as lost, and not as pending for ever.

// sight is the last that was read of a subject.
type sight struct {
	upTo   uint64 // events that the subject held then
	seq    uint64
	stored time.Time
}

// miss counts the events that are missing between a pack and the one before it of the same subject, and those in it if it is
// damaged itself. c.mu is held.
func (c *Cursor) miss(state *packState, before uint64, damaged bool, stored time.Time) {
	last := c.seen[state.subject]
	var gone uint64
	if before > last.upTo {
		gone = before - last.upTo
	}
	places := state.seq - 1 // where the lost ones stood, up to
	if damaged || before == state.upTo {
		gone, places = gone+state.upTo-before, state.seq
	}
	c.seen[state.subject] = sight{max(state.upTo, last.upTo), state.seq, stored}
	if gone == 0 {
		return
	}
	finished := c.state.claim(places, gone)
	state.lost = gone - finished
	c.totals.Lost += state.lost
	for range state.lost {
		c.place.finished(state.conn)
	}
	maps.DeleteFunc(c.retries, func(pos Position, _ Retry) bool {
		return pos.Seq() < state.seq && !c.state.finished(pos) && c.state.bySeq[pos.Seq()] == nil
	})
	c.log.Error("events are gone from the journal: the disk has lost or damaged them",
		"source", state.conn, "events", gone, "not_finished", state.lost,
		"after", At(last.seq, 0), "after_time", last.stored, "before", At(state.seq, 0), "before_time", stored)
}

// connectionOf is the connection that a subject's events come by.
func (c *Cursor) connectionOf(subject string) string {
	if strings.HasPrefix(subject, subjectReplay) {
		return replays
	}
	source, _, _ := strings.Cut(strings.TrimPrefix(subject, subjectEvents), ".")
	return source
}

// seenCounts are the counts of what was read. c.mu is held.
func (c *Cursor) seenCounts() map[string]uint64 {
	counts := make(map[string]uint64, len(c.seen))
	for subject, s := range c.seen {
		counts[subject] = s.upTo
	}
	return counts
}

// forget takes back what will be noticed again after a restart.
func (s *saved) forget(lost map[string]uint64) {
	if len(lost) == 0 {
		return
	}
	connections := make(map[string]*connection, len(s.Place.Connections))
	for name, conn := range s.Place.Connections {
		less := *conn
		less.Finished -= lost[name]
		connections[name] = &less
	}
	s.Place.Connections = connections
	for _, n := range lost {
		s.Totals.Lost -= n
	}
}

// expect notes for each subject how many events it held up to where the cursor begins to read, as far as that is not known.
func (c *Cursor) expect(ctx context.Context) error {
	for name, conn := range c.place.Connections {
		if err := c.journal.refreshCounts(ctx, c.prefix(name)); err != nil {
			return err
		}
		from := max(conn.After, c.state.floor)
		for _, subject := range c.journal.subjectsOf(c.prefix(name)) {
			if _, known := c.state.counts[subject]; known {
				continue
			}
			n, err := c.journal.countOfUpTo(ctx, subject, from)
			if err != nil {
				return err
			}
			c.state.counts[subject] = n
		}
	}
	clear(c.seen)
	for subject, n := range c.state.counts {
		c.seen[subject] = sight{upTo: n, seq: c.state.floor}
	}
	return nil
}

// forgetCounts forgets the subjects of a connection.
func (c *Cursor) forgetCounts(prefix string) {
	maps.DeleteFunc(c.state.counts, func(subject string, _ uint64) bool { return strings.HasPrefix(subject, prefix) })
}

// mendTail sees to it that new events do not take the places of lost ones that this destination knows of.
func (c *Cursor) mendTail(ctx context.Context) {
	j := c.journal
	if j.shared() {
		return
	}
	lost := map[string]uint64{}
	for subject, s := range c.seen {
		if stored := j.storedOf(subject); s.upTo > stored {
			lost[subject] = s.upTo
			c.log.Error("the end of the journal is gone: the disk has lost it, or an old copy was put in place; events are missing",
				"subject", subject, "events", s.upTo-stored)
		}
	}
	j.mark(ctx, lost, c.state.newest())
}

// settleAccounts lets what is finished be no more than what was accepted, if more than is known of was lost.
func (c *Cursor) settleAccounts() {
	done := c.totals.Sum() + uint64(c.parked.events)
	if accepted := c.accepted(); accepted < done {
		c.place.Retired += done - accepted
	}
}

// missParked counts the parked events that are gone from PARKED.
func (c *Cursor) missParked() {
	lost := c.parked.expected - c.parked.events
	c.parked.expected = c.parked.events
	if lost <= 0 {
		return
	}
	c.totals.Lost += uint64(lost)
	c.log.Error("parked events are gone from the journal: the disk has lost or damaged them", "events", lost)
}

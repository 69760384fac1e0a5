package journal

import (
	"context"
	"maps"
	"slices"
)

// place says which events count as accepted for a destination: those of its sources since each was connected,
// and the replays meant for it.
type place struct {
	Connections map[string]*connection `json:"connections"`       // by name of the source; replays by ""
	Retired     uint64                 `json:"retired,omitempty"` // finished events of sources that were disconnected
}

// connection is a destination's tie to one source.
type connection struct {
	After    uint64 `json:"after"`    // only packs after this sequence
	Base     uint64 `json:"base"`     // events the source had stored then
	Finished uint64 `json:"finished"` // of the source's events since
}

// replays is the name of the connection by which a destination gets its own replays.
const replays = ""

// wants says whether the destination gets a pack.
func (p *place) wants(conn string, seq uint64) bool {
	c := p.Connections[conn]
	return c != nil && seq > c.After
}

// finished counts an event that came by a connection.
func (p *place) finished(conn string) {
	if c := p.Connections[conn]; c != nil {
		c.Finished++
		return
	}
	p.Retired++
}

// connect ties the destination to its sources as they are configured now. A source that is no longer among them
// counts with what was finished of it; one that is new counts from now on.
func (c *Cursor) connect(ctx context.Context, sources []string) error {
	p := &c.place
	for name, conn := range p.Connections {
		if name != replays && !slices.Contains(sources, name) {
			p.Retired += conn.Finished
			delete(p.Connections, name)
			c.forgetCounts(c.prefix(name))
			c.log.Warn("source is no longer connected, what waits of it will not be delivered", "source", name)
		}
	}
	if p.Connections == nil {
		p.Connections = map[string]*connection{}
	}
	first, after, err := c.journal.extent(ctx)
	if err != nil {
		return err
	}
	if first > c.state.floor+1 && c.revision > 0 {
		if err := c.skipDeleted(ctx, first); err != nil {
			return err
		}
	}
	if c.revision == 0 {
		after = c.state.floor
	} else if c.state.newest() > after {
		if err := c.skipLost(ctx, after); err != nil {
			return err
		}
	}
	for _, name := range append([]string{replays}, sources...) {
		if p.Connections[name] != nil {
			continue
		}
		base, err := c.journal.countUpTo(ctx, c.prefix(name), after)
		if err != nil {
			return err
		}
		p.Connections[name] = &connection{After: after, Base: base}
	}
	return nil
}

// skipDeleted moves a cursor on that stands before the first stored pack. Usually the packs between were finished or
// other sources'. After a destination was not configured for longer than the retention they may be its own; that
// is said loudly.
func (c *Cursor) skipDeleted(ctx context.Context, first uint64) error {
	before := c.accepted()
	p := &c.place
	for name, conn := range p.Connections {
		base, err := c.journal.countUpTo(ctx, c.prefix(name), first-1)
		if err != nil {
			return err
		}
		p.Retired += conn.Finished
		p.Connections[name] = &connection{After: conn.After, Base: max(base, conn.Base)}
	}
	for seq, done := range c.state.ahead {
		if seq < first {
			delete(c.state.ahead, seq)
			continue
		}
		p.Retired -= uint64(done.count()) // counted with the connection again
	}
	p.Retired += uint64(c.parked.events) // they are done with in EVENTS, and still pending
	c.state.floor = first - 1
	clear(c.state.counts)
	if after := c.accepted(); after < before {
		c.log.Error("events were deleted before they were delivered: the destination was not configured for longer than the retention",
			"events", before-after)
	}
	return nil
}

// skipLost moves a cursor back that knows of packs after the last stored one. The disk has lost them, or an old
// copy of EVENTS was put in place; new packs will get their numbers, and must not pass for finished.
func (c *Cursor) skipLost(ctx context.Context, last uint64) error {
	c.log.Error("the end of the journal is gone: the disk has lost it, or an old copy was put in place; events may be missing",
		"read_up_to", c.state.newest(), "stored_up_to", last)
	c.state.cutAfter(last)
	clear(c.state.counts)
	maps.DeleteFunc(c.retries, func(pos Position, _ Retry) bool { return pos.Seq() > last })
	return c.recount(ctx, last)
}

// accepted is how many events the destination was given to deal with.
func (c *Cursor) accepted() uint64 {
	n := c.place.Retired
	for name, conn := range c.place.Connections {
		n += max(c.journal.countStored(c.prefix(name)), conn.Base) - conn.Base // what others store is known a little later
	}
	return n
}

// prefix is how the subjects of a connection begin.
func (c *Cursor) prefix(conn string) string { return prefixOf(c.destination, conn) }

// prefixOf is how the subjects begin of a connection that a destination has.
func prefixOf(destination, conn string) string {
	if conn == replays {
		return subjectReplay + destination + "."
	}
	return subjectEvents + conn + "."
}

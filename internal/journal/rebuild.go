package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go/jetstream"
)

// Should a saved cursor be lost, or be damaged, OUTCOMES still knows what is finished. What it does not know is where the
// destination began: that is written down once more, in another bucket.

// begunKey is the key in COUNTS, beside those of subjects, that says where a destination began.
const begunKey = "begun."

// begun says where a destination began.
type begun struct {
	Floor uint64            `json:"floor"` // every pack up to this sequence is finished, or not the destination's
	After map[string]uint64 `json:"after"` // by connection: only packs after this sequence
}

// saveBegun writes down where the destination began, if it has not been written down.
func (c *Cursor) saveBegun(ctx context.Context) error {
	b, known, err := c.loadBegun(ctx)
	if err != nil {
		return err
	}
	after := map[string]uint64{}
	for name, conn := range c.place.Connections {
		after[name] = conn.After
	}
	if known && maps.Equal(after, b.After) {
		return nil
	}
	if !known {
		b.Floor = c.state.floor
	}
	data, err := json.Marshal(begun{b.Floor, after})
	if err != nil {
		return err
	}
	if _, err := c.journal.counts.Put(ctx, begunKey+c.destination, data); err != nil {
		return writeError("note where the destination began", err)
	}
	return nil
}

func (c *Cursor) loadBegun(ctx context.Context) (b begun, known bool, err error) {
	entry, err := c.journal.counts.Get(ctx, begunKey+c.destination)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return b, false, nil
	}
	if err != nil {
		return b, false, fmt.Errorf("read: %w: %w", ErrUnavailable, err)
	}
	return b, json.Unmarshal(entry.Value(), &b) == nil, nil
}

// rebuild finds out from OUTCOMES what is finished. It says false if OUTCOMES does not know the destination.
func (c *Cursor) rebuild(ctx context.Context, sources []string) (bool, error) {
	lowest, err := c.lowestOutcome(ctx)
	if err != nil || lowest == 0 {
		return false, err
	}
	first, _, err := c.journal.extent(ctx)
	if err != nil {
		return false, err
	}
	b, known, err := c.loadBegun(ctx)
	if err != nil {
		return false, err
	}
	if !known {
		b = begun{Floor: lowest.Seq() - 1, After: map[string]uint64{}}
		for _, name := range append([]string{replays}, sources...) {
			b.After[name] = b.Floor
		}
	}
	c.log.Error("the saved place of the destination is lost or damaged; it is found again from the outcomes, and totals count from there on",
		"from", At(max(b.Floor, first-1)+1, 0))
	c.state = *newProgress(max(b.Floor, first-1))
	c.place = place{Connections: map[string]*connection{}}
	for name, after := range b.After {
		c.place.Connections[name] = &connection{After: after}
	}
	c.totals, c.outcomes, c.rebuilt = Totals{}, 0, true
	return true, c.replayAll(ctx)
}

// lowestOutcome is the first event that OUTCOMES tells of; 0 if it tells of none.
func (c *Cursor) lowestOutcome(ctx context.Context) (lowest Position, err error) {
	config := jetstream.OrderedConsumerConfig{FilterSubjects: []string{subjectOutcomes + c.destination}}
	err = c.journal.scan(ctx, c.journal.outcomes, config, func(msg jetstream.Msg, _ *jetstream.MsgMetadata) error {
		outcomes, err := decodeOutcomes(msg.Data())
		if err != nil {
			return nil //nolint:nilerr // those of its events that are still there are called again
		}
		for i := range outcomes {
			if lowest == 0 || outcomes[i].Position < lowest {
				lowest = outcomes[i].Position
			}
		}
		return nil
	})
	return lowest, err
}

// recount sets the accounts right after what is known of the log, or the log itself, has changed: all that is finished or
// parked was accepted, and all that comes behind the floor.
func (c *Cursor) recount(ctx context.Context, last uint64) error {
	p := &c.place
	p.Retired = c.totals.Sum() + uint64(c.parked.events)
	for _, done := range c.state.ahead {
		p.Retired -= uint64(done.count()) // counted with the connection again
	}
	for name, conn := range p.Connections {
		after := min(conn.After, last)
		base, err := c.journal.countUpTo(ctx, c.prefix(name), max(after, c.state.floor))
		if err != nil {
			return err
		}
		p.Connections[name] = &connection{After: after, Base: base}
	}
	return nil
}

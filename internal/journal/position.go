package journal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Position names one event in the journal: the sequence of the stream message that holds it and its
// index in that message's pack. Positions of one journal sort in the order of acceptance. The zero
// Position stands before every event.
type Position uint64

// indexBits is how much of a Position is the index in the pack; a pack holds at most 1<<indexBits events.
const indexBits = 16

// maxPackEntries is the largest number of events one pack can hold.
const maxPackEntries = 1 << indexBits

// lastPosition stands behind every event.
const lastPosition Position = math.MaxUint64

// At makes the Position of the event at index within the pack stored at sequence seq.
func At(seq uint64, index int) Position {
	return Position(seq<<indexBits | uint64(index))
}

// Seq is the stream sequence of the pack that holds the event.
func (p Position) Seq() uint64 { return uint64(p) >> indexBits }

// Index is the place of the event in its pack, from 0.
func (p Position) Index() int { return int(uint64(p) & (maxPackEntries - 1)) }

// String writes the position as "seq.index", the form ParsePosition reads.
func (p Position) String() string {
	return strconv.FormatUint(p.Seq(), 10) + "." + strconv.Itoa(p.Index())
}

// MarshalText writes the form of String, so that JSON shows positions as people write them.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the form of String.
func (p *Position) UnmarshalText(text []byte) error {
	var err error
	*p, err = ParsePosition(string(text))
	return err
}

// ParsePosition reads the form that String writes.
func ParsePosition(s string) (Position, error) {
	before, after, ok := strings.Cut(s, ".")
	seq, err := strconv.ParseUint(before, 10, 64-indexBits)
	if !ok || err != nil {
		return 0, fmt.Errorf("position %q: want two numbers with a dot between them, like 17.0", s)
	}
	index, err := strconv.ParseUint(after, 10, indexBits)
	if err != nil {
		return 0, fmt.Errorf("position %q: want two numbers with a dot between them, like 17.0", s)
	}
	return At(seq, int(index)), nil
}

package journal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// What one stream message of PARKED holds: events of one user, in order. Its headers say whose and how many, so that
// a restart need not read more. Its data is
//
//	byte    version
//	uvarint length of the places
//	the places: for each event its position in EVENTS (varint, relative to the one before), connection and source (a
//	string, or a reference to an earlier one), attempts (uvarint) and, if there were any, when the first began and when
//	the next is due (varints, milliseconds since 1970, 0 for never)
//	a pack with the events, whose source is that of the first
const parkedVersion = 1

const (
	headerUser  = "Tanker-User"  // base64
	headerFirst = "Tanker-First" // position of the first event
	headerCount = "Tanker-Count" // number of events
	headerSince = "Tanker-Since" // when the first event was accepted, milliseconds since 1970
)

// MaxParkedUser is the longest key, in bytes, of a user whose events can be parked.
const MaxParkedUser = 1024

// Where a message of PARKED is full. A single event may be larger than parkedBytes.
const (
	parkedEvents = 512
	parkedBytes  = 256 << 10
)

// parkedHead is what the headers of a message in PARKED say.
type parkedHead struct {
	user  string
	first Position // of the first event, in EVENTS
	count int
	since time.Time // when the first event was accepted
}

func (h *parkedHead) header() nats.Header {
	return nats.Header{
		headerUser:  {base64.RawURLEncoding.EncodeToString([]byte(h.user))},
		headerFirst: {h.first.String()},
		headerCount: {strconv.Itoa(h.count)},
		headerSince: {strconv.FormatInt(h.since.UnixMilli(), 10)},
	}
}

func readParkedHead(header nats.Header) (parkedHead, error) {
	user, errUser := base64.RawURLEncoding.DecodeString(header.Get(headerUser))
	first, errFirst := ParsePosition(header.Get(headerFirst))
	count, errCount := strconv.Atoi(header.Get(headerCount))
	since, errSince := strconv.ParseInt(header.Get(headerSince), 10, 64)
	for _, err := range []error{errUser, errFirst, errCount, errSince} {
		if err != nil {
			return parkedHead{}, fmt.Errorf("headers: %w: %w", ErrCorrupt, err)
		}
	}
	if count <= 0 || count > maxPackEntries {
		return parkedHead{}, fmt.Errorf("headers: %w: %d events", ErrCorrupt, count)
	}
	return parkedHead{string(user), first, count, time.UnixMilli(since).UTC()}, nil
}

// parkedEvent is an event as PARKED holds it: with the connection that it came by.
type parkedEvent struct {
	Entry
	connection string
}

// encodeParked returns the data of a message. There must be at least one event.
func encodeParked(events []parkedEvent) []byte {
	var places []byte
	var words wordWriter
	var last Position
	entries := make([]Entry, len(events))
	for i := range events {
		e := &events[i]
		entries[i] = e.Entry
		places = binary.AppendVarint(places, int64(e.Position-last))
		last = e.Position
		places = words.append(places, e.connection)
		places = words.append(places, e.Source)
		places = binary.AppendUvarint(places, uint64(e.Retry.Attempts))
		if e.Retry.Attempts > 0 {
			places = binary.AppendVarint(places, millis(e.Retry.First))
			places = binary.AppendVarint(places, millis(e.Retry.Next))
		}
	}
	var packs packWriter
	pack := packs.encode(0, entries)
	data := make([]byte, 0, 1+binary.MaxVarintLen64+len(places)+len(pack))
	data = append(data, parkedVersion)
	data = binary.AppendUvarint(data, uint64(len(places)))
	data = append(data, places...)
	return append(data, pack...)
}

// decodeParked reads the data of a message. The bodies share one buffer that nobody else holds.
func decodeParked(data []byte) ([]parkedEvent, error) {
	if len(data) == 0 || data[0] != parkedVersion {
		return nil, fmt.Errorf("parked events header: %w", ErrCorrupt)
	}
	r := reader{data: data[1:]}
	places := reader{data: r.bytes()}
	if r.failed {
		return nil, fmt.Errorf("parked events header: %w", ErrCorrupt)
	}
	p, err := decodePack(r.data)
	if err != nil {
		return nil, err
	}
	events := make([]parkedEvent, len(p.entries))
	var words wordReader
	var last Position
	for i := range events {
		e := &events[i]
		e.Entry = p.entries[i]
		last += Position(places.varint())
		e.Position = last
		e.connection = words.read(&places)
		e.Source = words.read(&places)
		if e.Retry.Attempts = int(places.uvarint()); e.Retry.Attempts > 0 {
			e.Retry.First, e.Retry.Next = fromMillis(places.varint()), fromMillis(places.varint())
		}
	}
	if places.failed || len(places.data) != 0 {
		return nil, fmt.Errorf("places of %d parked events: %w", len(events), ErrCorrupt)
	}
	return events, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// parkedSubject is where a user's parked events are. The user's key can be anything, so a digest stands for it.
func parkedSubject(destination, user string) string {
	digest := sha256.Sum256([]byte(user))
	return subjectParked + destination + "." + hex.EncodeToString(digest[:16])
}

// splitParked cuts a user's events into messages.
func splitParked(events []parkedEvent) [][]parkedEvent {
	var messages [][]parkedEvent
	from, bytes := 0, 0
	for i := range events {
		if i > from && (i-from == parkedEvents || bytes >= parkedBytes) {
			messages = append(messages, events[from:i])
			from, bytes = i, 0
		}
		bytes += events[i].size()
	}
	return append(messages, events[from:])
}

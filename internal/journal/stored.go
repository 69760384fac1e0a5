package journal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// StoredStream is a stream or bucket of a journal, as it is stored.
type StoredStream struct {
	Name     string `json:"name"`     // of the stream; a bucket's begins with KV_
	First    uint64 `json:"first"`    // sequence of the first message that may be there; Last+1 if there is none
	Last     uint64 `json:"last"`     // sequence of the last message that was ever stored
	Messages uint64 `json:"messages"` // that are stored
	Bytes    uint64 `json:"bytes"`    // that they take
}

// Check says what cannot be true of a stream. Error: ErrCorrupt.
func (s *StoredStream) Check() error {
	switch {
	case streamPrefixes[s.Name] == nil:
		return fmt.Errorf("%w: a journal has no stream %q", ErrCorrupt, s.Name)
	case s.First == 0 || s.First > s.Last && (s.First-1 != s.Last || s.Messages > 0),
		s.First <= s.Last && s.Messages > s.Last-s.First+1:
		return fmt.Errorf("%w: %s cannot hold %d messages from %d to %d", ErrCorrupt, s.Name, s.Messages, s.First, s.Last)
	}
	return nil
}

// StoredMessage is one message of a stream, with all by which the journal may refer to it.
type StoredMessage struct {
	Seq     uint64
	Time    time.Time // when it was stored, to the nanosecond
	Subject string
	Header  []byte // as NATS writes it, the names sorted; empty if there is none
	Data    []byte
}

// Limits of a message of a journal.
const (
	MaxStoredSubject = 256
	MaxStoredHeader  = 64 << 10
	MaxStoredData    = maxPayload
)

// Check says what is wrong with a message that is to be part of a stream. Only what can be told from the message alone
// is checked. Error: ErrCorrupt.
func (m *StoredMessage) Check(stream string) error {
	prefixes, ok := streamPrefixes[stream]
	switch {
	case !ok:
		return fmt.Errorf("%w: a journal has no stream %q", ErrCorrupt, stream)
	case m.Seq == 0:
		return fmt.Errorf("%w: sequence 0", ErrCorrupt)
	case len(m.Subject) > MaxStoredSubject || len(m.Header) > MaxStoredHeader || len(m.Data) > MaxStoredData:
		return fmt.Errorf("%w: subject, header or data is too large", ErrCorrupt)
	case !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(m.Subject, p) }):
		return fmt.Errorf("%w: subject %q", ErrCorrupt, m.Subject)
	case strings.ContainsAny(m.Subject, " \t\r\n\x00*>") || strings.Contains(m.Subject, "..") || strings.HasSuffix(m.Subject, "."):
		return fmt.Errorf("%w: subject %q", ErrCorrupt, m.Subject)
	}
	if len(m.Header) > 0 {
		header, err := nats.DecodeHeadersMsg(m.Header)
		if err != nil || !bytes.Equal(encodeHeader(header), m.Header) {
			return fmt.Errorf("%w: header", ErrCorrupt)
		}
	}
	return nil
}

// events is how many events the message of a stream holds: none, if the stream is for something else. Error: ErrCorrupt.
func (m *StoredMessage) events(stream string) (uint64, error) {
	if stream != streamEvents && stream != streamRewritten {
		return 0, nil
	}
	upTo, err := packCount(m.Data)
	if err != nil {
		return 0, err
	}
	return upTo - binary.LittleEndian.Uint64(m.Data[2:]), nil
}

// streamPrefixes are the streams and buckets that make up a journal, and how the subjects in them begin. What is not
// here is left behind when a journal is copied.
var streamPrefixes = map[string][]string{
	streamEvents:    {subjectEvents, subjectReplay},
	streamRewritten: {subjectRewritten},
	streamErasing:   {subjectErasing},
	streamOutcomes:  {subjectOutcomes},
	streamDead:      {subjectDead},
	streamParked:    {subjectParked},

	bucketStream + bucketCursors:    {bucketSubject + bucketCursors + "."},
	bucketStream + bucketCounts:     {bucketSubject + bucketCounts + "."},
	bucketStream + bucketPaused:     {bucketSubject + bucketPaused + "."},
	bucketStream + bucketMemories:   {bucketSubject + bucketMemories + "."},
	bucketStream + bucketReplays:    {bucketSubject + bucketReplays + "."},
	bucketStream + bucketErasures:   {bucketSubject + bucketErasures + "."},
	bucketStream + bucketSuppressed: {bucketSubject + bucketSuppressed + "."},
	bucketStream + bucketSeries:     {bucketSubject + bucketSeries + "."},
}

// How JetStream names the stream behind a bucket, and its subjects.
const (
	bucketStream  = "KV_"
	bucketSubject = "$KV."
)

// storedStreams are the names of all that makes up a journal, in the order in which they are copied: the small ones, which
// say where everything stands, last.
func storedStreams() []string {
	names := slices.Sorted(maps.Keys(streamPrefixes))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(strings.Count(a, bucketStream), strings.Count(b, bucketStream))
	})
	return names
}

const headerStart = "NATS/1.0\r\n"

// encodeHeader writes a header as NATS does, the names sorted.
func encodeHeader(header nats.Header) []byte {
	if len(header) == 0 {
		return nil
	}
	out := []byte(headerStart)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			out = append(out, name...)
			out = append(out, ": "...)
			out = append(out, value...)
			out = append(out, "\r\n"...)
		}
	}
	return append(out, "\r\n"...)
}

// Digest is a fingerprint of a stream's messages, in order: of all that StoredMessage says of them.
type Digest struct {
	Messages uint64
	Bytes    uint64 // of subjects, headers and data
	Events   uint64 // in the messages

	stream string
	hash   hash.Hash
	fixed  []byte
}

// NewDigest returns the digest of no messages of a stream.
func NewDigest(stream string) *Digest { return &Digest{stream: stream, hash: sha256.New()} }

// Add takes the next message in. Error: ErrCorrupt, if it cannot be told how many events the message holds.
func (d *Digest) Add(m *StoredMessage) error {
	events, err := m.events(d.stream)
	if err != nil {
		return fmt.Errorf("%s %d: %w", d.stream, m.Seq, err)
	}
	d.fixed = binary.LittleEndian.AppendUint64(d.fixed[:0], m.Seq)
	d.fixed = binary.LittleEndian.AppendUint64(d.fixed, uint64(m.Time.UnixNano()))
	for _, size := range []int{len(m.Subject), len(m.Header), len(m.Data)} {
		d.fixed = binary.LittleEndian.AppendUint32(d.fixed, uint32(size))
	}
	d.fixed = append(d.fixed, m.Subject...)
	for _, part := range [][]byte{d.fixed, m.Header, m.Data} {
		d.hash.Write(part)
	}
	d.Messages++
	d.Events += events
	d.Bytes += uint64(len(m.Subject) + len(m.Header) + len(m.Data))
	return nil
}

// Sum is the SHA-256 of what was added.
func (d *Digest) Sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }

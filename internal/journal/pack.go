package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
)

// A pack is what one stream message of EVENTS holds: the events of one write, all of one source.
//
//	byte    version
//	byte    flags (bit 0: the rest after the header is s2-compressed; bit 1: its events are replays)
//	uint64  ordinal: how many events the subject held before this pack, little endian
//	uvarint number of events
//	string  source (uvarint length, bytes)
//	varint  time of the first event, milliseconds since 1970
//	uvarint length of the rest, uncompressed
//	the rest: for each event messageId, type, request ip (strings), time (varint, relative), body (string),
//	and in a pack of replays the position that the event repeats (uvarint)
const (
	packVersion    = 1
	packCompressed = 1 << 0
	packReplays    = 1 << 1
	packHeader     = 2 + 8
	// compressFrom is the size below which compressing does not pay.
	compressFrom = 256
	// maxPackRaw bounds what a pack may claim to unfold to. The largest pack is one of packTarget bytes
	// that takes one more event of the largest size.
	maxPackRaw = 64 << 20
)

// pack is the decoded form.
type pack struct {
	ordinal uint64
	source  string
	entries []Entry // without Position
}

// packWriter encodes packs. It keeps its buffers from one pack to the next.
type packWriter struct {
	rest, out []byte
}

// encode returns the bytes of a pack. They are valid until the next call. There must be at least one entry.
func (w *packWriter) encode(ordinal uint64, entries []Entry) []byte {
	base := entries[0].ReceivedAt.UnixMilli()
	var flags byte
	if slices.ContainsFunc(entries, func(e Entry) bool { return e.ReplayOf != 0 }) {
		flags = packReplays
	}
	rest := w.rest[:0]
	for i := range entries {
		e := &entries[i]
		rest = appendString(rest, e.MessageID)
		rest = appendString(rest, e.Type)
		rest = appendString(rest, e.RequestIP)
		rest = binary.AppendVarint(rest, e.ReceivedAt.UnixMilli()-base)
		rest = binary.AppendUvarint(rest, uint64(len(e.Body)))
		rest = append(rest, e.Body...)
		if flags&packReplays != 0 {
			rest = binary.AppendUvarint(rest, uint64(e.ReplayOf))
		}
	}
	w.rest = rest

	if len(rest) >= compressFrom {
		flags |= packCompressed
	}
	out := append(w.out[:0], packVersion, flags)
	out = binary.LittleEndian.AppendUint64(out, ordinal)
	out = binary.AppendUvarint(out, uint64(len(entries)))
	out = appendString(out, entries[0].Source)
	out = binary.AppendVarint(out, base)
	out = binary.AppendUvarint(out, uint64(len(rest)))
	if flags&packCompressed == 0 {
		out = append(out, rest...)
	} else {
		out = appendCompressed(out, rest)
	}
	w.out = out
	return out
}

// appendCompressed appends the s2 form of src, encoded in place where dst has room for the worst case.
func appendCompressed(dst, src []byte) []byte {
	need := s2.MaxEncodedLen(len(src))
	if cap(dst)-len(dst) < need {
		grown := make([]byte, len(dst), len(dst)+need)
		copy(grown, dst)
		dst = grown
	}
	packed := s2.Encode(dst[len(dst):len(dst)+need], src)
	return dst[:len(dst)+len(packed)]
}

// encodeMark returns a pack without events. Its ordinal says how many events the subject held, of which some may be lost.
func encodeMark(ordinal uint64, source string) []byte {
	out := append(make([]byte, 0, packHeader+len(source)+8), packVersion, 0)
	out = binary.LittleEndian.AppendUint64(out, ordinal)
	out = binary.AppendUvarint(out, 0) // events
	out = appendString(out, source)
	out = binary.AppendVarint(out, 0)
	return binary.AppendUvarint(out, 0)
}

// packExtent reads how many events a subject held before a pack, and up to and including it.
func packExtent(data []byte) (before, upTo uint64, err error) {
	upTo, err = packCount(data)
	if err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint64(data[2:]), upTo, nil
}

// packCount reads how many events a subject holds up to and including this pack.
func packCount(data []byte) (uint64, error) {
	if len(data) < packHeader || data[0] != packVersion {
		return 0, fmt.Errorf("pack header: %w", ErrCorrupt)
	}
	n, size := binary.Uvarint(data[packHeader:])
	if size <= 0 || n > maxPackEntries {
		return 0, fmt.Errorf("pack header: %w", ErrCorrupt)
	}
	return binary.LittleEndian.Uint64(data[2:]) + n, nil
}

// decodePack reads a pack. The bodies of its entries share one buffer that nobody else holds.
func decodePack(data []byte) (pack, error) {
	if len(data) < packHeader || data[0] != packVersion {
		return pack{}, fmt.Errorf("pack header: %w", ErrCorrupt)
	}
	p := pack{ordinal: binary.LittleEndian.Uint64(data[2:])}
	r := reader{data: data[packHeader:]}
	n := r.uvarint()
	p.source = r.string()
	base := r.varint()
	size := r.uvarint()
	if r.failed || n > maxPackEntries || size > maxPackRaw {
		return pack{}, fmt.Errorf("pack header: %w", ErrCorrupt)
	}
	rest := append([]byte(nil), r.data...)
	if data[1]&packCompressed != 0 {
		var err error
		if rest, err = unfold(r.data, int(size)); err != nil {
			return pack{}, err
		}
	}
	d := entryReader{reader{data: rest}, base, data[1]&packReplays != 0}
	entries, err := d.entries(int(n))
	if err != nil {
		return pack{}, err
	}
	for i := range entries {
		entries[i].Source = p.source
	}
	p.entries = entries
	return p, nil
}

func unfold(data []byte, size int) ([]byte, error) {
	if n, err := s2.DecodedLen(data); err != nil || n != size {
		return nil, fmt.Errorf("pack length: %w", ErrCorrupt)
	}
	rest, err := s2.Decode(nil, data)
	if err != nil {
		return nil, fmt.Errorf("unfold pack: %w: %w", ErrCorrupt, err)
	}
	return rest, nil
}

// entryReader takes the entries out of a pack's rest.
type entryReader struct {
	reader
	base    int64 // milliseconds since 1970
	replays bool
}

func (r *entryReader) entries(n int) ([]Entry, error) {
	const smallest = 5 // four empty strings and a time
	if n > len(r.data)/smallest {
		return nil, fmt.Errorf("pack of %d events in %d bytes: %w", n, len(r.data), ErrCorrupt)
	}
	entries := make([]Entry, n)
	for i := range entries {
		e := &entries[i]
		e.MessageID = r.string()
		e.Type = r.string()
		e.RequestIP = r.string()
		e.ReceivedAt = time.UnixMilli(r.base + r.varint()).UTC()
		e.Body = r.bytes()
		if r.replays {
			e.ReplayOf = Position(r.uvarint())
		}
	}
	if r.failed || len(r.data) != 0 {
		return nil, fmt.Errorf("pack of %d events: %w", n, ErrCorrupt)
	}
	return entries, nil
}

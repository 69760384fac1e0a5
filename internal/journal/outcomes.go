package journal

import (
	"encoding/binary"
	"fmt"
	"time"
)

// What one stream message of OUTCOMES holds: the outcomes of one Finish.
//
//	byte    version
//	uvarint number of outcomes
//	varint  time of the first, milliseconds since 1970
//	for each: sequence (varint, relative to the one before), index (uvarint), kind (byte), attempts (uvarint),
//	time (varint, relative to the first), connection and reason (a string, or a reference to an earlier one);
//	if the kind has the bit carried, the event that carried it, and if it has the bit placed, the place in PARKED:
//	sequence (varint, back from this one's) and index (uvarint)
const outcomesVersion = 1

// Bits in the byte of the kind.
const (
	carried = 0x80 // another event's call carried the event
	placed  = 0x40 // the event is or was parked
)

// kindCodes are part of the stored form: their order must not change.
var kindCodes = [...]Kind{Delivered, Filtered, Rejected, Dead, Parked}

// storedOutcome is an outcome as OUTCOMES holds it: with the connection that its event came by.
type storedOutcome struct {
	Outcome
	connection string
	place      Position // in PARKED, of an event that is parked or was; zero for the others
}

func encodeOutcomes(outcomes []storedOutcome) ([]byte, error) {
	base := outcomes[0].At.UnixMilli()
	out := append(make([]byte, 0, 16+len(outcomes)*12), outcomesVersion)
	out = binary.AppendUvarint(out, uint64(len(outcomes)))
	out = binary.AppendVarint(out, base)
	words := wordWriter{}
	var seq uint64
	for i := range outcomes {
		o := &outcomes[i]
		code, err := kindCode(o.Kind)
		if err != nil {
			return nil, err
		}
		out = binary.AppendVarint(out, int64(o.Position.Seq()-seq))
		seq = o.Position.Seq()
		out = binary.AppendUvarint(out, uint64(o.Position.Index()))
		if o.CarriedBy != 0 {
			code |= carried
		}
		if o.place != 0 {
			code |= placed
		}
		out = append(out, code)
		out = binary.AppendUvarint(out, uint64(o.Attempts))
		out = binary.AppendVarint(out, o.At.UnixMilli()-base)
		out = words.append(out, o.connection)
		out = words.append(out, o.Reason)
		if o.CarriedBy != 0 {
			out = appendBack(out, seq, o.CarriedBy)
		}
		if o.place != 0 {
			out = appendBack(out, seq, o.place)
		}
	}
	return out, nil
}

// encodeNoOutcomes is a record without outcomes, by which an owner begins.
func encodeNoOutcomes() []byte { return []byte{outcomesVersion, 0, 0} }

func kindCode(kind Kind) (byte, error) {
	for code, k := range kindCodes {
		if k == kind {
			return byte(code), nil
		}
	}
	return 0, fmt.Errorf("outcome %q is not one of %v", kind, kindCodes)
}

func decodeOutcomes(data []byte) ([]storedOutcome, error) {
	if len(data) == 0 || data[0] != outcomesVersion {
		return nil, fmt.Errorf("outcomes header: %w", ErrCorrupt)
	}
	r := reader{data: data[1:]}
	n := r.uvarint()
	base := r.varint()
	const smallest = 7
	if r.failed || n > uint64(len(r.data)/smallest) {
		return nil, fmt.Errorf("outcomes header: %w", ErrCorrupt)
	}
	outcomes := make([]storedOutcome, n)
	var words wordReader
	var seq uint64
	for i := range outcomes {
		o := &outcomes[i]
		seq += uint64(r.varint())
		index := r.uvarint()
		code := r.byte()
		o.Attempts = int(r.uvarint())
		o.At = time.UnixMilli(base + r.varint()).UTC()
		o.connection = words.read(&r)
		o.Reason = words.read(&r)
		if code&carried != 0 {
			o.CarriedBy = readBack(&r, seq)
		}
		if code&placed != 0 {
			o.place = readBack(&r, seq)
		}
		code &^= carried | placed
		if r.failed || index >= maxPackEntries || int(code) >= len(kindCodes) {
			return nil, fmt.Errorf("outcome %d of %d: %w", i, n, ErrCorrupt)
		}
		o.Position, o.Kind = At(seq, int(index)), kindCodes[code]
	}
	return outcomes, nil
}

// appendBack writes a position that an outcome of the pack at seq refers to.
func appendBack(dst []byte, seq uint64, pos Position) []byte {
	dst = binary.AppendVarint(dst, int64(seq-pos.Seq()))
	return binary.AppendUvarint(dst, uint64(pos.Index()))
}

// readBack is the reverse of appendBack.
func readBack(r *reader, seq uint64) Position {
	seq -= uint64(r.varint())
	index := r.uvarint()
	if index >= maxPackEntries {
		r.failed = true
		return 0
	}
	return At(seq, int(index))
}

// wordWriter writes a word the first time it occurs, and its number after that. Number 0 announces a new word.
type wordWriter struct{ numbers map[string]uint64 }

func (w *wordWriter) append(dst []byte, word string) []byte {
	if n, ok := w.numbers[word]; ok {
		return binary.AppendUvarint(dst, n)
	}
	if w.numbers == nil {
		w.numbers = map[string]uint64{}
	}
	w.numbers[word] = uint64(len(w.numbers)) + 1
	dst = binary.AppendUvarint(dst, 0)
	return appendString(dst, word)
}

type wordReader struct{ words []string }

func (w *wordReader) read(r *reader) string {
	n := r.uvarint()
	switch {
	case n == 0:
		word := r.string()
		w.words = append(w.words, word)
		return word
	case n <= uint64(len(w.words)):
		return w.words[n-1]
	}
	r.failed = true
	return ""
}

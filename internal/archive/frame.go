package archive

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/s2"

	"tanker/internal/journal"
)

// Errors of a file. They are matched with errors.Is; the text says at which byte.
var (
	// ErrFormat says that a file is no exported journal, or one of a version that this program does not know.
	ErrFormat = errors.New("no exported journal")
	// ErrDamaged says that a file is not as it was written.
	ErrDamaged = errors.New("the file is damaged")
	// ErrTruncated says that a file ends too early.
	ErrTruncated = errors.New("the file is not complete")
)

// first is how a file begins. The number is the version.
const first = "Tanker journal 1\n"

// Kinds of frames.
const (
	kindHeader   = 'H'
	kindStream   = 'S'
	kindMessages = 'M'
	kindEnd      = 'E'
	kindLast     = 'Z'
)

const (
	frameHead = 1 + 4 + 4
	// frameTarget is the content at which a frame of messages is full; one more message fits in.
	frameTarget = 1 << 20
	maxContent  = frameTarget + journal.MaxStoredData + journal.MaxStoredHeader + journal.MaxStoredSubject + 64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameWriter writes frames. It keeps its buffer from one to the next.
type frameWriter struct {
	w   io.Writer
	buf []byte
}

func (f *frameWriter) write(kind byte, content []byte) error {
	if need := frameHead + s2.MaxEncodedLen(len(content)); cap(f.buf) < need {
		f.buf = make([]byte, need)
	}
	packed := s2.Encode(f.buf[frameHead:cap(f.buf)], content)
	frame := f.buf[:frameHead+len(packed)]
	frame[0] = kind
	binary.LittleEndian.PutUint32(frame[1:], uint32(len(packed)))
	binary.LittleEndian.PutUint32(frame[5:], checksum(frame))
	_, err := f.w.Write(frame)
	return err
}

func (f *frameWriter) writeJSON(kind byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(kind, content)
}

// checksum is that of a whole frame.
func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:5], castagnoli), castagnoli, frame[frameHead:])
}

// frameReader reads frames. A frame's content is valid until the next is read.
type frameReader struct {
	r       io.Reader
	at      int64 // where the frame that was read last begins
	next    int64 // where the next one begins
	frame   []byte
	content []byte
}

// start reads how a file begins.
func (f *frameReader) start() error {
	begin := make([]byte, len(first))
	n, err := io.ReadFull(f.r, begin)
	f.next = int64(n)
	switch {
	case err == nil && string(begin) == first:
		return nil
	case err == nil && string(begin[:len(first)-2]) == first[:len(first)-2]:
		return fmt.Errorf("%w that this version of Tanker can read: %q", ErrFormat, begin)
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrFormat
	}
	return err
}

func (f *frameReader) read() (kind byte, content []byte, err error) {
	f.at = f.next
	if cap(f.frame) < frameHead {
		f.frame = make([]byte, frameHead, 64<<10)
	}
	if err := f.fill(f.frame[:frameHead]); err != nil {
		return 0, nil, err
	}
	size := binary.LittleEndian.Uint32(f.frame[1:frameHead])
	if size > uint32(s2.MaxEncodedLen(maxContent)) {
		return 0, nil, f.damaged("a part of %d bytes", size)
	}
	if need := frameHead + int(size); cap(f.frame) < need {
		grown := make([]byte, need)
		copy(grown, f.frame[:frameHead])
		f.frame = grown
	}
	f.frame = f.frame[:frameHead+int(size)]
	if err := f.fill(f.frame[frameHead:]); err != nil {
		return 0, nil, err
	}
	if checksum(f.frame) != binary.LittleEndian.Uint32(f.frame[5:]) {
		return 0, nil, f.damaged("wrong checksum")
	}
	n, err := s2.DecodedLen(f.frame[frameHead:])
	if err != nil || n > maxContent {
		return 0, nil, f.damaged("a part of %d bytes", n)
	}
	if f.content, err = s2.Decode(f.content[:cap(f.content)], f.frame[frameHead:]); err != nil {
		return 0, nil, f.damaged("%w", err)
	}
	return f.frame[0], f.content, nil
}

// fill reads the next bytes of a frame.
func (f *frameReader) fill(into []byte) error {
	n, err := io.ReadFull(f.r, into)
	f.next += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends at byte %d", ErrTruncated, f.next)
	}
	return err
}

// damaged is an error that says where.
func (f *frameReader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %w", ErrDamaged, f.at, fmt.Errorf(format, args...))
}

// readJSON reads a frame that has to be of a kind.
func (f *frameReader) readJSON(kind byte, v any) error {
	got, content, err := f.read()
	if err != nil {
		return err
	}
	if got != kind {
		return f.damaged("%q in the place of %q", got, kind)
	}
	return f.decode(content, v)
}

func (f *frameReader) decode(content []byte, v any) error {
	if err := json.Unmarshal(content, v); err != nil {
		return f.damaged("%w", err)
	}
	return nil
}

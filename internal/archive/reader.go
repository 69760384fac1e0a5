package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"tanker/internal/journal"
)

// Reader reads a file, from front to back. After an error it reads nothing more.
type Reader struct {
	header  Header
	frames  frameReader
	total   tally
	started int // streams that have begun
}

// NewReader begins to read. Errors: ErrFormat, ErrDamaged, ErrTruncated.
func NewReader(r io.Reader) (*Reader, error) {
	a := &Reader{frames: frameReader{r: bufio.NewReaderSize(r, 256<<10)}, total: tally{hash: sha256.New()}}
	if err := a.frames.start(); err != nil {
		return nil, err
	}
	if err := a.frames.readJSON(kindHeader, &a.header); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range a.header.Streams {
		if err := s.Check(); err != nil {
			return nil, a.frames.damaged("%w", err)
		}
		if seen[s.Name] {
			return nil, a.frames.damaged("stream %q twice", s.Name)
		}
		seen[s.Name] = true
	}
	return a, nil
}

// Header says what the file holds.
func (a *Reader) Header() Header { return a.header }

// Streams are those of the file, in their order.
func (a *Reader) Streams(context.Context) ([]journal.StoredStream, error) {
	return a.header.Streams, nil
}

// Read hands the messages of a stream to do, in order, and compares them with what is said of the stream at its end.
// Streams have to be read in their order; those between are read too, and handed to nobody. A message is valid until do
// returns. Errors: what do returns, ErrDamaged, ErrTruncated, the context's.
func (a *Reader) Read(ctx context.Context, stream string, do func(*journal.StoredMessage) error) error {
	for a.started < len(a.header.Streams) {
		next := a.header.Streams[a.started]
		a.started++
		if next.Name == stream {
			return a.read(ctx, next, do)
		}
		if err := a.read(ctx, next, func(*journal.StoredMessage) error { return nil }); err != nil {
			return err
		}
	}
	return fmt.Errorf("stream %s is not to be read any more", stream)
}

// Close reads how the file ends, and the streams that were not read. Errors: those of Read.
func (a *Reader) Close(ctx context.Context) (Summary, error) {
	for a.started < len(a.header.Streams) {
		if err := a.Read(ctx, a.header.Streams[a.started].Name, func(*journal.StoredMessage) error { return nil }); err != nil {
			return Summary{}, err
		}
	}
	var said Summary
	if err := a.frames.readJSON(kindLast, &said); err != nil {
		return Summary{}, err
	}
	if said != a.total.summary() {
		return Summary{}, a.frames.damaged("it is said to hold %d messages with %d events, and holds %d with %d, or others",
			said.Messages, said.Events, a.total.Messages, a.total.Events)
	}
	if n, err := io.ReadFull(a.frames.r, make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		a.frames.at = a.frames.next
		return Summary{}, a.frames.damaged("something follows its end")
	}
	return said, nil
}

// read reads the next stream.
func (a *Reader) read(ctx context.Context, stream journal.StoredStream, do func(*journal.StoredMessage) error) error {
	var begun journal.StoredStream
	if err := a.frames.readJSON(kindStream, &begun); err != nil {
		return err
	}
	if begun != stream {
		return a.frames.damaged("stream %q is not the one that was announced", begun.Name)
	}
	s := streamReader{stream: stream, digest: journal.NewDigest(stream.Name), do: do}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		kind, content, err := a.frames.read()
		if err != nil {
			return err
		}
		switch kind {
		case kindMessages:
			if err := s.messages(content); err != nil && s.refused {
				return err
			} else if err != nil {
				return a.frames.damaged("%w", err)
			}
		case kindEnd:
			var said streamEnd
			if err := a.frames.decode(content, &said); err != nil {
				return err
			}
			if said != a.total.add(s.digest) {
				return a.frames.damaged("%s is said to hold %d messages with %d events, and holds %d with %d, or others",
					stream.Name, said.Messages, said.Events, s.digest.Messages, s.digest.Events)
			}
			return nil
		default:
			return a.frames.damaged("%q in the middle of %s", kind, stream.Name)
		}
	}
}

// streamReader reads the messages of a stream.
type streamReader struct {
	stream   journal.StoredStream
	digest   *journal.Digest
	do       func(*journal.StoredMessage) error
	refused  bool // by do
	lastSeq  uint64
	lastTime int64
}

func (s *streamReader) messages(content []byte) error {
	for len(content) > 0 {
		m, rest, ok := s.next(content)
		if !ok {
			return fmt.Errorf("%w: a message after %s %d", journal.ErrCorrupt, s.stream.Name, s.lastSeq)
		}
		content = rest
		if m.Seq <= s.lastSeq || m.Seq < s.stream.First || m.Seq > s.stream.Last {
			return fmt.Errorf("%w: %s %d after %d", journal.ErrCorrupt, s.stream.Name, m.Seq, s.lastSeq)
		}
		if err := m.Check(s.stream.Name); err != nil {
			return fmt.Errorf("%s %d: %w", s.stream.Name, m.Seq, err)
		}
		if err := s.digest.Add(m); err != nil {
			return err
		}
		s.lastSeq, s.lastTime = m.Seq, m.Time.UnixNano()
		if err := s.do(m); err != nil {
			s.refused = true
			return err
		}
	}
	return nil
}

// next reads one message.
func (s *streamReader) next(content []byte) (m *journal.StoredMessage, rest []byte, ok bool) {
	seq, n := binary.Uvarint(content)
	if n <= 0 {
		return nil, nil, false
	}
	at, size := binary.Varint(content[n:])
	if size <= 0 {
		return nil, nil, false
	}
	content = content[n+size:]
	var parts [3][]byte
	for i := range parts {
		if parts[i], content, ok = takeBytes(content); !ok {
			return nil, nil, false
		}
	}
	return &journal.StoredMessage{
		Seq: s.lastSeq + seq, Time: time.Unix(0, s.lastTime+at).UTC(),
		Subject: string(parts[0]), Header: parts[1], Data: parts[2],
	}, content, true
}

func takeBytes(content []byte) (taken, rest []byte, ok bool) {
	n, size := binary.Uvarint(content)
	if size <= 0 || n > uint64(len(content)-size) {
		return nil, nil, false
	}
	content = content[size:]
	return content[:n:n], content[n:], true
}

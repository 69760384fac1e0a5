package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"time"

	"tanker/internal/journal"
)

// Header says what a file holds.
type Header struct {
	ID      string                 `json:"id"`      // of this export, different from all others
	Made    time.Time              `json:"made"`    // when
	Program string                 `json:"program"` // version of the program
	Streams []journal.StoredStream `json:"streams"` // in the order in which they follow
}

// Summary is what was written or read.
type Summary struct {
	Streams  int    `json:"streams"`
	Messages uint64 `json:"messages"`
	Events   uint64 `json:"events"`
	Digest   string `json:"digest"` // SHA-256 of the digests of the streams, in hexadecimal
}

// streamEnd stands behind a stream's messages.
type streamEnd struct {
	Messages uint64 `json:"messages"`
	Events   uint64 `json:"events"`
	Digest   string `json:"digest"` // see journal.Digest, in hexadecimal
}

// tally adds the streams of a file up.
type tally struct {
	Summary
	hash hash.Hash
}

func (t *tally) add(d *journal.Digest) streamEnd {
	sum := d.Sum()
	t.hash.Write(sum[:])
	t.Streams++
	t.Messages += d.Messages
	t.Events += d.Events
	return streamEnd{Messages: d.Messages, Events: d.Events, Digest: hex.EncodeToString(sum[:])}
}

func (t *tally) summary() Summary {
	s := t.Summary
	s.Digest = hex.EncodeToString(t.hash.Sum(nil))
	return s
}

// Writer writes a file.
type Writer struct {
	frames frameWriter
	total  tally
}

// NewWriter begins a file.
func NewWriter(w io.Writer, header Header) (*Writer, error) {
	if _, err := io.WriteString(w, first); err != nil {
		return nil, err
	}
	a := &Writer{frames: frameWriter{w: w}, total: tally{hash: sha256.New()}}
	return a, a.frames.writeJSON(kindHeader, header)
}

// Write adds a stream: the messages that write puts, in order. The streams have to come as the header names them.
func (a *Writer) Write(stream journal.StoredStream, write func(put func(*journal.StoredMessage) error) error) error {
	if err := a.frames.writeJSON(kindStream, stream); err != nil {
		return err
	}
	s := streamWriter{frames: &a.frames, digest: journal.NewDigest(stream.Name)}
	if err := write(s.put); err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return err
	}
	return a.frames.writeJSON(kindEnd, a.total.add(s.digest))
}

// Close ends the file. It does not close what it writes to.
func (a *Writer) Close() (Summary, error) {
	s := a.total.summary()
	return s, a.frames.writeJSON(kindLast, s)
}

// streamWriter writes the messages of a stream.
type streamWriter struct {
	frames   *frameWriter
	digest   *journal.Digest
	content  []byte
	lastSeq  uint64
	lastTime int64
}

func (s *streamWriter) put(m *journal.StoredMessage) error {
	if err := s.digest.Add(m); err != nil {
		return err
	}
	at := m.Time.UnixNano()
	s.content = binary.AppendUvarint(s.content, m.Seq-s.lastSeq)
	s.content = binary.AppendVarint(s.content, at-s.lastTime)
	s.lastSeq, s.lastTime = m.Seq, at
	s.content = appendBytes(s.content, []byte(m.Subject))
	s.content = appendBytes(s.content, m.Header)
	s.content = appendBytes(s.content, m.Data)
	if len(s.content) >= frameTarget {
		return s.flush()
	}
	return nil
}

func (s *streamWriter) flush() error {
	if len(s.content) == 0 {
		return nil
	}
	err := s.frames.write(kindMessages, s.content)
	s.content = s.content[:0]
	return err
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

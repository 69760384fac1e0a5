// Package ndjson reads streams of JSON texts, one on each line, with one line in memory at a time.
package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"tanker/event"
)

// ErrLongLine means that a line was skipped because of its length.
var ErrLongLine = errors.New("the line is too long")

// Reader reads lines that may not be longer than a limit, and keeps one of them.
type Reader struct {
	in     *bufio.Reader
	most   int
	line   []byte
	number int
}

// NewReader reads lines of at most that many bytes from in; 0 means 4,096,000.
func NewReader(in io.Reader, most int) *Reader {
	if most <= 0 {
		most = event.DefaultLimits().MaxBytes
	}
	return &Reader{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

// Next returns the next line that is not blank, without white space around it. It is overwritten by the next
// call. After the last line comes io.EOF. A line beyond the limit is skipped with an error that wraps
// ErrLongLine, and reading can go on.
func (r *Reader) Next() ([]byte, error) {
	for {
		size, err := r.read()
		if size == 0 && err != nil {
			return nil, err
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if size > r.most {
			return nil, fmt.Errorf("%w: %d bytes of at most %d", ErrLongLine, size, r.most)
		}
		if line := bytes.TrimSpace(r.line); len(line) > 0 {
			return line, nil
		}
	}
}

// read reads one line, of which it keeps no more than a little beyond the limit, and returns its length
// without the line's end.
func (r *Reader) read() (size int, err error) {
	r.line = r.line[:0]
	r.number++
	for {
		part, err := r.in.ReadSlice('\n')
		part = bytes.TrimSuffix(part, []byte("\n"))
		size += len(part)
		if len(r.line) <= r.most {
			r.line = append(r.line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return size, err
		}
	}
}

// Number is the number of the line read last, from 1; blank lines count.
func (r *Reader) Number() int { return r.number }

// Waiting reports whether the next line has yet to come in.
func (r *Reader) Waiting() bool {
	here, err := r.in.Peek(r.in.Buffered())
	return err != nil || bytes.IndexByte(here, '\n') < 0
}

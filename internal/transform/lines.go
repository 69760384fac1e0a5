package transform

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"tanker/event"
)

// errLongLine means that a line was skipped because of its length.
var errLongLine = errors.New("the line is too long")

// lineReader reads lines that may not be longer than a limit, and keeps one of them.
type lineReader struct {
	in     *bufio.Reader
	most   int
	line   []byte
	number int // of the line read last, from 1
}

func newLineReader(in io.Reader, most int) *lineReader {
	if most <= 0 {
		most = event.DefaultLimits().MaxBytes
	}
	return &lineReader{in: bufio.NewReaderSize(in, 64<<10), most: most}
}

// next returns the next line that is not blank, without white space around it. It is overwritten by the next
// call. After the last line comes io.EOF. A line beyond the limit is skipped with an error that wraps
// errLongLine, and reading can go on.
func (r *lineReader) next() ([]byte, error) {
	for {
		size, err := r.read()
		if size == 0 && err != nil {
			return nil, err
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if size > r.most {
			return nil, fmt.Errorf("%w: %d bytes of at most %d", errLongLine, size, r.most)
		}
		if line := bytes.TrimSpace(r.line); len(line) > 0 {
			return line, nil
		}
	}
}

// read reads one line, of which it keeps no more than a little beyond the limit, and returns its length
// without the line's end.
func (r *lineReader) read() (size int, err error) {
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

// waiting reports whether the next line has yet to come in.
func (r *lineReader) waiting() bool {
	here, err := r.in.Peek(r.in.Buffered())
	return err != nil || bytes.IndexByte(here, '\n') < 0
}

package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/klauspost/compress/gzip"
)

var (
	errNoMemory = errors.New("too many bytes of requests in flight")
	errTooLarge = errors.New("body is larger than the limit")
)

// gunzipMemory is what a gzip reader is counted as in the budget: window, tables and input buffer.
const gunzipMemory = 64 << 10

// bodyReader reads the bodies of requests into memory, never more than limit+1 bytes of one, counted before
// and after decompression alike.
type bodyReader struct {
	limit   int
	buffers *buffers
	gunzips sync.Pool // of *gzip.Reader
}

// read reads the whole body, decompressed if its encoding is exactly "gzip"; any other encoding is left as it
// is. The caller gives the buffer back.
func (br *bodyReader) read(r *http.Request, l *lease) (*buffer, *refusal) {
	gzipped := r.Header.Get("Content-Encoding") == "gzip"
	if r.ContentLength > int64(br.limit) && !gzipped {
		br.drain(r)
		return nil, tooLarge
	}
	var b *buffer
	var err error
	if gzipped {
		b, err = br.readGzip(r, l)
	} else {
		b, err = br.readAll(r.Context(), l, r.Body, int(r.ContentLength)+1)
	}
	if err == nil {
		return b, nil
	}
	refused := readRefusal(err)
	if refused == tooLarge {
		br.drain(r)
	}
	return nil, refused
}

// readRefusal is the answer to a failed read.
func readRefusal(err error) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge
	case errors.Is(err, errNoMemory):
		return outOfMemory.because(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return tooSlow.because(err)
	}
	return unreadable.because(err)
}

// readGzip reads a compressed body.
func (br *bodyReader) readGzip(r *http.Request, l *lease) (*buffer, error) {
	if !l.take(r.Context(), gunzipMemory) {
		return nil, errNoMemory
	}
	defer l.give(gunzipMemory)
	z, ok := br.gunzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer br.gunzips.Put(z)
	var unzipped io.Reader = z
	switch err := z.Reset(&capped{body: r.Body, left: br.limit}); {
	case err == nil:
	case errors.Is(err, io.EOF): // no byte at all: an empty body
		unzipped = http.NoBody
	default:
		return nil, err
	}
	const usualRatio = 4 // of JSON
	return br.readAll(r.Context(), l, unzipped, usualRatio*int(min(r.ContentLength, int64(br.limit))))
}

// maxFirstBuffer is the most memory that is taken on a client's mere word about the length of its body.
const maxFirstBuffer = 64 << 10

// readAll reads src to its end. expect is a guess at its length.
func (br *bodyReader) readAll(ctx context.Context, l *lease, src io.Reader, expect int) (*buffer, error) {
	b := br.buffers.get(ctx, l, min(expect, maxFirstBuffer))
	if b == nil {
		return nil, errNoMemory
	}
	for {
		if len(b.data) == cap(b.data) {
			larger := br.buffers.grow(ctx, l, b)
			if larger == nil {
				br.buffers.recycle(l, b)
				return nil, errNoMemory
			}
			b = larger
		}
		n, err := src.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if len(b.data) > br.limit {
			err = errTooLarge
		}
		switch err {
		case nil:
		case io.EOF:
			return b, nil
		default:
			br.buffers.recycle(l, b)
			return nil, err
		}
	}
}

// drainLimit is how much of a body that is too large is still read, and thrown away, so that a client which
// is only somewhat over the limit finishes sending and reads its answer. To a larger one the
// connection is closed.
const drainLimit = 8 << 20

func (br *bodyReader) drain(r *http.Request) {
	if r.Header.Get("Expect") != "" {
		return // the client waits for leave to send; reading would give it
	}
	_, _ = io.CopyN(io.Discard, r.Body, drainLimit) // for the client's sake only
}

// capped reads at most left bytes of a body and fails with errTooLarge on the next.
type capped struct {
	body io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.body.Read(p[:min(len(p), c.left+1)])
	if n > c.left {
		return c.left, errTooLarge
	}
	c.left -= n
	return n, err
}

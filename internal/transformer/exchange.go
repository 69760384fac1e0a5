package transformer

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"tanker/event"
)

// exchange is one request and its answer. Its memory is used again for the next one.
type exchange struct {
	request *http.Request
	body    []byte
	parser  event.Parser
	root    event.Value // the body
	items   []item
	targets map[string]*target // by the text of the destination, or by its id
	out     []byte
	lent    bool // the body has been given away, and may be read after the answer
}

// Bounds of the memory that is kept for the next request.
const (
	keptBody  = 4 << 20
	keptItems = 10_000
)

// exchange reads a request, has a route answer it, and sends the answer.
func (h *Handler) exchange(w http.ResponseWriter, r *http.Request, route func(http.ResponseWriter, *exchange) *failure) {
	x, ok := h.exchanges.Get().(*exchange)
	if !ok {
		x = &exchange{targets: map[string]*target{}}
	}
	claim := claim{memory: &h.memory}
	defer claim.end()
	x.request = r
	failed := h.read(x, &claim)
	if failed == nil {
		failed = route(w, x)
	}
	if failed != nil {
		failed.write(w)
	}
	h.release(x)
}

// release keeps the memory of an exchange that has ended in order, if it is its own and not too much.
func (h *Handler) release(x *exchange) {
	if x.lent || cap(x.body) > keptBody || cap(x.out) > keptBody || cap(x.items) > keptItems {
		return
	}
	clear(x.items)
	clear(x.targets)
	*x = exchange{body: x.body[:0], parser: x.parser, items: x.items[:0], targets: x.targets, out: x.out[:0]}
	h.exchanges.Put(x)
}

// read reads and parses the body. One that is not said to be JSON is not looked at, as in rudder-transformer: what
// misses it says so then.
func (h *Handler) read(x *exchange, c *claim) *failure {
	if e := x.request.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return &failure{status: http.StatusUnsupportedMediaType, class: "Unsupported Media Type", message: "the body must not be encoded: " + e}
	}
	if failed := h.readBody(x, c); failed != nil {
		return failed
	}
	if len(x.body) == 0 || !strings.Contains(x.request.Header.Get("Content-Type"), "json") {
		return nil
	}
	root, err := x.parser.Parse(x.body, h.limits)
	if err != nil {
		return badRequest(err.Error())
	}
	if kind := root.Kind(); kind != event.Object && kind != event.Array {
		return badRequest("invalid JSON, only supports object and array")
	}
	x.root = root
	return nil
}

const (
	firstRead = 64 << 10
	// memoryOfByte is what a byte of a body takes of memory: itself, its share of the answer, and of what parsing keeps.
	memoryOfByte = 4
)

// readBody reads the body into memory that grows with what has arrived.
func (h *Handler) readBody(x *exchange, c *claim) *failure {
	length := x.request.ContentLength
	if length > int64(h.options.MaxBody) {
		return errTooLarge
	}
	x.body = x.body[:0]
	if cap(x.body) == 0 {
		x.body = make([]byte, 0, firstRead)
	}
	for {
		if len(x.body) == cap(x.body) {
			x.body = grown(x.body, length)
		}
		if !c.atLeast(memoryOfByte * int64(max(len(x.body), firstRead))) {
			return errNoMemory
		}
		n, err := x.request.Body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		switch {
		case len(x.body) > h.options.MaxBody:
			return errTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badRequest("Request aborted")
		}
	}
}

// grown is a larger buffer with the same bytes: twice as large, or just right if the length is known.
func grown(body []byte, length int64) []byte {
	size := 2 * cap(body)
	if int64(size) > length && length >= int64(cap(body)) {
		size = int(length) + 1 // the byte by which the end is noticed
	}
	larger := make([]byte, len(body), size)
	copy(larger, body)
	return larger
}

// memory counts what all requests take together.
type memory struct {
	most  int64
	taken atomic.Int64
}

// claim is what one request has taken.
type claim struct {
	memory *memory
	taken  int64
}

// atLeast raises the claim to n bytes. It reports whether they are there; they always are for who is alone.
func (c *claim) atLeast(n int64) bool {
	more := n - c.taken
	if more <= 0 {
		return true
	}
	if all := c.memory.taken.Add(more); all > c.memory.most && all > n {
		c.memory.taken.Add(-more)
		return false
	}
	c.taken = n
	return true
}

func (c *claim) end() {
	c.memory.taken.Add(-c.taken)
	c.taken = 0
}

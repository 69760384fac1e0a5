package gateway

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of an event that comes in a URL. The URL itself is bounded by the server's limit for headers.
const (
	maxPixelFields = 500
	maxPixelDepth  = 16
)

// pixel is a GIF of one transparent dot, the one that RudderStack answers.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x21\xf9\x04\x01\x00\x00\x00\x00" +
	"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b")

// servePixel is the handler of an address that an image points to: the event is in the query. The answer is always the
// image, since nobody is there to read another; what was wrong stands in the log and the metrics.
func (g *Gateway) servePixel(kind string) http.HandlerFunc {
	e := endpoint{queryKey, g.readPixel, unpackSingle(kind)}
	return func(w http.ResponseWriter, r *http.Request) {
		if kind != "track" || !namesNothing(r.URL.Query()) {
			_ = g.take(r, e) // reported there
		}
		h := w.Header()
		h.Set("Content-Type", "image/gif")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(len(pixel)))
		_, _ = w.Write(pixel)
	}
}

// namesNothing says whether a track event has an empty name: RudderStack records nothing then.
func namesNothing(query url.Values) bool {
	names, ok := query["event"]
	return ok && names[0] == ""
}

// readPixel makes the event that the query describes: each parameter is a member, with dots for nesting.
func (g *Gateway) readPixel(r *http.Request, l *lease) (*buffer, *refusal) {
	body := pixelEvent(r.URL.Query(), strings.HasSuffix(r.URL.Path, "/page"), time.Now())
	b := g.bodies.buffers.get(r.Context(), l, len(body))
	if b == nil {
		return nil, outOfMemory.because(errNoMemory)
	}
	if len(body) > min(cap(b.data), g.options.MaxBody) {
		g.bodies.buffers.recycle(l, b)
		return nil, tooLarge
	}
	b.data = append(b.data, body...)
	return b, nil
}

func pixelEvent(query url.Values, page bool, now time.Time) []byte {
	stamp := now.UTC().Format(time.RFC3339Nano)
	event := map[string]any{
		"channel": "web", "integrations": map[string]any{"All": true}, "originalTimestamp": stamp, "sentAt": stamp,
	}
	query.Del("writeKey")
	names := slices.Sorted(maps.Keys(query)) // of "a" and "a.b" the longer one stays, each time
	for _, name := range names[:min(len(names), maxPixelFields)] {
		value := query.Get(name)
		switch {
		case name == "anonymousId":
			value = strings.Trim(value, `"`)
		case name == "name" && page && value == "":
			value = "Unknown Page"
		}
		setPath(event, strings.Split(name, "."), value)
	}
	body, err := json.Marshal(event)
	if err != nil {
		panic(err) // maps of strings
	}
	return body
}

// setPath sets a nested member, in the place of what does not fit.
func setPath(object map[string]any, path []string, value string) {
	if len(path) > maxPixelDepth {
		return
	}
	for _, name := range path[:len(path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	object[path[len(path)-1]] = value
}

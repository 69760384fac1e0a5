package transformer

import (
	"net/http"

	"tanker/event"
)

// processor answers /v0/destinations/refiner: a list of events becomes a list of requests, in the same order.
func (h *Handler) processor(w http.ResponseWriter, x *exchange) *failure {
	list := x.root
	if x.isCompacted() {
		list = x.root.Get("input")
	}
	if list.Kind() != event.Array || isEmpty(list) {
		return internalError("Cannot read properties of undefined (reading 'metadata')")
	}
	if failed := h.unpack(x, list, false); failed != nil {
		return failed
	}
	aimless := x.aimless()
	x.out = append(x.out, '[')
	for n := range x.items {
		if n > 0 {
			x.out = append(x.out, ',')
		}
		if aimless {
			x.out = x.items[n].appendFailed(x.out, exception(noDestination))
		} else {
			x.out = x.items[n].appendProcessed(x.out)
		}
	}
	x.out = append(x.out, ']')
	answer(w, http.StatusOK, x.out)
	return nil
}

func isEmpty(list event.Value) bool {
	for range list.Elements() {
		return false
	}
	return true
}

// appendProcessed writes what became of an item.
func (i *item) appendProcessed(out []byte) []byte {
	start := len(out)
	out, failed := i.appendRequest(append(out, `{"output":`...))
	if failed != nil {
		return i.appendFailed(out[:start], failed)
	}
	out = append(out, `,"userId":""},`...)
	out = i.appendMetadata(out)
	return append(out, `"statusCode":200}`...)
}

func (i *item) appendFailed(out []byte, f *fault) []byte {
	out = i.appendMetadata(append(out, '{'))
	return append(f.append(out, tags{feature: "processor", metadata: i.metadata}), '}')
}

// appendMetadata writes the metadata as it came, and a comma, if there is any.
func (i *item) appendMetadata(out []byte) []byte {
	if !i.metadata.Exists() {
		return out
	}
	out = append(out, `"metadata":`...)
	return append(append(out, i.metadata.Raw()...), ',')
}

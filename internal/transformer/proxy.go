package transformer

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tanker/event"
	"tanker/mapping"
)

// proxyV0 delivers the request of one event. name is the destination type as the path spells it.
func (h *Handler) proxyV0(name string) func(http.ResponseWriter, *exchange) *failure {
	return func(w http.ResponseWriter, x *exchange) *failure {
		d := h.deliver(x.request.Context(), x.root)
		x.out = append(x.out, `{"output":{"status":`...)
		x.out = strconv.AppendInt(x.out, int64(d.status), 10)
		x.out = appendString(append(x.out, `,"message":`...), d.message(name))
		x.out = append(x.out, `,"destinationResponse":`...)
		x.out = d.appendResponse(x.out)
		x.out = append(d.appendTags(x.out, x.root.Get("metadata")), "}}"...)
		answer(w, d.mirrored(), x.out)
		return nil
	}
}

// proxyV1 delivers the request of several events.
func (h *Handler) proxyV1(name string) func(http.ResponseWriter, *exchange) *failure {
	return func(w http.ResponseWriter, x *exchange) *failure {
		metadata := x.root.Get("metadata")
		if metadata.Kind() != event.Array {
			return internalError("metadata is no list")
		}
		d := h.deliver(x.request.Context(), x.root)
		said := appendString(nil, string(d.response))
		first := event.Value{}
		x.out = append(x.out, `{"output":{"response":[`...)
		for one := range metadata.Elements() {
			if !first.Exists() {
				first = one
			} else {
				x.out = append(x.out, ',')
			}
			x.out = append(append(x.out, `{"error":`...), said...)
			x.out = strconv.AppendInt(append(x.out, `,"statusCode":`...), int64(d.status), 10)
			x.out = append(append(append(x.out, `,"metadata":`...), one.Raw()...), '}')
		}
		x.out = d.appendTags(append(x.out, ']'), first)
		x.out = appendString(append(x.out, `,"message":`...), d.message(name))
		x.out = strconv.AppendInt(append(x.out, `,"status":`...), int64(d.status), 10)
		answer(w, http.StatusOK, append(x.out, "}}"...))
		return nil
	}
}

func (d delivered) message(name string) string {
	switch {
	case d.broken != "":
		return d.broken
	case d.ok():
		return "[Generic Response Handler] Request for destination: " + name + " Processed Successfully"
	}
	return "[Generic Response Handler] Request failed for destination " + name + " with status: " + strconv.Itoa(d.status)
}

// mirrored is the status of the answer by version 0. 404 would mean that there is no such route.
func (d delivered) mirrored() int {
	switch {
	case d.status/100 == 2:
		return http.StatusOK
	case d.status == http.StatusNotFound:
		return http.StatusBadRequest
	}
	return d.status
}

// appendResponse writes what Refiner has answered, its headers in lower case as Node has them.
func (d delivered) appendResponse(out []byte) []byte {
	if d.broken != "" {
		return append(out, `""`...)
	}
	out = append(append(out, `{"response":`...), d.response...)
	out = strconv.AppendInt(append(out, `,"status":`...), int64(d.status), 10)
	if d.headers != nil {
		out = append(out, `,"headers":{`...)
		for n, name := range slices.Sorted(maps.Keys(d.headers)) {
			if n > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, strings.ToLower(name)), ':')
			out = appendString(out, strings.ToValidUTF8(strings.Join(d.headers[name], ", "), "\ufffd"))
		}
		out = append(out, '}')
	}
	return append(out, '}')
}

// appendTags writes the member statTags of a delivery that failed.
func (d delivered) appendTags(out []byte, metadata event.Value) []byte {
	switch {
	case d.ok():
		return out
	case d.broken != "":
		return append(out, `,"statTags":{"errorCategory":"transformation"}`...)
	}
	out = appendString(append(out, `,"statTags":{"errorCategory":"network","errorType":`...), d.class())
	out = append(out, `,"destType":"REFINER","module":"destination","implementation":"native","feature":"dataDelivery"`...)
	for _, name := range [...]string{"destinationId", "workspaceId"} {
		text := "Non-determininable" // which is how rudder-transformer spells it
		if v := metadata.Get(name); mapping.Truthy(v) {
			text = v.Text()
		}
		out = append(appendString(append(out, ','), name), ':')
		out = appendString(out, text)
	}
	return append(out, '}')
}

// class is what rudder-server is to do about a failure.
func (d delivered) class() string {
	switch {
	case d.status == http.StatusTooManyRequests:
		return "throttled"
	case d.status/100 == 5:
		return "retryable"
	}
	return "aborted"
}

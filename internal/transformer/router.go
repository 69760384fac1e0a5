package transformer

import (
	"net/http"
	"slices"

	"tanker/event"
	"tanker/mapping"
)

// router answers /routerTransform: the events of one destination type become requests, those of a destination together.
func (h *Handler) router(w http.ResponseWriter, x *exchange) *failure {
	if done, failed := h.ours(w, x); done || failed != nil {
		return failed
	}
	list := x.root.Get("input")
	if list.Kind() != event.Array || isEmpty(list) {
		x.out = append(x.out, `{"output":[{"metadata":[{"destType":`...)
		x.out = append(x.out, x.root.Get("destType").Raw()...)
		x.out = append(x.out, `}],"batched":false,"statusCode":400,"error":"Invalid event array"}]}`...)
		answer(w, http.StatusOK, x.out)
		return nil
	}
	secret, failed := oauthSecret(x.request)
	if failed == nil {
		failed = h.unpack(x, list, true)
	}
	if failed != nil {
		return failed
	}
	x.appendRouted(secret)
	answer(w, http.StatusOK, x.out)
	return nil
}

// ours sees whether a request names the destination type that is served here. One that does not is done with then:
// passed on, or refused.
func (h *Handler) ours(w http.ResponseWriter, x *exchange) (done bool, failed *failure) {
	name := x.root.Get("destType")
	switch {
	case !name.Exists():
		return false, internalError("Cannot read properties of undefined (reading 'toUpperCase')")
	case name.Kind() != event.String || !isRefiner(name.Text()):
		h.passOn(w, x, func(w http.ResponseWriter) { unknownDestination(w, mapping.JavaScriptText(name)) })
		return true, nil
	}
	return false, nil
}

// oauthSecret is the secret that a header brings for the metadata of all events, as JSON; nil if there is none.
func oauthSecret(r *http.Request) ([]byte, *failure) {
	header := r.Header.Get("Oauth-Secret")
	if header == "" {
		return nil, nil
	}
	wrapped := []byte(`{"secret":` + header + `}`)
	e, err := event.Parse(wrapped, event.Limits{})
	if err != nil {
		return nil, internalError("the header oauth-secret is no JSON")
	}
	return e.Get("secret").Raw(), nil
}

// appendRouted writes the whole answer.
func (x *exchange) appendRouted(secret []byte) {
	x.out = append(x.out, `{"output":[`...)
	if x.aimless() {
		x.out = append(x.appendAllMetadata(append(x.out, '{'), secret), `"batched":false,`...)
		x.out = append(exception(noDestination).append(x.out, tags{}), '}')
	} else {
		for n, place := range x.grouped() {
			if n > 0 {
				x.out = append(x.out, ',')
			}
			i := &x.items[place.item]
			x.out = i.appendRouted(x.out, secret, x.items[place.first].metadata)
		}
	}
	x.out = append(x.out, "]}"...)
}

// appendRouted writes what became of an item. leader is the metadata of the first one of its group.
func (i *item) appendRouted(out, secret []byte, leader event.Value) []byte {
	start := len(out)
	out, failed := i.appendBatched(append(out, `{"batchedRequest":`...))
	if failed != nil {
		out = append(out[:start], '{')
	}
	out = append(out, `"metadata":[`...)
	out = append(appendSecret(out, i.metadata, secret), `],"batched":false,`...)
	if failed != nil {
		out = failed.append(out, tags{feature: "router", metadata: leader, always: true})
	} else {
		out = append(out, `"statusCode":200`...)
	}
	out = append(out, `,"destination":`...)
	return append(append(out, i.destination...), '}')
}

// appendBatched writes an item's request and a comma. A message that is a request already stays one.
func (i *item) appendBatched(out []byte) ([]byte, *fault) {
	if mapping.Truthy(i.event.Get("statusCode")) {
		return append(append(out, i.transformed()...), ','), nil
	}
	out, failed := i.appendRequest(out)
	return append(out, "},"...), failed
}

// transformed is a message that is a request already. Its user's id must be a text.
func (i *item) transformed() []byte {
	user := i.event.Get("userId")
	if user.Kind() == event.String || !mapping.Truthy(user) {
		return i.event.Raw()
	}
	return replaced(i.event.Get(), "userId", appendString(nil, mapping.JavaScriptText(user)))
}

// appendSecret writes an event's metadata as it came, or {} if there is none, with a secret if there is one.
func appendSecret(out []byte, metadata event.Value, secret []byte) []byte {
	switch {
	case secret != nil:
		return append(out, with(metadata, "secret", secret)...)
	case metadata.Kind() != event.Object:
		return append(out, "{}"...)
	}
	return append(out, metadata.Raw()...)
}

// appendAllMetadata writes one list of the metadata of all items, and a comma.
func (x *exchange) appendAllMetadata(out, secret []byte) []byte {
	out = append(out, `"metadata":[`...)
	for n := range x.items {
		if n > 0 {
			out = append(out, ',')
		}
		out = appendSecret(out, x.items[n].metadata, secret)
	}
	return append(out, "],"...)
}

// place is an item's in the answer: first is the first one of its group.
type place struct{ item, first int }

// group is what the events have in common that are answered together.
type group struct{ destination, job, config string }

// grouped puts the items of a group behind each other, the groups in the order in which they first appear.
func (x *exchange) grouped() []place {
	places := make([]place, len(x.items))
	first := map[group]int{}
	for n := range x.items {
		i := &x.items[n]
		if n > 0 && i.target == x.items[n-1].target && !i.target.templates && i.job() == x.items[n-1].job() {
			places[n] = place{n, places[n-1].first}
			continue
		}
		g := group{destination: i.target.id, job: i.job()}
		if i.target.changeable {
			g.config = string(i.config)
		}
		if _, ok := first[g]; !ok {
			first[g] = n
		}
		places[n] = place{n, first[g]}
	}
	slices.SortStableFunc(places, func(a, b place) int { return a.first - b.first })
	return places
}

// job is the reverse-ETL job that an event is of.
func (i *item) job() string {
	if id := i.value.Get("context").Get("sources").Get("job_id"); truthyText(id) {
		return id.Text()
	}
	return "default"
}

// batch answers /batch, which no destination like this one has anything to do with.
func (h *Handler) batch(w http.ResponseWriter, x *exchange) *failure {
	if done, failed := h.ours(w, x); done || failed != nil {
		return failed
	}
	for value := range x.root.Get("input").Elements() {
		x.items = append(x.items, item{metadata: value.Get("metadata")})
	}
	x.out = append(x.appendAllMetadata(append(x.out, "[{"...), nil), `"batched":false,`...)
	x.out = exception("refiner does not implement batch").append(x.out, tags{})
	x.out = append(x.out, "}]"...)
	answer(w, http.StatusOK, x.out)
	return nil
}

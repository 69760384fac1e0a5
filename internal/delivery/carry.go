package delivery

import (
	"slices"

	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// mostCarried is how many events one call brings beside its own.
const mostCarried = 15

// load merges the calls right behind the head of a lane into its call, as far as they go into one. What a call carries
// is out of the lane until the call has ended.
func (s *scheduler) load(it *item, now instant) {
	if s.o.Merge == nil || it.alone {
		return
	}
	whole := asCall(it.call)
	for next := it.next; next != nil && next.carriable(now) && len(it.carried) < mostCarried; next = it.next {
		longer, ok := s.o.Merge(whole, asCall(next.call))
		if !ok {
			break
		}
		whole = longer
		it.lane.lift()
		it.carried = append(it.carried, next)
	}
	if len(it.carried) > 0 {
		it.merged = whole.Body
	}
}

// carriable reports whether the event behind a lane's head may go along with it.
func (it *item) carriable(now instant) bool { return !it.alone && it.notBefore <= now }

func asCall(r refiner.Request) mapping.Call {
	return mapping.Call{Method: r.Method, Path: r.Path, Body: r.Body, Form: r.Form}
}

// request is the call to make for the event and for those it carries.
func (it *item) request() refiner.Request {
	r := it.call
	if len(it.carried) > 0 {
		r.Body = it.merged
	}
	return r
}

// unload puts what a call carried back behind its event, unless it was delivered. If Refiner has refused the call, nobody
// knows for which of its events: from now on they are called one by one.
func (s *scheduler) unload(it *item) {
	if it.verdict.kind == journal.Delivered {
		return
	}
	for _, c := range slices.Backward(it.carried) {
		c.alone = c.alone || it.verdict.action == actSplit
		it.lane.insert(c)
	}
	it.alone = it.alone || it.verdict.action == actSplit
	it.merged, it.carried = nil, nil
}

// finish gives an event its outcome, and those that its call carried, in their order: whatever part of it is on disk when the
// process dies, the events that are called again are the latest ones. The last frees the call's place.
func (s *scheduler) finish(it *item) {
	all := append([]*item{it}, it.carried...)
	for _, c := range it.carried {
		c.lane = nil
		c.verdict = verdict{action: actFinish, kind: journal.Delivered}
		c.carrier = it.entry.Position
	}
	it.merged, it.carried = nil, nil
	all[len(all)-1].frees = true
	s.arrived(all)
	s.finished = append(s.finished, all...)
}

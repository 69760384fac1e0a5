package journal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"tanker/internal/natstest"
)

// owners are processes that share a journal, and turns at owning the destination d.
type owners struct {
	*testing.T

	url string
}

func newOwners(t *testing.T) *owners {
	t.Helper()
	return &owners{t, natstest.Start(t, natstest.Options{Servers: 1}).URL()}
}

func (o *owners) process(name string) *Journal {
	o.Helper()
	j, err := Open(o.Context(), Options{Cluster: Cluster{URL: o.url, Replicas: 1}, Writer: name, MaxBytes: 64 << 20})
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { _ = j.Close() }) // a fenced cursor has nothing to save
	return j
}

func (o *owners) open(j *Journal, epoch uint64) *Cursor {
	o.Helper()
	c, err := j.OpenCursor(o.Context(), CursorOptions{Destination: "d", Sources: []string{"web"}, Start: FromBeginning, Epoch: epoch})
	if err != nil {
		o.Fatal(err)
	}
	return c
}

func (o *owners) append(j *Journal, from, n int) {
	o.Helper()
	var all []Entry
	for i := range n {
		all = append(all, Entry{Source: "web", MessageID: fmt.Sprint("m", from+i), ReceivedAt: time.Now().UTC(), Body: []byte(`{}`)})
	}
	if err := j.Append(o.Context(), all); err != nil {
		o.Fatal(err)
	}
}

func (o *owners) next(c *Cursor, n int) []Entry {
	o.Helper()
	ctx, cancel := context.WithTimeout(o.Context(), 20*time.Second)
	defer cancel()
	var all []Entry
	for len(all) < n {
		entries, err := c.Next(ctx)
		if err != nil {
			o.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all
}

func delivered(entries ...Entry) []Outcome {
	var all []Outcome
	for _, e := range entries {
		all = append(all, Outcome{Position: e.Position, Kind: Delivered, Attempts: 1, At: time.Now().UTC()})
	}
	return all
}

func ids(entries []Entry) []string {
	var all []string
	for _, e := range entries {
		if e.Parked == nil {
			all = append(all, e.MessageID)
		}
	}
	return all
}

func (o *owners) finish(c *Cursor, entries ...Entry) {
	o.Helper()
	if err := c.Finish(o.Context(), delivered(entries...)); err != nil {
		o.Fatal(err)
	}
}

func (o *owners) same(what string, got, want any) {
	o.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (o *owners) fenced(what string, err error) {
	o.Helper()
	if !errors.Is(err, ErrFenced) {
		o.Errorf("%s: %v, want ErrFenced", what, err)
	}
}

// TestFormerOwnerIsFenced lets a process go on that does not know that it has lost its destination.
func TestFormerOwnerIsFenced(t *testing.T) {
	o := newOwners(t)
	a := o.process("a")
	o.append(a, 0, 6)
	b := o.process("b")
	before := o.open(a, 1)
	events := o.next(before, 6)
	o.finish(before, events[0], events[2])

	after := o.open(b, 2)
	o.same("what is left", ids(o.next(after, 4)), []string{"m1", "m3", "m4", "m5"})
	o.fenced("outcomes of the former owner", before.Finish(t.Context(), delivered(events[1])))
	o.fenced("the former owner afterwards", before.Finish(t.Context(), delivered(events[3])))
	o.finish(after, events[1])
	if err := after.save(t.Context()); err != nil {
		t.Error(err)
	}
	s, err := after.Status(t.Context())
	if err != nil || s.Totals.Delivered != 3 || s.Pending != 3 {
		t.Errorf("%+v, %v; want 3 delivered and 3 pending", s, err)
	}
}

// TestFormerOwnerComesLate lets a process take a destination over when another has done so since it was its turn.
func TestFormerOwnerComesLate(t *testing.T) {
	o := newOwners(t)
	a, b := o.process("a"), o.process("b")
	o.append(a, 0, 4)
	owner := o.open(b, 2)
	events := o.next(owner, 4)
	o.finish(owner, events[0])
	_, err := a.OpenCursor(t.Context(), CursorOptions{Destination: "d", Sources: []string{"web"}, Epoch: 1})
	o.fenced("a late owner", err)
	o.finish(owner, events[1])
	if err := owner.save(t.Context()); err != nil {
		t.Error(err)
	}
	owner.Close()
	o.same("what is left", ids(o.next(o.open(a, 3), 2)), []string{"m2", "m3"})
}

// TestFormerOwnerSavesInBetween lets a former owner save its cursor after the new one has read it.
func TestFormerOwnerSavesInBetween(t *testing.T) {
	o := newOwners(t)
	a, b := o.process("a"), o.process("b")
	o.append(a, 0, 3)
	before := o.open(a, 1)
	events := o.next(before, 3)
	o.finish(before, events[0])
	after := o.open(b, 2)
	after.mu.Lock()
	after.revision-- // as if it had read what was there before
	after.dirty = true
	after.mu.Unlock()
	if err := after.save(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if err := after.save(t.Context()); err != nil {
		t.Errorf("saving again: %v", err)
	}
}

// TestAnswerToOutcomesLost stores a record of whose storing the owner does not learn.
func TestAnswerToOutcomesLost(t *testing.T) {
	o := newOwners(t)
	a := o.process("a")
	o.append(a, 0, 3)
	c := o.open(a, 1)
	events := o.next(c, 3)
	data, err := encodeOutcomes([]storedOutcome{{Outcome: delivered(events[0])[0], connection: "web"}})
	if err != nil {
		t.Fatal(err)
	}
	msg := &nats.Msg{Subject: subjectOutcomes + "d", Data: data}
	c.fence.mark(msg)
	if _, err := a.js.PublishMsg(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	o.finish(c, events[0])
	o.finish(c, events[1])
	c.Close()
	c = o.open(a, 2)
	o.same("what is left", ids(o.next(c, 1)), []string{"m2"})
	if s, err := c.Status(t.Context()); err != nil || s.Totals.Delivered != 2 {
		t.Errorf("%+v, %v; want 2 delivered", s, err)
	}
}

// TestFormerOwnerParks lets a former owner write to PARKED what it can record no more.
func TestFormerOwnerParks(t *testing.T) {
	o := newOwners(t)
	a := o.process("a")
	o.append(a, 0, 6)
	b := o.process("b")
	before := o.open(a, 1)
	old := o.next(before, 6)
	if err := before.Park(t.Context(), []Parking{{User: "u", Entries: old[:1]}}); err != nil {
		t.Fatal(err)
	}
	after := o.open(b, 2)
	events := o.next(after, 6) // the first tells of what is parked
	var record parkRecord
	if err := before.publishParked(t.Context(), Parking{User: "u", Entries: old[1:4]}, &record); err != nil {
		t.Fatal(err)
	}
	o.fenced("parking by the former owner", before.Park(t.Context(), []Parking{{User: "u", Entries: old[1:3]}}))
	if err := after.Park(t.Context(), []Parking{{User: "u", Entries: events[1:4]}}); err != nil {
		t.Fatal(err)
	}
	unpark := func(c *Cursor) []string {
		var all []string
		for {
			entries, err := c.Unpark(t.Context(), "u", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) == 0 {
				return all
			}
			all = append(all, ids(entries)...)
		}
	}
	o.same("parked", unpark(after), []string{"m0", "m1", "m2", "m3"})
	after.Close()

	again := o.open(o.process("c"), 3)
	o.same("not parked", ids(o.next(again, 3)), []string{"m4", "m5"})
	o.same("parked, after another change", unpark(again), []string{"m0", "m1", "m2", "m3"})
	s, err := again.Status(t.Context())
	if err != nil || s.Parked != 4 || s.Pending != 6 {
		t.Errorf("%+v, %v; want 4 parked of 6 pending", s, err)
	}
	info, err := a.parked.Info(t.Context())
	if err != nil || info.State.Msgs != 2 {
		t.Errorf("%d messages are in PARKED, %v; want 2", info.State.Msgs, err)
	}
}

package admin_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/admin"
	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

var (
	groups = dead.Groups{
		Groups: []dead.Group{{
			ID: "0123456789ab", Destination: "production", Reason: "refused_422", Status: 422, Answer: "user … <b>", Letters: 3,
			First: letter.At, Last: letter.At, Sample: letter.Position,
		}},
		Letters: 3, Looked: 7, Share: 1, Complete: true, UpTo: 9,
	}
	treated = dead.Result{
		Selected: 5, Done: 3, Stay: 1, Gone: 1, Share: 1, UpTo: 9,
		Calls: map[string]int{"POST /v1/track-event": 3}, Refused: map[string]int{"rejected: no_identity": 1},
	}
	named = dead.Treated{
		Name:   dead.Name{Destination: "production", Position: letter.Position},
		Mapped: history.Mapped{Method: "POST", Path: "/v1/track-event", Body: []byte(`{"a":"<&>"}`)},
	}
)

func (f *fake) GroupDead(_ context.Context, filter dead.Filter, progress func(dead.Groups) error) (dead.Groups, error) {
	f.filter = filter
	return groups, errors.Join(progress(dead.Groups{Letters: 1, Share: 0.5}), f.err)
}

func (f *fake) TreatDead(_ context.Context, op dead.Operation, o dead.Observer) (dead.Result, error) {
	f.operation = op
	return treated, errors.Join(o.Progress(dead.Result{Done: 1}), o.Each(named), f.err)
}

func TestManyDeadLetters(t *testing.T) {
	_, backend, server := start(t)
	c := client(server)
	filter := dead.Filter{DeadFilter: journal.DeadFilter{Destination: "production", Reason: "r&s", User: "ü"}, Group: "0123456789ab"}
	var told []dead.Groups
	got, err := c.DeadGroups(t.Context(), filter, func(g dead.Groups) { told = append(told, g) })
	if diff := cmp.Diff(groups, got); err != nil || diff != "" || len(told) != 1 || told[0].Share != 0.5 {
		t.Errorf("%v, told %v: %s", err, told, diff)
	}
	if diff := cmp.Diff(filter, backend.filter); diff != "" {
		t.Error(diff)
	}
	for _, op := range []dead.Operation{
		{Verb: dead.Replay, Filter: filter}, {Verb: dead.Replay, DryRun: true}, {Verb: dead.Discard, Filter: filter}, {Verb: dead.Discard, DryRun: true},
	} {
		var letters []dead.Treated
		done := 0
		result, err := c.TreatDead(t.Context(), op, dead.Observer{
			Each:     func(l dead.Treated) error { letters = append(letters, l); return nil },
			Progress: func(r dead.Result) error { done = r.Done; return nil },
		})
		if diff := cmp.Diff(treated, result); err != nil || diff != "" || done != 1 {
			t.Errorf("%+v: %v, %s", op, err, diff)
		}
		if diff := cmp.Diff([]dead.Treated{named}, letters); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(op, backend.operation); diff != "" {
			t.Error(diff)
		}
	}
}

func TestManyDeadLettersInTrouble(t *testing.T) {
	_, backend, server := start(t)
	c := client(server)
	backend.err = journal.ErrFull
	result, err := c.TreatDead(t.Context(), dead.Operation{Verb: dead.Replay}, dead.Observer{})
	refused, ok := errors.AsType[*admin.RefusedError](err)
	if !ok || refused.Message != "journal is full" || result.Done != 1 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := c.DeadGroups(t.Context(), dead.Filter{}, func(dead.Groups) {}); err == nil {
		t.Error("no error")
	}
}

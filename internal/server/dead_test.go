package server_test

import (
	"testing"

	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/refiner/refinertest"
)

func TestDeadLettersTogether(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startChangeable(t, c)
	refiner.SetFaults(refinertest.Fault{Status: 422, Body: `{"message":"no such luck for 17"}`})
	for _, user := range []string{"u1", "u2", "u1"} {
		if got := r.send(t, "wk-web", "track", `{"userId":"`+user+`","event":"Bought"}`); got != 200 {
			t.Fatal(got)
		}
	}
	eventually(t, "all have died", func() bool { return r.status(t, "production").Totals.Dead["refused_422"] == 3 })
	groups, err := r.admin.DeadGroups(t.Context(), dead.Filter{}, func(dead.Groups) {})
	if err != nil || len(groups.Groups) != 1 || groups.Groups[0].Letters != 3 || groups.Groups[0].Answer != "no such luck for …" || groups.Users != 2 {
		t.Fatalf("%+v, %v", groups, err)
	}
	treat := func(op dead.Operation) dead.Result {
		t.Helper()
		result, err := r.admin.TreatDead(t.Context(), op, dead.Observer{})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	of := func(user string) (f dead.Filter) {
		f.User, f.Group = user, groups.Groups[0].ID
		return f
	}
	if got := treat(dead.Operation{Verb: dead.Replay, DryRun: true, Filter: of("u1")}); got.Done != 2 || got.Calls["POST /v1/track-event"] != 2 {
		t.Errorf("dry run: %+v", got)
	}
	refiner.SetFaults()
	if got := treat(dead.Operation{Verb: dead.Replay, Filter: of("u1")}); got.Done != 2 {
		t.Errorf("replay: %+v", got)
	}
	eventually(t, "both are delivered", func() bool { return r.status(t, "production").Totals.Delivered == 2 })

	// Letters of a destination that is gone cannot be sent, but discarded.
	r.change(t, changed(c, func(next *config.Config) { next.Destinations[0].Name = "elsewhere" }), inUse)
	if got := treat(dead.Operation{Verb: dead.Replay, DryRun: true}); got.Stay != 1 || got.Refused["dead: no_destination"] != 1 {
		t.Errorf("dry run for a destination that is gone: %+v", got)
	}
	if got := treat(dead.Operation{Verb: dead.Replay}); got.Stay != 1 || got.Done != 0 {
		t.Errorf("replay to a destination that is gone: %+v", got)
	}
	if got := treat(dead.Operation{Verb: dead.Discard}); got.Done != 1 {
		t.Errorf("discard: %+v", got)
	}
}

func TestStatusShowsSourcesThatHaveChanged(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startChangeable(t, c)
	r.change(t, changed(c, func(next *config.Config) { next.Sources[0].Enabled = false }), inUse)
	status, err := r.admin.Status(t.Context())
	if err != nil || status.Sources[0].Enabled {
		t.Errorf("%+v, %v", status.Sources, err)
	}
}

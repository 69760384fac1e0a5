package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/admin"
	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// erasures are a fake's: there is one, of number 3.
type erasures struct{ f *fake }

var erased = erasure.Erasure{
	ID: 3, State: erasure.Running, Step: "searching", Created: letter.At, User: "ü", Events: 7, Took: time.Minute,
	Suppressed:   []journal.SuppressedName{{1, 2, 3}},
	Destinations: []erasure.DestinationReport{{Destination: "production", Done: true, Deleted: 1, At: letter.At}},
}

func (e erasures) Plan(_ context.Context, r erasure.Request, progress func(erasure.Progress) error) (erasure.Plan, error) {
	plan := erasure.Plan{Request: r, Events: 5, Names: erasure.Names{IDs: []string{"ü"}}}
	return plan, errors.Join(progress(erasure.Progress{Searched: 10, Found: 5, Share: 0.5}), e.f.err)
}

func (e erasures) Start(_ context.Context, r erasure.Request) (erasure.Erasure, error) {
	if r.User == "nobody" {
		return erasure.Erasure{}, fmt.Errorf("%w: no", erasure.ErrErasure)
	}
	e.f.done = append(e.f.done, "erase "+r.User)
	return erased, e.f.err
}

func (e erasures) Lift(_ context.Context, id int) (erasure.Erasure, error) {
	e.f.done = append(e.f.done, "lift")
	return e.Erasure(context.Background(), id)
}

func (e erasures) Erasure(_ context.Context, id int) (erasure.Erasure, error) {
	if id != erased.ID {
		return erasure.Erasure{}, fmt.Errorf("erasure %d: %w", id, journal.ErrNotFound)
	}
	return erased, e.f.err
}

func (e erasures) List(_ context.Context, user string) ([]erasure.Erasure, error) {
	if user == "nobody" {
		return []erasure.Erasure{}, nil
	}
	return []erasure.Erasure{erased}, e.f.err
}

func TestErasures(t *testing.T) {
	_, backend, server := start(t)
	client := client(server)
	ctx := t.Context()
	var told []erasure.Progress
	plan, err := client.PlanErasure(ctx, erasure.Request{User: "ü"}, func(p erasure.Progress) { told = append(told, p) })
	if err != nil || plan.Events != 5 || plan.User != "ü" || len(told) != 1 || told[0].Found != 5 {
		t.Errorf("%+v, %v, %v", plan, told, err)
	}
	check := func(what string, got erasure.Erasure, err error) {
		t.Helper()
		if diff := cmp.Diff(erased, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", what, err, diff)
		}
	}
	got, err := client.StartErasure(ctx, erasure.Request{User: "ü", Destination: "production"})
	check("start", got, err)
	got, err = client.Erasure(ctx, 3)
	check("show", got, err)
	got, err = client.LiftErasure(ctx, 3)
	check("lift", got, err)
	list, err := client.Erasures(ctx, "ü & co")
	if err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if list, err = client.Erasures(ctx, "nobody"); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if diff := cmp.Diff([]string{"erase ü", "lift"}, backend.done); diff != "" {
		t.Error(diff)
	}
	for name, refused := range map[string]struct {
		err    error
		status int
	}{
		"a number that is not there": {errorOf(client.Erasure(ctx, 4)), http.StatusNotFound},
		"what is not possible":       {errorOf(client.StartErasure(ctx, erasure.Request{User: "nobody"})), http.StatusConflict},
	} {
		if e, ok := errors.AsType[*admin.RefusedError](refused.err); !ok || e.Status != refused.status || e.Hint == "" {
			t.Errorf("%s: %v", name, refused.err)
		}
	}
	for path, body := range map[string]string{
		"/api/v1/erasures/x": "", "/api/v1/erasures": `{"users":["a"]}`, "/api/v1/erasures/plan": `[`,
	} {
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		req, _ := http.NewRequest(method, server.URL+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s: %d", path, body, resp.StatusCode)
		}
	}
}

func errorOf(_ erasure.Erasure, err error) error { return err }

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
	"tanker/internal/history"
	"tanker/internal/journal"
)

// replays are a fake's: there is one, of number 3.
type replays struct{ f *fake }

var replay = history.Replay{
	ID: 3, State: history.ReplayRunning, Sent: 7, Created: letter.At,
	ReplayRequest: history.ReplayRequest{
		Destination: "production", Rate: 60, UpTo: 9, Total: 5,
		Selection: history.Selection{User: "ü", Type: "track", Event: "E", Since: letter.At, Until: letter.At.Add(time.Hour)},
	},
}

func (r replays) Plan(_ context.Context, request history.ReplayRequest, progress func(int, int, float64) error) (history.Plan, error) {
	plan := history.Plan{ReplayRequest: request, Calls: map[string]int{"POST /v1/track-event": 5}}
	return plan, errors.Join(progress(10, 5, 0.5), r.f.err)
}

func (r replays) Start(_ context.Context, request history.ReplayRequest) (history.Replay, error) {
	if diff := cmp.Diff(replay.ReplayRequest, request); diff != "" {
		return replay, errors.New(diff)
	}
	return replay, r.f.err
}

func (r replays) Stop(_ context.Context, id int) (history.Replay, error) {
	r.f.done = append(r.f.done, "stop")
	return r.Replay(id)
}

func (r replays) Continue(_ context.Context, id int) (history.Replay, error) {
	r.f.done = append(r.f.done, "continue")
	return r.Replay(id)
}

func (r replays) Replay(id int) (history.Replay, error) {
	if id != replay.ID {
		return history.Replay{}, fmt.Errorf("replay %d: %w", id, journal.ErrNotFound)
	}
	return replay, r.f.err
}

func (r replays) List() []history.Replay { return []history.Replay{replay} }

func TestReplays(t *testing.T) {
	_, backend, server := start(t)
	c := client(server)
	var told []admin.Progress
	plan, err := c.PlanReplay(t.Context(), replay.ReplayRequest, func(p admin.Progress) { told = append(told, p) })
	if err != nil || plan.Calls["POST /v1/track-event"] != 5 || len(told) != 1 || told[0].Share != 0.5 {
		t.Errorf("plan %+v, %v; told %v", plan, err, told)
	}
	if diff := cmp.Diff(replay.ReplayRequest, plan.ReplayRequest); diff != "" {
		t.Errorf("the request that arrived (-sent +got):\n%s", diff)
	}
	for name, ask := range map[string]func() (history.Replay, error){
		"start":    func() (history.Replay, error) { return c.StartReplay(t.Context(), replay.ReplayRequest) },
		"show":     func() (history.Replay, error) { return c.Replay(t.Context(), 3) },
		"stop":     func() (history.Replay, error) { return c.StopReplay(t.Context(), 3) },
		"continue": func() (history.Replay, error) { return c.ContinueReplay(t.Context(), 3) },
		"list": func() (history.Replay, error) {
			all, err := c.Replays(t.Context())
			return append(all, history.Replay{})[0], err
		},
	} {
		got, err := ask()
		if diff := cmp.Diff(replay, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		backend.err = fmt.Errorf("%w: no", history.ErrReplay)
		refused, ok := errors.AsType[*admin.RefusedError](second(ask()))
		if name != "list" && (!ok || refused.Status != http.StatusConflict || refused.Hint == "") {
			t.Errorf("%s, refused: %+v", name, refused)
		}
		backend.err = nil
	}
	_, err = c.StopReplay(t.Context(), 4)
	if refused, ok := errors.AsType[*admin.RefusedError](err); !ok || refused.Status != 404 || !strings.Contains(refused.Hint, "tanker replay list") {
		t.Errorf("one that is not there: %+v", err)
	}
}

func second(_ history.Replay, err error) error { return err }

func TestBadReplays(t *testing.T) {
	_, _, server := start(t)
	for path, body := range map[string]string{
		"/api/v1/replays": `{"destinatoin":"d"}`, "/api/v1/replays/plan": "", "/api/v1/replays/x/stop": "", "/api/v1/replays/0/continue": "",
	} {
		for authorization, want := range map[string]int{"Bearer " + token: 400, "": 401} {
			req, _ := http.NewRequest("POST", server.URL+path, strings.NewReader(body))
			req.Header.Set("Authorization", authorization)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("POST %s %s = %d, want %d", path, body, resp.StatusCode, want)
			}
		}
	}
}

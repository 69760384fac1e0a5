package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// Replays are the jobs that send past events again. See history.Replays.
type Replays interface {
	Plan(ctx context.Context, r history.ReplayRequest, progress func(searched, calls int, share float64) error) (history.Plan, error)
	Start(ctx context.Context, r history.ReplayRequest) (history.Replay, error)
	Stop(ctx context.Context, id int) (history.Replay, error)
	Continue(ctx context.Context, id int) (history.Replay, error)
	Replay(id int) (history.Replay, error)
	List() []history.Replay
}

// replayList is the answer of GET /api/v1/replays.
type replayList struct {
	Replays []history.Replay `json:"replays"` // the oldest first
}

func (h *Handler) listReplays(w http.ResponseWriter, _ *http.Request) {
	h.withBackend(w, func(b Backend) { writeJSON(w, http.StatusOK, replayList{b.Replays().List()}) })
}

// showReplay answers GET /api/v1/replays/{id}.
func (h *Handler) showReplay(w http.ResponseWriter, r *http.Request) {
	h.withReplay(w, r, func(b Backend, id int) {
		job, err := b.Replays().Replay(id)
		writeReplay(w, http.StatusOK, job, err)
	})
}

// startReplay answers POST /api/v1/replays. The body is a history.ReplayRequest.
func (h *Handler) startReplay(w http.ResponseWriter, r *http.Request) {
	h.withRequest(w, r, func(b Backend, request history.ReplayRequest) {
		job, err := b.Replays().Start(r.Context(), request)
		if err == nil {
			h.options.Logger.Info("replay started", "replay", job.ID, "destination", job.Destination)
		}
		writeReplay(w, http.StatusCreated, job, err)
	})
}

// stopReplay answers POST /api/v1/replays/{id}/stop.
func (h *Handler) stopReplay(w http.ResponseWriter, r *http.Request) {
	h.withReplay(w, r, func(b Backend, id int) {
		job, err := b.Replays().Stop(r.Context(), id)
		if err == nil {
			h.options.Logger.Info("replay stopped", "replay", id, "sent", job.Sent)
		}
		writeReplay(w, http.StatusOK, job, err)
	})
}

// continueReplay answers POST /api/v1/replays/{id}/continue.
func (h *Handler) continueReplay(w http.ResponseWriter, r *http.Request) {
	h.withReplay(w, r, func(b Backend, id int) {
		job, err := b.Replays().Continue(r.Context(), id)
		writeReplay(w, http.StatusOK, job, err)
	})
}

// Progress is how far a search for events to be sent again has come.
type Progress struct {
	Searched int     `json:"searched"` // events that were looked at
	Calls    int     `json:"calls"`    // of these, events that would be sent
	Share    float64 `json:"share"`    // of the log, from 0 to 1
}

// planReplay answers POST /api/v1/replays/plan with lines {"progress":…}, and {"end":…} with the plan. The body is a
// history.ReplayRequest.
func (h *Handler) planReplay(w http.ResponseWriter, r *http.Request) {
	h.withRequest(w, r, func(b Backend, request history.ReplayRequest) {
		h.streamed(w, func(s *stream) error {
			plan, err := b.Replays().Plan(r.Context(), request, func(searched, calls int, share float64) error {
				return s.line("progress", Progress{searched, calls, share})
			})
			if err != nil {
				return err
			}
			return s.line("end", plan)
		})
	})
}

func (h *Handler) withRequest(w http.ResponseWriter, r *http.Request, serve func(Backend, history.ReplayRequest)) {
	var request history.ReplayRequest
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("the body is no request for a replay: %v", err), "")
		return
	}
	h.withBackend(w, func(b Backend) { serve(b, request) })
}

func (h *Handler) withReplay(w http.ResponseWriter, r *http.Request, serve func(Backend, int)) {
	id, err := history.ParseReplayID(r.PathValue("id"))
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	h.withBackend(w, func(b Backend) { serve(b, id) })
}

func writeReplay(w http.ResponseWriter, status int, job history.Replay, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err.Error(), "tanker status shows the destinations, tanker replay list the replays")
	case err != nil:
		writeFailure(w, err)
	default:
		writeJSON(w, status, job)
	}
}

// PlanReplay asks what a replay would do. progress is told now and then how far the search is.
func (c *Client) PlanReplay(ctx context.Context, request history.ReplayRequest, progress func(Progress)) (plan history.Plan, err error) {
	data, err := json.Marshal(request)
	if err != nil {
		return plan, fmt.Errorf("encode the request: %w", err)
	}
	resp, err := c.open(ctx, http.MethodPost, "/api/v1/replays/plan", data)
	if err != nil {
		return plan, err
	}
	defer resp.Body.Close()
	return plan, readLines(resp.Body, func(name string, value json.RawMessage) error {
		if name == "end" {
			return json.Unmarshal(value, &plan)
		}
		var p Progress
		if err := json.Unmarshal(value, &p); err != nil {
			return err
		}
		progress(p)
		return nil
	})
}

// StartReplay has past events sent again.
func (c *Client) StartReplay(ctx context.Context, request history.ReplayRequest) (job history.Replay, err error) {
	data, err := json.Marshal(request)
	if err != nil {
		return job, fmt.Errorf("encode the request: %w", err)
	}
	return job, c.send(ctx, http.MethodPost, "/api/v1/replays", data, &job)
}

// Replays asks for all replays, the oldest first.
func (c *Client) Replays(ctx context.Context) ([]history.Replay, error) {
	var list replayList
	err := c.do(ctx, http.MethodGet, "/api/v1/replays", &list)
	return list.Replays, err
}

// Replay asks how a replay stands.
func (c *Client) Replay(ctx context.Context, id int) (job history.Replay, err error) {
	return job, c.do(ctx, http.MethodGet, "/api/v1/replays/"+strconv.Itoa(id), &job)
}

// StopReplay interrupts a replay.
func (c *Client) StopReplay(ctx context.Context, id int) (job history.Replay, err error) {
	return job, c.do(ctx, http.MethodPost, "/api/v1/replays/"+strconv.Itoa(id)+"/stop", &job)
}

// ContinueReplay carries on a replay that was stopped or has failed.
func (c *Client) ContinueReplay(ctx context.Context, id int) (job history.Replay, err error) {
	return job, c.do(ctx, http.MethodPost, "/api/v1/replays/"+strconv.Itoa(id)+"/continue", &job)
}

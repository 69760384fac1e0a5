package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// Erasures are the jobs that erase users. See erasure.Erasures.
type Erasures interface {
	Plan(ctx context.Context, r erasure.Request, progress func(erasure.Progress) error) (erasure.Plan, error)
	Start(ctx context.Context, r erasure.Request) (erasure.Erasure, error)
	Lift(ctx context.Context, id int) (erasure.Erasure, error)
	Erasure(ctx context.Context, id int) (erasure.Erasure, error)
	List(ctx context.Context, user string) ([]erasure.Erasure, error)
}

// erasureList is the answer of GET /api/v1/erasures.
type erasureList struct {
	Erasures []erasure.Erasure `json:"erasures"` // the oldest first
}

func (h *Handler) routeErasures() {
	h.guard("GET /api/v1/erasures", h.listErasures)
	h.guard("POST /api/v1/erasures", h.startErasure)
	h.guard("POST /api/v1/erasures/plan", h.planErasure)
	h.guard("GET /api/v1/erasures/{id}", h.showErasure)
	h.guard("POST /api/v1/erasures/{id}/lift", h.liftErasure)
}

// listErasures answers GET /api/v1/erasures, with user=… those that have erased this user.
func (h *Handler) listErasures(w http.ResponseWriter, r *http.Request) {
	h.withBackend(w, func(b Backend) {
		list, err := b.Erasures().List(r.Context(), r.URL.Query().Get(paramUser))
		if err != nil {
			writeFailure(w, err)
			return
		}
		writeJSON(w, http.StatusOK, erasureList{list})
	})
}

// showErasure answers GET /api/v1/erasures/{id}.
func (h *Handler) showErasure(w http.ResponseWriter, r *http.Request) {
	h.withErasure(w, r, func(b Backend, id int) {
		job, err := b.Erasures().Erasure(r.Context(), id)
		writeErasure(w, http.StatusOK, job, err)
	})
}

// startErasure answers POST /api/v1/erasures. The body is an erasure.Request.
func (h *Handler) startErasure(w http.ResponseWriter, r *http.Request) {
	h.withErasureRequest(w, r, func(b Backend, request erasure.Request) {
		job, err := b.Erasures().Start(r.Context(), request)
		if err == nil {
			h.options.Logger.Info("erasure started", "erasure", job.ID)
		}
		writeErasure(w, http.StatusCreated, job, err)
	})
}

// liftErasure answers POST /api/v1/erasures/{id}/lift.
func (h *Handler) liftErasure(w http.ResponseWriter, r *http.Request) {
	h.withErasure(w, r, func(b Backend, id int) {
		job, err := b.Erasures().Lift(r.Context(), id)
		if err == nil {
			h.options.Logger.Info("erasure lifted", "erasure", id)
		}
		writeErasure(w, http.StatusOK, job, err)
	})
}

// planErasure answers POST /api/v1/erasures/plan with lines {"progress":…}, and {"end":…} with the plan. The body is an
// erasure.Request.
func (h *Handler) planErasure(w http.ResponseWriter, r *http.Request) {
	h.withErasureRequest(w, r, func(b Backend, request erasure.Request) {
		h.streamed(w, func(s *stream) error {
			plan, err := b.Erasures().Plan(r.Context(), request, func(p erasure.Progress) error { return s.line("progress", p) })
			if err != nil {
				return err
			}
			return s.line("end", plan)
		})
	})
}

func (h *Handler) withErasureRequest(w http.ResponseWriter, r *http.Request, serve func(Backend, erasure.Request)) {
	var request erasure.Request
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields()
	if err := body.Decode(&request); err != nil {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("the body is no request to erase a user: %v", err), "")
		return
	}
	h.withBackend(w, func(b Backend) { serve(b, request) })
}

func (h *Handler) withErasure(w http.ResponseWriter, r *http.Request, serve func(Backend, int)) {
	id, err := erasure.ParseID(r.PathValue("id"))
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	h.withBackend(w, func(b Backend) { serve(b, id) })
}

func writeErasure(w http.ResponseWriter, status int, job erasure.Erasure, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err.Error(), "tanker status shows the destinations, tanker forget list the erasures")
	case errors.Is(err, erasure.ErrErasure), errors.Is(err, journal.ErrTooMany):
		writeError(w, http.StatusConflict, err.Error(), "tanker forget list shows the erasures")
	case err != nil:
		writeFailure(w, err)
	default:
		writeJSON(w, status, job)
	}
}

// PlanErasure asks what an erasure would do. progress is told now and then how far the search is.
func (c *Client) PlanErasure(ctx context.Context, request erasure.Request, progress func(erasure.Progress)) (plan erasure.Plan, err error) {
	data, err := json.Marshal(request)
	if err != nil {
		return plan, fmt.Errorf("encode the request: %w", err)
	}
	resp, err := c.open(ctx, http.MethodPost, "/api/v1/erasures/plan", data)
	if err != nil {
		return plan, err
	}
	defer resp.Body.Close()
	return plan, readLines(resp.Body, func(name string, value json.RawMessage) error {
		if name == "end" {
			return json.Unmarshal(value, &plan)
		}
		var p erasure.Progress
		if err := json.Unmarshal(value, &p); err != nil {
			return err
		}
		progress(p)
		return nil
	})
}

// StartErasure has a user erased.
func (c *Client) StartErasure(ctx context.Context, request erasure.Request) (job erasure.Erasure, err error) {
	data, err := json.Marshal(request)
	if err != nil {
		return job, fmt.Errorf("encode the request: %w", err)
	}
	return job, c.send(ctx, http.MethodPost, "/api/v1/erasures", data, &job)
}

// Erasures asks for all erasures, the oldest first; with a user, for those that have erased this user.
func (c *Client) Erasures(ctx context.Context, user string) ([]erasure.Erasure, error) {
	var list erasureList
	err := c.do(ctx, http.MethodGet, "/api/v1/erasures?"+url.Values{paramUser: {user}}.Encode(), &list)
	return list.Erasures, err
}

// Erasure asks how an erasure stands.
func (c *Client) Erasure(ctx context.Context, id int) (job erasure.Erasure, err error) {
	return job, c.do(ctx, http.MethodGet, "/api/v1/erasures/"+strconv.Itoa(id), &job)
}

// LiftErasure has events of a user taken again who was erased.
func (c *Client) LiftErasure(ctx context.Context, id int) (job erasure.Erasure, err error) {
	return job, c.do(ctx, http.MethodPost, "/api/v1/erasures/"+strconv.Itoa(id)+"/lift", &job)
}

package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"tanker/internal/journal"
)

// pause answers POST /api/v1/destinations/{destination}/pause.
func (h *Handler) pause(w http.ResponseWriter, r *http.Request) {
	h.withBackend(w, func(b Backend) { h.hold(w, r, "destination paused", b.Pause) })
}

// resume answers POST /api/v1/destinations/{destination}/resume.
func (h *Handler) resume(w http.ResponseWriter, r *http.Request) {
	h.withBackend(w, func(b Backend) { h.hold(w, r, "destination resumed", b.Resume) })
}

// hold does to the destination that the path names what do does, and logs it.
func (h *Handler) hold(w http.ResponseWriter, r *http.Request, what string, do func(context.Context, string) error) {
	destination := r.PathValue("destination")
	err := do(r.Context(), destination)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err.Error(), "tanker status shows the destinations")
	case err != nil:
		writeFailure(w, err)
	default:
		h.options.Logger.Info(what, "destination", destination)
		w.WriteHeader(http.StatusNoContent)
	}
}

// Pause has nothing sent to a destination until Resume, also after a restart.
func (c *Client) Pause(ctx context.Context, destination string) error {
	return c.do(ctx, http.MethodPost, destinationPath(destination)+"/pause", nil)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, destination string) error {
	return c.do(ctx, http.MethodPost, destinationPath(destination)+"/resume", nil)
}

func destinationPath(destination string) string {
	return "/api/v1/destinations/" + url.PathEscape(destination)
}

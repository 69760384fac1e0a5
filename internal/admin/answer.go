package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// problem is the body of every answer that is not a success.
type problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"` // what to do about it
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the only error is a caller who has gone
}

func writeError(w http.ResponseWriter, status int, message, hint string) {
	writeJSON(w, status, problem{message, hint})
}

// writeFailure answers with an error of the backend.
func writeFailure(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		writeError(w, http.StatusNotFound, err.Error(), "tanker dead list shows what there is")
	case errors.Is(err, history.ErrReplay):
		writeError(w, http.StatusConflict, err.Error(), "tanker replay list shows the replays")
	case errors.Is(err, history.ErrEvent):
		writeError(w, http.StatusUnprocessableEntity, err.Error(), "")
	case errors.Is(err, journal.ErrFull), errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrClosed):
		writeError(w, http.StatusServiceUnavailable, err.Error(), "try again; /ready says when it works")
	default:
		writeError(w, http.StatusInternalServerError, err.Error(), "")
	}
}

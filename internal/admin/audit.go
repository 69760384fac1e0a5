package admin

import "net/http"

// audited logs each request that asks for a change, with who made it and how it ended. The path says what was
// changed; what requests carry is not logged.
func (h *Handler) audited(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			serve(w, r)
			return
		}
		answer := &answer{ResponseWriter: w, status: http.StatusOK}
		serve(answer, r)
		from := addressOf(r)
		if trusted(r) {
			from = "socket"
		}
		h.options.Logger.InfoContext(r.Context(), "audit",
			"what", r.Method+" "+r.URL.Path, "from", from, "status", answer.status)
	}
}

// answer remembers the status.
type answer struct {
	http.ResponseWriter

	status int
}

// WriteHeader is part of http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tanker/internal/dead"
	"tanker/internal/journal"
)

// maxPage is the largest number of dead letters in one answer.
const maxPage = 1000

// listDead answers GET /api/v1/dead.
func (h *Handler) listDead(w http.ResponseWriter, r *http.Request) {
	filter, err := parseFilter(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	h.withBackend(w, func(b Backend) {
		page, err := b.DeadLetters(r.Context(), filter)
		if err != nil {
			writeFailure(w, err)
			return
		}
		writeJSON(w, http.StatusOK, page)
	})
}

// The parameters of a listing, in the order of dead.Filter.
const (
	paramDestination = "destination"
	paramReason      = "reason"
	paramUser        = "user"
	paramSince       = "since"
	paramUntil       = "until"
	paramAfter       = "after"
	paramLimit       = "limit"
)

func parseFilter(q url.Values) (f dead.Filter, err error) {
	f.Destination, f.Reason, f.User, f.Group = q.Get(paramDestination), q.Get(paramReason), q.Get(paramUser), q.Get(paramGroup)
	if f.Since, err = parseTime(q, paramSince); err != nil {
		return f, err
	}
	if f.Until, err = parseTime(q, paramUntil); err != nil {
		return f, err
	}
	if text := q.Get(paramAfter); text != "" {
		if f.After, err = strconv.ParseUint(text, 10, 64); err != nil {
			return f, fmt.Errorf("after=%q is no place in the list: use what next said", text)
		}
	}
	if text := q.Get(paramLimit); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > maxPage {
			return f, fmt.Errorf("limit=%q is no number from 1 to %d", text, maxPage)
		}
	}
	return f, nil
}

func parseTime(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%s=%q is no time: write it like 2006-01-02T15:04:05Z", name, text)
	}
	return t, nil
}

// formatFilter is the reverse of parseFilter.
func formatFilter(f dead.Filter) url.Values {
	q := url.Values{}
	set := func(name, value string, is bool) {
		if is {
			q.Set(name, value)
		}
	}
	set(paramDestination, f.Destination, f.Destination != "")
	set(paramReason, f.Reason, f.Reason != "")
	set(paramUser, f.User, f.User != "")
	set(paramGroup, f.Group, f.Group != "")
	set(paramSince, f.Since.Format(time.RFC3339Nano), !f.Since.IsZero())
	set(paramUntil, f.Until.Format(time.RFC3339Nano), !f.Until.IsZero())
	set(paramAfter, strconv.FormatUint(f.After, 10), f.After != 0)
	set(paramLimit, strconv.Itoa(f.Limit), f.Limit != 0)
	return q
}

// showDead answers GET /api/v1/dead/{destination}/{position}.
func (h *Handler) showDead(w http.ResponseWriter, r *http.Request) {
	h.withLetter(w, r, func(b Backend, destination string, at journal.Position) {
		letter, err := b.DeadLetter(r.Context(), destination, at)
		if err != nil {
			writeFailure(w, err)
			return
		}
		writeJSON(w, http.StatusOK, letter)
	})
}

// replayDead answers POST /api/v1/dead/{destination}/{position}/replay. A body is the event to be sent in the place of
// the letter's. With dry_run=true nothing is sent, and the answer says what would be.
func (h *Handler) replayDead(w http.ResponseWriter, r *http.Request) {
	dry, err := parseBool(r.URL.Query(), paramDryRun)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	corrected, err := io.ReadAll(r.Body)
	if err != nil {
		writeError(w, http.StatusBadRequest, fmt.Sprintf("the event was not read: %v", err), "")
		return
	}
	h.withLetter(w, r, func(b Backend, destination string, at journal.Position) {
		if !dry {
			h.change(w, "dead letter sent again", b.ReplayDead(r.Context(), destination, at, corrected), destination, at)
			return
		}
		mapped, err := b.PreviewDead(r.Context(), destination, at, corrected)
		if err != nil {
			writeFailure(w, err)
			return
		}
		writeJSON(w, http.StatusOK, mapped)
	})
}

// paramDryRun asks what a change would do.
const paramDryRun = "dry_run"

func parseBool(q url.Values, name string) (bool, error) {
	switch text := q.Get(name); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, fmt.Errorf("%s=%q is neither true nor false", name, text)
	}
}

// discardDead answers DELETE /api/v1/dead/{destination}/{position}.
func (h *Handler) discardDead(w http.ResponseWriter, r *http.Request) {
	h.withLetter(w, r, func(b Backend, destination string, at journal.Position) {
		h.change(w, "dead letter discarded", b.DiscardDead(r.Context(), destination, at), destination, at)
	})
}

// change answers a change that was made or not, and logs it.
func (h *Handler) change(w http.ResponseWriter, what string, err error, destination string, at journal.Position) {
	if err != nil {
		writeFailure(w, err)
		return
	}
	h.options.Logger.Info(what, "destination", destination, "position", at.String())
	w.WriteHeader(http.StatusNoContent)
}

// withLetter calls serve with the letter that the path names.
func (h *Handler) withLetter(w http.ResponseWriter, r *http.Request, serve func(Backend, string, journal.Position)) {
	at, err := journal.ParsePosition(r.PathValue("position"))
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "tanker dead list shows the positions")
		return
	}
	h.withBackend(w, func(b Backend) { serve(b, r.PathValue("destination"), at) })
}

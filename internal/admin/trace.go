package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tanker/internal/history"
)

// Parameters of a trace beside those of a listing.
const paramMessage = "message"

// trace answers GET /api/v1/trace with a line {"event":…} for each event, and {"end":…}.
func (h *Handler) trace(w http.ResponseWriter, r *http.Request) {
	o, err := parseTrace(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	h.withBackend(w, func(b Backend) {
		h.streamed(w, func(s *stream) error {
			end, err := b.Trace(r.Context(), o, func(e history.Traced) error { return s.line("event", e) })
			if err != nil {
				return err
			}
			return s.line("end", end)
		})
	})
}

func parseTrace(q url.Values) (o history.TraceOptions, err error) {
	o.User, o.Message, o.Destination = q.Get(paramUser), q.Get(paramMessage), q.Get(paramDestination)
	if (o.User == "") == (o.Message == "") {
		return o, fmt.Errorf("say what to trace: %s=… or %s=…", paramUser, paramMessage)
	}
	if o.Since, err = parseTime(q, paramSince); err != nil {
		return o, err
	}
	if o.Until, err = parseTime(q, paramUntil); err != nil {
		return o, err
	}
	if text := q.Get(paramLimit); text != "" {
		if o.Limit, err = strconv.Atoi(text); err != nil || o.Limit < 0 {
			return o, fmt.Errorf("limit=%q is no number from 0, which means no limit", text)
		}
	}
	return o, nil
}

// Trace asks what happened to events, and hands them to emit as they are found.
func (c *Client) Trace(ctx context.Context, o history.TraceOptions, emit func(history.Traced) error) (end history.TraceEnd, err error) {
	q := url.Values{}
	for name, value := range map[string]string{paramUser: o.User, paramMessage: o.Message, paramDestination: o.Destination} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{paramSince: o.Since, paramUntil: o.Until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	q.Set(paramLimit, strconv.Itoa(o.Limit))
	resp, err := c.open(ctx, http.MethodGet, "/api/v1/trace?"+q.Encode(), nil)
	if err != nil {
		return end, err
	}
	defer resp.Body.Close()
	return end, readLines(resp.Body, func(name string, value json.RawMessage) error {
		if name == "end" {
			return json.Unmarshal(value, &end)
		}
		var e history.Traced
		if err := json.Unmarshal(value, &e); err != nil {
			return err
		}
		return emit(e)
	})
}

package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"tanker/internal/dead"
)

// paramGroup is a parameter of a listing of dead letters: the id of a group.
const paramGroup = "group"

// groupDead answers GET /api/v1/dead/groups with lines {"progress":…}, and {"end":…}, all with dead.Groups. It takes the
// filters of a listing.
func (h *Handler) groupDead(w http.ResponseWriter, r *http.Request) {
	filter, err := parseFilter(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	h.withBackend(w, func(b Backend) {
		h.streamed(w, func(s *stream) error {
			groups, err := b.GroupDead(r.Context(), filter, func(g dead.Groups) error { return s.line("progress", g) })
			if err != nil {
				return err
			}
			return s.line("end", groups)
		})
	})
}

// treatDead answers POST /api/v1/dead/replay and …/discard: all letters that the filters of a listing select are sent again
// or discarded. There are lines {"progress":…} and {"end":…} with a dead.Result, and with dry_run=true, when nothing is
// changed, lines {"letter":…} before a replay's end. Who does not wait for the end stops it.
func (h *Handler) treatDead(verb dead.Verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		filter, err := parseFilter(q)
		if err != nil {
			writeError(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		dry, err := parseBool(q, paramDryRun)
		if err != nil {
			writeError(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		op := dead.Operation{Verb: verb, DryRun: dry, Filter: filter}
		h.withBackend(w, func(b Backend) {
			h.streamed(w, func(s *stream) error { return h.runDead(r.Context(), b, op, s) })
		})
	}
}

func (h *Handler) runDead(ctx context.Context, b Backend, op dead.Operation, s *stream) error {
	result, err := b.TreatDead(ctx, op, dead.Observer{
		Each:     func(l dead.Treated) error { return s.line("letter", l) },
		Progress: func(r dead.Result) error { return s.line("progress", r) },
	})
	if !op.DryRun {
		h.options.Logger.Info("dead letters treated", "verb", string(op.Verb), "destination", op.Filter.Destination,
			"reason", op.Filter.Reason, "group", op.Filter.Group, "done", result.Done, "stay", result.Stay, "complete", err == nil)
	}
	if err != nil {
		return err
	}
	return s.line("end", result)
}

// DeadGroups asks what dead letters died of. progress is told now and then what has been counted so far.
func (c *Client) DeadGroups(ctx context.Context, f dead.Filter, progress func(dead.Groups)) (groups dead.Groups, err error) {
	resp, err := c.open(ctx, http.MethodGet, "/api/v1/dead/groups?"+formatFilter(f).Encode(), nil)
	if err != nil {
		return groups, err
	}
	defer resp.Body.Close()
	return groups, readLines(resp.Body, func(name string, value json.RawMessage) error {
		if name == "end" {
			return json.Unmarshal(value, &groups)
		}
		var sofar dead.Groups
		if err := json.Unmarshal(value, &sofar); err != nil {
			return err
		}
		progress(sofar)
		return nil
	})
}

// TreatDead has all letters that an operation's filter selects sent again or discarded, or asks what that would do. When
// it returns an error, the result is the latest that is known.
func (c *Client) TreatDead(ctx context.Context, op dead.Operation, o dead.Observer) (result dead.Result, err error) {
	q := formatFilter(op.Filter)
	if op.DryRun {
		q.Set(paramDryRun, "true")
	}
	resp, err := c.open(ctx, http.MethodPost, "/api/v1/dead/"+string(op.Verb)+"?"+q.Encode(), nil)
	if err != nil {
		return result, err
	}
	defer resp.Body.Close()
	return result, readLines(resp.Body, func(name string, value json.RawMessage) error {
		if name != "letter" {
			result = dead.Result{}
			if err := json.Unmarshal(value, &result); err != nil || name == "end" || o.Progress == nil {
				return err
			}
			return o.Progress(result)
		}
		var l dead.Treated
		if err := json.Unmarshal(value, &l); err != nil || o.Each == nil {
			return err
		}
		return o.Each(l)
	})
}

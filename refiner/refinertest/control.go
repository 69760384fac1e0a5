package refinertest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// DroppedHeader tells, in the answer to GET /_sandbox/calls, how many of the calls that were asked for
// are not kept any more.
const DroppedHeader = "Sandbox-Calls-Dropped"

const maxControl = 4 << 20

// controls is what a sandbox answers beside the API.
func (s *Sandbox) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sandbox/calls", s.getCalls)
	mux.HandleFunc("DELETE /_sandbox/calls", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearCalls()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/contacts", s.getContacts)
	mux.HandleFunc("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		encoded(http.StatusOK, s.Stats()).write(w)
	})
	mux.HandleFunc("GET /_sandbox/faults", s.getFaults)
	mux.HandleFunc("PUT /_sandbox/faults", s.putFaults)
	mux.HandleFunc("GET /_sandbox/limits", s.getLimits)
	mux.HandleFunc("PUT /_sandbox/limits", s.putLimits)
	mux.HandleFunc("GET /_sandbox/keys", s.getKeys)
	mux.HandleFunc("PUT /_sandbox/keys", s.putKeys)
	return mux
}

// getCalls writes a line for each call.
func (s *Sandbox) getCalls(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(firstOf(r.URL.Query().Get("after"), "0"), 10, 64)
	if err != nil || after < 0 {
		wrong(w, errors.New("after must be the seq of a call, or 0 for all"))
		return
	}
	_, dropped := s.log.after(after, 0)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set(DroppedHeader, strconv.FormatInt(dropped, 10))
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for call := range s.log.from(after) {
		if enc.Encode(call.view()) != nil {
			return // the reader has gone
		}
	}
}

func (s *Sandbox) getContacts(w http.ResponseWriter, _ *http.Request) {
	encoded(http.StatusOK, map[string]any{"items": s.Contacts()}).write(w)
}

func (s *Sandbox) getFaults(w http.ResponseWriter, _ *http.Request) {
	encoded(http.StatusOK, s.faults.current()).write(w)
}

func (s *Sandbox) putFaults(w http.ResponseWriter, r *http.Request) {
	var list []Fault
	if !read(w, r, &list) {
		return
	}
	if err := s.SetFaults(list...); err != nil {
		wrong(w, err)
		return
	}
	s.getFaults(w, r)
}

func (s *Sandbox) getLimits(w http.ResponseWriter, _ *http.Request) {
	encoded(http.StatusOK, s.limiter.get()).write(w)
}

// putLimits leaves a limit that is not named as it is.
func (s *Sandbox) putLimits(w http.ResponseWriter, r *http.Request) {
	limits := s.limiter.get()
	if !read(w, r, &limits) {
		return
	}
	if limits.KeyPerMinute < 0 || limits.UserPerMinute < 0 {
		wrong(w, errors.New("a limit must not be negative; 0 is none"))
		return
	}
	s.SetLimits(limits)
	s.getLimits(w, r)
}

// getKeys tells how many keys there are, not which.
func (s *Sandbox) getKeys(w http.ResponseWriter, _ *http.Request) {
	all, count := s.keys.state()
	encoded(http.StatusOK, map[string]any{"any": all, "count": count}).write(w)
}

func (s *Sandbox) putKeys(w http.ResponseWriter, r *http.Request) {
	var to struct {
		Any  bool     `json:"any"`
		Keys []string `json:"keys"`
	}
	if !read(w, r, &to) {
		return
	}
	if !to.Any && to.Keys == nil {
		wrong(w, errors.New(`{"keys":["…"]} or {"any":true} is needed`))
		return
	}
	s.keys.set(to.Any, to.Keys)
	s.getKeys(w, r)
}

// read decodes the body strictly, and answers itself if it cannot.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("there is more than one JSON value")
		}
	}
	if err != nil {
		wrong(w, err)
	}
	return err == nil
}

func wrong(w http.ResponseWriter, err error) {
	encoded(http.StatusBadRequest, map[string]string{"error": err.Error()}).write(w)
}

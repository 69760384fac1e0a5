package refinertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// Fault is something that goes wrong, or goes slowly. It befalls the calls that meet all of its
// conditions; the first fault of the list that a call meets is the one that happens. It comes before
// the key and the limits are looked at.
type Fault struct {
	// Path is the path of the calls, such as /v1/identify-user. "" is every path.
	Path string

	// User is the id, the email or the uuid that the calls carry. "" is every call.
	User string

	// Times is how many calls it befalls. 0 is all of them.
	Times int

	// For is how long it lasts, counted from when it was set. 0 is for ever.
	For time.Duration

	// Status is what the calls are answered with, 200 to 599. 0 lets them be processed, unless there is
	// a Body or a Drop.
	Status int

	// Headers are added to the answer.
	Headers map[string]string

	// Body is the answer's body. Alone it comes with status 200. In JSON it is a string, or any other
	// value that is then sent as JSON. "" is a JSON message with the text of the status.
	Body string

	// Delay is how long the call waits, before it is processed and answered. A caller that does not
	// wait that long has not called, but for Apply.
	Delay time.Duration

	// Drop cuts the connection instead of an answer.
	Drop bool

	// Apply lets the call have its effect at once, although Status, Body or Drop hide that from the
	// caller, or Delay makes it wait for the answer.
	Apply bool
}

type faultJSON struct {
	Path    string            `json:"path,omitempty"`
	User    string            `json:"user,omitempty"`
	Times   int               `json:"times,omitempty"`
	For     string            `json:"for,omitempty"`
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Delay   string            `json:"delay,omitempty"`
	Drop    bool              `json:"drop,omitempty"`
	Apply   bool              `json:"apply,omitempty"`
}

// UnmarshalJSON reads a fault with durations such as "1.5s". Unknown names are errors.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var j faultJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return fmt.Errorf("%w (a fault has path, user, times, for, status, headers, body, delay, drop, apply)", err)
	}
	lasts, err := duration("for", j.For)
	if err != nil {
		return err
	}
	delay, err := duration("delay", j.Delay)
	if err != nil {
		return err
	}
	body := string(j.Body)
	if len(j.Body) > 0 && j.Body[0] == '"' {
		if err := json.Unmarshal(j.Body, &body); err != nil {
			return err
		}
	}
	*f = Fault{Path: j.Path, User: j.User, Times: j.Times, For: lasts, Status: j.Status,
		Headers: j.Headers, Body: body, Delay: delay, Drop: j.Drop, Apply: j.Apply}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{Path: f.Path, User: f.User, Times: f.Times, Status: f.Status, Headers: f.Headers,
		Drop: f.Drop, Apply: f.Apply}
	if f.For > 0 {
		j.For = f.For.String()
	}
	if f.Delay > 0 {
		j.Delay = f.Delay.String()
	}
	if f.Body != "" {
		var err error
		if j.Body, err = json.Marshal(f.Body); err != nil {
			return nil, err
		}
	}
	return json.Marshal(j)
}

func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf(`%s: %q is not a duration such as "10s"`, name, text)
	}
	return d, nil
}

func (f Fault) validate() error {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", f.Status)
	case f.Times < 0 || f.For < 0 || f.Delay < 0:
		return errors.New("times, for and delay must not be negative")
	case f.Status == 0 && len(f.Headers) == 0 && f.Body == "" && f.Delay == 0 && !f.Drop:
		return errors.New("one of status, headers, body, delay and drop is needed, or nothing goes wrong")
	}
	return nil
}

func (f Fault) meets(c *call) bool {
	if f.Path != "" && f.Path != c.path {
		return false
	}
	return f.User == "" || f.User == c.id() || f.User == c.email() || f.User == c.uuid()
}

// hides reports whether the caller gets something else than the call's own answer.
func (f Fault) hides() bool { return f.Drop || f.Status != 0 || f.Body != "" }

// answer is what the caller gets to see of the call's own answer.
func (f Fault) answer(own answer) answer {
	if f.Drop {
		return answer{drop: true}
	}
	if f.hides() {
		own = f.instead()
	}
	header := make(map[string]string, len(own.header)+len(f.Headers))
	maps.Copy(header, own.header)
	maps.Copy(header, f.Headers)
	own.header = header
	return own
}

func (f Fault) instead() answer {
	status := f.Status
	if status == 0 {
		status = http.StatusOK
	}
	if f.Body == "" {
		return failure(status, http.StatusText(status))
	}
	return answer{status: status, body: []byte(f.Body)}
}

// faults are the faults that are set.
type faults struct {
	mu   sync.Mutex
	list []activeFault
}

type activeFault struct {
	Fault
	left int // calls, if Times is set
	end  time.Time
}

func (fs *faults) set(list []Fault) error {
	active := make([]activeFault, len(list))
	now := time.Now()
	for i, f := range list {
		if err := f.validate(); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
		active[i] = activeFault{Fault: f, left: f.Times, end: now.Add(f.For)}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.list = active
	return nil
}

// current returns the faults that can still happen, with the times and the duration that are left.
func (fs *faults) current() []Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	now := time.Now()
	list := []Fault{}
	for _, f := range fs.list {
		if f.over(now) {
			continue
		}
		left := f.Fault
		left.Times = f.left
		if f.For > 0 {
			left.For = f.end.Sub(now)
		}
		list = append(list, left)
	}
	return list
}

// match returns the fault that befalls the call, and counts it.
func (fs *faults) match(c *call) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.list) == 0 {
		return Fault{}, false
	}
	now := time.Now()
	for i := range fs.list {
		f := &fs.list[i]
		if f.over(now) || !f.meets(c) {
			continue
		}
		if f.Times > 0 {
			f.left--
		}
		return f.Fault, true
	}
	return Fault{}, false
}

func (f *activeFault) over(now time.Time) bool {
	return f.Times > 0 && f.left <= 0 || f.For > 0 && !now.Before(f.end)
}

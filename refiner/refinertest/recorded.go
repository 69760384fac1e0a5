package refinertest

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const dots = "••••••"

// Call is a call that came in and was answered. It holds no credential: the header is left out, and
// the key and any api_key are replaced by dots.
type Call struct {
	// Seq numbers the calls from 1, in the order in which they were answered.
	Seq int64 `json:"seq"`

	// At is when it came in.
	At time.Time `json:"at"`

	Method string `json:"method"`
	Path   string `json:"path"`

	// Query is the raw query.
	Query string `json:"query,omitempty"`

	// Headers are the request's, several values of one name joined by ", ".
	Headers map[string]string `json:"headers"`

	// Body is the body as JSON: a JSON body as it came, but without the blanks, a form with its
	// brackets resolved. null if there is none, or if it cannot be read.
	Body json.RawMessage `json:"body"`

	// Raw is the body as it came, but written anew if it held an api_key.
	Raw string `json:"raw"`

	// Status is what the call was answered with; 0 if the connection was cut.
	Status int `json:"status"`

	// Limit is which limit refused the call: "key", "user" or "".
	Limit string `json:"limit,omitempty"`

	// Fault is whether a fault befell the call.
	Fault bool `json:"fault,omitempty"`
}

// view shows a call without its credential.
func (r recorded) view() Call {
	return Call{
		Seq:     r.seq,
		At:      r.at,
		Method:  r.method,
		Path:    r.hide(r.path),
		Query:   r.hide(hideField(r.query)),
		Headers: r.headers(),
		Body:    r.body(),
		Raw:     r.hide(string(r.shownRaw())),
		Status:  r.status,
		Limit:   r.limit,
		Fault:   r.fault,
	}
}

func (r recorded) headers() map[string]string {
	headers := make(map[string]string, len(r.header))
	for name, values := range r.header {
		if !secretHeader(name) {
			headers[name] = r.hide(strings.Join(values, ", "))
		}
	}
	return headers
}

// body returns nil, which is written as null, if there is none.
func (r recorded) body() json.RawMessage {
	switch r.format {
	case jsonFormat:
		var b bytes.Buffer
		if json.Compact(&b, r.shownRaw()) == nil {
			return json.RawMessage(r.hide(b.String()))
		}
	case formFormat:
		if body, err := marshal(parseForm(string(r.shownRaw()))); err == nil {
			return json.RawMessage(r.hide(string(body)))
		}
	}
	return nil
}

// shownRaw is the body without the value of an api_key: it is written anew if there is one.
func (r recorded) shownRaw() []byte {
	if !bytes.Contains(r.raw, []byte("api_key")) && !bytes.ContainsAny(r.raw, `\%`) {
		return r.raw
	}
	switch r.format {
	case formFormat:
		return []byte(hideField(string(r.raw)))
	case jsonFormat:
		fields, ok := parseJSON(r.raw)
		if !ok || fields["api_key"] == nil {
			return r.raw
		}
		fields["api_key"] = dots
		if body, err := marshal(fields); err == nil {
			return body
		}
	}
	return brokenKey.ReplaceAll(r.raw, []byte("${1}"+dots))
}

// brokenKey finds the key in a body that cannot be read.
var brokenKey = regexp.MustCompile(`(api_key[^:=]{0,8}[:=]\s*"?)[^"&,}\s]+`)

// hideField replaces the value of form fields called api_key.
func hideField(form string) string {
	if form == "" {
		return ""
	}
	pairs := strings.Split(form, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if path(unescape(name))[0] == "api_key" {
			pairs[i] = name + "=" + url.QueryEscape(dots)
		}
	}
	return strings.Join(pairs, "&")
}

// hide replaces the key that the call presented, wherever else it stands.
func (r recorded) hide(s string) string {
	if len(r.key) < minKey {
		return s // too short to be a key, and it might be part of any word
	}
	return strings.ReplaceAll(s, r.key, dots)
}

// marshal writes JSON without escaping what is harmless outside of HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

package refinertest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"strings"
	"time"
)

// call is a call as it came in, and what is known of it by the time it is answered.
type call struct {
	at      time.Time
	method  string
	path    string
	query   string
	header  http.Header
	raw     []byte
	format  format
	params  map[string]any // of the query and the body; the body's win
	problem *answer        // why the body cannot be used
	key     string         // the credential it presents

	limit string // which limit refused it
	fault bool   // whether a fault befell it
}

// maxTrusted is how much memory a call gets on the word of its Content-Length.
const maxTrusted = 64 << 10

// format is what a body is written in.
type format int

const (
	noFormat format = iota // no body, or one that is not understood
	jsonFormat
	formFormat
)

func receive(r *http.Request, o Options) *call {
	c := &call{
		at:     time.Now().UTC(),
		method: r.Method,
		path:   r.URL.Path,
		query:  r.URL.RawQuery,
		header: r.Header,
		key:    headerKey(r.Header),
	}
	if o.CountOnly {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, o.MaxBody))
		return c
	}
	c.params = parseForm(c.query)
	if c.problem = c.read(r, o.MaxBody); c.problem == nil {
		c.problem = c.decode(r.Header.Get("Content-Type"))
	}
	// A parameter counts more than the header: that is the hazard of a trait of this name.
	if key := text(c.params["api_key"]); key != "" {
		c.key = key
	}
	return c
}

func (c *call) read(r *http.Request, limit int64) *answer {
	var err error
	if n := r.ContentLength; n >= 0 && n <= min(limit, maxTrusted) {
		c.raw = make([]byte, n)
		_, err = io.ReadFull(r.Body, c.raw)
	} else {
		c.raw, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	if err != nil {
		return problem(http.StatusBadRequest, "The body could not be read.")
	}
	if int64(len(c.raw)) > limit {
		c.raw = nil
		return problem(http.StatusRequestEntityTooLarge, "The body is too large.")
	}
	return nil
}

// decode adds the body's parameters. A body without a content type is taken for what it looks like.
func (c *call) decode(contentType string) *answer {
	if len(c.raw) == 0 {
		return nil
	}
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"), contentType == "" && looksLikeJSON(c.raw):
		c.format = jsonFormat
		return c.decodeJSON()
	case media == "application/x-www-form-urlencoded", contentType == "":
		c.format = formFormat
		c.add(parseForm(string(c.raw)))
	}
	return nil
}

func looksLikeJSON(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '{'
}

func (c *call) decodeJSON() *answer {
	fields, ok := parseJSON(c.raw)
	if !ok {
		c.format = noFormat
		return problem(http.StatusBadRequest, "The body is not a JSON object.")
	}
	c.add(fields)
	return nil
}

func (c *call) add(fields map[string]any) {
	if len(c.params) == 0 {
		c.params = fields
		return
	}
	maps.Copy(c.params, fields)
}

// parseJSON decodes one JSON object. Numbers keep their text.
func parseJSON(raw []byte) (map[string]any, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var fields map[string]any
	if dec.Decode(&fields) != nil || fields == nil {
		return nil, false
	}
	_, err := dec.Token()
	return fields, err == io.EOF
}

func (c *call) id() string    { return text(c.params["id"]) }
func (c *call) email() string { return text(c.params["email"]) }
func (c *call) uuid() string  { return text(c.params["uuid"]) }

// user is what the limit of users counts by, "" for a call that carries none.
func (c *call) user() string {
	if id := c.id(); id != "" {
		return "id " + id
	}
	if email := c.email(); email != "" {
		return "email " + strings.ToLower(email)
	}
	if uuid := c.uuid(); uuid != "" {
		return "uuid " + uuid
	}
	return ""
}

// text returns a scalar as text: numbers as they were written. Anything else is "".
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return ""
}

func problem(status int, message string) *answer {
	a := failure(status, message)
	return &a
}

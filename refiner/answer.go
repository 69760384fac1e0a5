package refiner

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxAnswer     = 64 << 10  // kept of an answer's body
	maxRecord     = 8 << 20   // kept of an answer that is to be decoded
	maxDrain      = 256 << 10 // read of the rest, so that the connection can be used again
	maxMessage    = 500
	maxRetryAfter = time.Hour
)

// readAnswer reads the beginning of an answer's body and closes it. That a body breaks off is no
// error: the status has said already whether the call was accepted, and taking an accepted call for a
// lost one would repeat it.
func readAnswer(resp *http.Response, limit int64) []byte {
	defer resp.Body.Close()
	if n := resp.ContentLength; n >= 0 && n <= min(limit, maxAnswer) {
		body := make([]byte, n)
		read, _ := io.ReadFull(resp.Body, body)
		return body[:read]
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, limit))
	_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	return body
}

// foreign reports whether the body cannot come from Refiner's API, which answers with JSON. A web
// site at a wrong endpoint would otherwise swallow every event with a friendly 200.
func foreign(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] != '{' && body[0] != '['
}

// page reports whether the body is a web page. Refiner's API answers in JSON: a page comes from a proxy on the way or from
// a wrong endpoint, and neither can condemn an event.
func page(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("<"))
}

// aboutSize says whether a status condemns the request's size, which every server on the way may do.
func aboutSize(status int) bool {
	switch status {
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}

func success(status int) bool { return status >= 200 && status <= 299 }

// refusal makes the error of an answer that is not a success.
func refusal(op string, resp *http.Response, body []byte) *Error {
	said := message(body)
	e := &Error{
		Class:   classify(resp.StatusCode, said),
		Op:      op,
		Status:  resp.StatusCode,
		Message: said,
		Body:    body,
	}
	if e.Class == ClassEvent && page(body) && !aboutSize(resp.StatusCode) {
		e.Class = ClassUnexpected
	}
	if e.Class == ClassRateLimited || e.Class == ClassTemporary {
		e.RetryAfter = retryAfter(resp.Header)
	}
	switch {
	case success(resp.StatusCode):
		e.Message = "the answer is not JSON: is this Refiner's endpoint?"
	case resp.StatusCode >= 300 && resp.StatusCode <= 399:
		e.Message = "a redirect, which is not followed: is this Refiner's endpoint?"
	case e.Message == "":
		e.Message = cmp.Or(strings.ToLower(http.StatusText(resp.StatusCode)), "no message")
	}
	return e
}

// classify is the whole of what a status means. A 404 is about the key only if its message says so.
func classify(status int, said string) Class {
	switch {
	case status == http.StatusUnauthorized:
		return ClassCredentials
	case status == http.StatusNotFound && deniesKey(said):
		return ClassCredentials
	case status == http.StatusTooManyRequests:
		return ClassRateLimited
	case status == http.StatusRequestTimeout, status >= 500 && status <= 599:
		return ClassTemporary
	case status >= 400 && status <= 499:
		return ClassEvent
	}
	return ClassUnexpected
}

// deniesKey recognizes "API key not valid or does not exist". The message must begin with the key: one
// that merely mentions it may quote what an end user has sent.
func deniesKey(said string) bool {
	said = strings.ToLower(strings.TrimSpace(said))
	if !strings.HasPrefix(said, "api key") {
		return false
	}
	for _, verdict := range []string{"not valid", "not look valid", "not exist", "invalid", "unknown", "revoked"} {
		if strings.Contains(said, verdict) {
			return true
		}
	}
	return false
}

// message returns what the body says to people: its message or error if it is JSON, else the text.
func message(body []byte) string {
	var said struct {
		Message, Error any
	}
	text := string(body)
	if json.Unmarshal(body, &said) == nil {
		text = firstText(said.Message, said.Error)
	}
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
	return cut(text, maxMessage)
}

func firstText(values ...any) string {
	for _, v := range values {
		if s, ok := v.(string); ok && s != "" {
			return s
		}
	}
	return ""
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// retryAfter reads seconds or a date. A date counts from the answer's own, so that clocks need not
// agree.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(value, 10, 63)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}

// noAnswer makes the error of a call that got no answer, and tells the caller's own cancellation from
// all else.
func (c *Client) noAnswer(ctx, callCtx context.Context, r Request, err error) *Error {
	e := &Error{Class: ClassTemporary, Op: operation(r)}
	switch {
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Class, e.Err = ClassCanceled, context.Canceled
		e.Message = "cancelled by the caller"
	case callCtx.Err() != nil:
		e.Err = context.DeadlineExceeded
		e.Message = "no answer in time"
		if ctx.Err() == nil {
			e.Message = "no answer within " + c.timeout.String()
		}
	default:
		e.Err = c.redact.error(err)
		e.Message = cut("no answer: "+e.Err.Error(), maxMessage)
	}
	return e
}

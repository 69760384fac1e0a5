// Package refiner is a client of Refiner's REST API.
//
// It knows how a call is sent and what an answer means: every error says of which [Class] it is, so
// that a caller can tell an event that Refiner condemns from a key that it refuses, from a limit that
// was reached and from trouble that passes. It does not repeat calls, keeps no limits and knows
// nothing of where the calls come from.
package refiner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultEndpoint is where Refiner's API lives.
const DefaultEndpoint = "https://api.refiner.io"

const (
	defaultTimeout   = 30 * time.Second
	defaultMaxConns  = 256
	defaultUserAgent = "tanker"
)

// Encoding is how the body of a call is written.
type Encoding int

const (
	// JSON sends the body as it is. It is the only encoding that keeps numbers, booleans, lists and
	// nested objects as they are.
	JSON Encoding = iota

	// Form sends the body as form fields, nested values as account[name]=… and tags[0]=…. All values
	// arrive as text.
	Form
)

// Options says which Refiner to call and how.
type Options struct {
	// Endpoint is the API's address without the version: every path carries its own /v1, and one at
	// the end of Endpoint is dropped. Scheme http or https. Defaults to DefaultEndpoint.
	Endpoint string

	// APIKey is the REST API key of one Refiner environment. Required.
	APIKey APIKey

	// Encoding is how bodies are written. Defaults to JSON.
	Encoding Encoding

	// Timeout bounds one whole call, from dialing to the last byte of the answer. Defaults to 30 s.
	Timeout time.Duration

	// MaxConns is the most connections that are open at a time, and kept open while idle. Further
	// calls wait. Defaults to 256.
	MaxConns int

	// Transport replaces the connections that the client would keep itself. It must keep to the rule
	// that a RoundTripper does not modify a request: calls share their headers. Optional.
	Transport http.RoundTripper

	// Permit is asked right before anything is written to a connection. While it says no nothing is
	// written, and the connection is closed, so that whoever loses the right to call sends nothing more.
	// Not used with a Transport of one's own. Optional.
	Permit func() bool

	// UserAgent names the caller. Defaults to "tanker".
	UserAgent string
}

func (o Options) withDefaults() Options {
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxConns <= 0 {
		o.MaxConns = defaultMaxConns
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	return o
}

// Client calls one environment of Refiner. It is safe for concurrent use. Close frees its
// connections.
type Client struct {
	base      url.URL
	host      string
	transport http.RoundTripper
	timeout   time.Duration
	encoding  Encoding
	redact    redactor

	// The headers of a call with a JSON body, a form, and no body. Shared by all calls: read only.
	jsonHeader, formHeader, bareHeader http.Header
}

// New returns a client. It makes no call: use [Client.Verify] to learn whether the key is accepted.
func New(options Options) (*Client, error) {
	o := options.withDefaults()
	base, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	if err := o.APIKey.validate(); err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport(o.MaxConns, o.Permit)
	}
	return &Client{
		base:       *base,
		host:       base.Host,
		transport:  transport,
		timeout:    o.Timeout,
		encoding:   o.Encoding,
		redact:     newRedactor(o.APIKey),
		jsonHeader: header(o, "application/json"),
		formHeader: header(o, "application/x-www-form-urlencoded"),
		bareHeader: header(o, ""),
	}, nil
}

func header(o Options, contentType string) http.Header {
	h := http.Header{
		"Authorization": {"Bearer " + string(o.APIKey)},
		"Accept":        {"application/json"},
		"User-Agent":    {o.UserAgent},
	}
	if contentType != "" {
		h["Content-Type"] = []string{contentType}
	}
	return h
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		// The cause repeats the address, and an address may hold a password.
		return nil, errors.New("refiner: endpoint is not a URL")
	}
	switch {
	case u.User != nil:
		return nil, errors.New("refiner: endpoint must not hold a user name or password")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return nil, fmt.Errorf("refiner: endpoint %q must start with https:// or http:// and a host", endpoint)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("refiner: endpoint %q must end with its path", endpoint)
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(path, "/")}, nil
}

// newTransport keeps up to maxConns connections. Idle ones are given up after half a minute, sooner
// than servers usually do: a call on a connection that the server closes at this very moment cannot
// be told from one that was lost, and would have to be repeated.
func newTransport(maxConns int, permit func() bool) *http.Transport {
	dial := (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	if permit != nil {
		dial = guardedDial(dial, permit)
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dial,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           maxConns,
		MaxIdleConnsPerHost:    maxConns,
		MaxConnsPerHost:        maxConns,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // answers are a few dozen bytes
	}
}

// Close closes the idle connections. Calls that are under way are not disturbed.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Request is one call in its raw form.
type Request struct {
	// Method is the HTTP method, POST for most calls.
	Method string

	// Path starts with /v1/ and may carry a query.
	Path string

	// Body is one JSON object, or nil. It must not be modified, not even after Do has returned: the
	// transport may still be reading it.
	Body []byte

	// Form sends this body as form fields whatever the client's Encoding.
	Form bool
}

// Answer is what Refiner said to a call that it accepted.
type Answer struct {
	Status int    // 200 to 299
	Body   []byte // at most 64 KiB of it
}

// Do makes one call. The call is accepted when the error is nil; otherwise the error is an [*Error].
//
// A call that was cancelled by ctx, one that got no answer and one that timed out may or may not have
// had its effect.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	return c.do(ctx, r, maxAnswer)
}

func (c *Client) do(ctx context.Context, r Request, limit int64) (Answer, error) {
	req, err := c.request(r)
	if err != nil {
		return Answer{}, &Error{Class: ClassEvent, Op: operation(r), Message: err.Error(), Err: err}
	}
	callCtx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.transport.RoundTrip(req.WithContext(callCtx))
	if err != nil {
		return Answer{}, c.noAnswer(ctx, callCtx, r, err)
	}
	body := readAnswer(resp, limit)
	body = c.redact.bytes(body)
	if success(resp.StatusCode) && !foreign(body) {
		return Answer{Status: resp.StatusCode, Body: body}, nil
	}
	return Answer{}, refusal(operation(r), resp, body)
}

// request builds what the transport takes. The URL and the headers are assembled, not parsed: this
// is done for every event.
func (c *Client) request(r Request) (*http.Request, error) {
	u := c.base
	path, query, _ := strings.Cut(r.Path, "?")
	u.Path += path
	u.RawQuery = query
	req := &http.Request{
		Method:     r.Method,
		URL:        &u,
		Host:       c.host,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     c.bareHeader,
	}
	if r.Body == nil {
		return req, nil
	}
	body := r.Body
	req.Header = c.jsonHeader
	if r.Form || c.encoding == Form {
		var err error
		if body, err = AppendForm(nil, r.Body); err != nil {
			return nil, err
		}
		req.Header = c.formHeader
	}
	setBody(req, body)
	return req, nil
}

// setBody attaches the body in such a way that the transport can send it once more when a kept
// connection turns out to be closed before anything was written to it.
func setBody(req *http.Request, body []byte) {
	if len(body) == 0 {
		return
	}
	req.ContentLength = int64(len(body))
	req.Body = newRequestBody(body)
	req.GetBody = func() (io.ReadCloser, error) { return newRequestBody(body), nil }
}

type requestBody struct{ bytes.Reader }

func newRequestBody(data []byte) *requestBody {
	b := &requestBody{}
	b.Reset(data)
	return b
}

func (*requestBody) Close() error { return nil }

func operation(r Request) string {
	path, _, _ := strings.Cut(r.Path, "?")
	return r.Method + " " + path
}

// String names the endpoint, never the key.
func (c *Client) String() string { return "refiner client of " + c.base.String() }

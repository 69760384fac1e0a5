package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// Client asks a running server.
type Client struct {
	base  string
	token config.Secret
	http  *http.Client
}

// NewClient asks the server whose admin API listens at address, which is host:port or a URL. A host that
// means every interface is taken for this machine.
func NewClient(address string, token config.Secret) *Client {
	base := address
	if !strings.Contains(address, "://") {
		host, port, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		base = "http://" + net.JoinHostPort(host, port)
	}
	return &Client{
		base: strings.TrimRight(base, "/"), token: token,
		http: &http.Client{},
	}
}

// NewSocketClient asks the server of a data directory on this machine, by its socket and without a token. Error: there
// can be no socket in that directory.
func NewSocketClient(dataDir string) (*Client, error) {
	path := SocketPath(dataDir)
	if err := checkSocketPath(path); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return &Client{
		base: "http://" + socketHost,
		http: &http.Client{Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) },
			DisableKeepAlives: true, // a question is one request, and nobody closes a client
		}},
	}, nil
}

// socketHost stands where a URL has a host and there is none.
const socketHost = "socket"

// RefusedError is an answer of the server that is no success.
type RefusedError struct {
	Status  int    // of HTTP
	Message string // what is wrong
	Hint    string // what to do about it; may be empty
}

func (e *RefusedError) Error() string { return e.Message }

// Status asks how everything stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.do(ctx, http.MethodGet, "/api/v1/status", &s)
}

// Health asks whether the server is alive.
func (c *Client) Health(ctx context.Context) error { return c.do(ctx, http.MethodGet, "/health", nil) }

// Ready asks whether the server accepts events. The error says why not.
func (c *Client) Ready(ctx context.Context) error { return c.do(ctx, http.MethodGet, "/ready", nil) }

// DeadLetters asks for a part of the list of dead letters.
func (c *Client) DeadLetters(ctx context.Context, f dead.Filter) (journal.DeadPage, error) {
	var page journal.DeadPage
	return page, c.do(ctx, http.MethodGet, "/api/v1/dead?"+formatFilter(f).Encode(), &page)
}

// DeadLetter asks for one dead letter.
func (c *Client) DeadLetter(ctx context.Context, destination string, at journal.Position) (journal.DeadLetter, error) {
	var letter journal.DeadLetter
	return letter, c.do(ctx, http.MethodGet, letterPath(destination, at), &letter)
}

// PreviewDead asks what would be sent if a dead letter were sent again; corrected, if there is any, in the place of
// its event.
func (c *Client) PreviewDead(ctx context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error) {
	var mapped history.Mapped
	path := letterPath(destination, at) + "/replay?" + paramDryRun + "=true"
	return mapped, c.send(ctx, http.MethodPost, path, corrected, &mapped)
}

// ReplayDead has one dead letter sent again; corrected, if there is any, in the place of its event.
func (c *Client) ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error {
	return c.send(ctx, http.MethodPost, letterPath(destination, at)+"/replay", corrected, nil)
}

// DiscardDead has one dead letter deleted.
func (c *Client) DiscardDead(ctx context.Context, destination string, at journal.Position) error {
	return c.do(ctx, http.MethodDelete, letterPath(destination, at), nil)
}

func letterPath(destination string, at journal.Position) string {
	return "/api/v1/dead/" + url.PathEscape(destination) + "/" + at.String()
}

// do makes a request without a body and reads its answer into result.
func (c *Client) do(ctx context.Context, method, path string, result any) error {
	return c.send(ctx, method, path, nil, result)
}

// send makes a request and reads its answer into result, if that is not nil.
func (c *Client) send(ctx context.Context, method, path string, body []byte, result any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	resp, err := c.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(result); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// answerTimeout is how long an answer may take that is not read piece by piece.
const answerTimeout = time.Minute

// open makes a request and returns its answer, if that is a success. The caller closes its body.
func (c *Client) open(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the server: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		defer resp.Body.Close()
		return nil, refused(resp)
	}
	return resp, nil
}

func refused(resp *http.Response) error {
	var p problem
	body := io.LimitReader(resp.Body, maxBody)
	if err := json.NewDecoder(body).Decode(&p); err != nil || p.Error == "" {
		p = problem{"the server answers " + resp.Status, "is this the address of a Tanker's admin API?"}
	}
	return &RefusedError{resp.StatusCode, p.Error, p.Hint}
}

package transformer

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
	"syscall"
	"time"

	"tanker/event"
	"tanker/mapping"
)

// Bounds of a delivery, as in rudder-transformer; it has none for the answer.
const (
	deliveryTimeout = time.Minute
	longestAnswer   = 1 << 20
)

// newDeliverer makes the client that delivers. It does not follow redirects: they would be followed with the API key.
func newDeliverer() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       deliveryTimeout,
	}
}

// delivered is how a delivery ended.
type delivered struct {
	status   int
	response []byte // JSON: what was answered, or a text about why nothing was
	headers  http.Header
	broken   string // why there was nothing to deliver; "" if there was
}

func (d delivered) ok() bool { return d.broken == "" && d.status/100 == 2 }

// deliver sends the request that a body describes.
func (h *Handler) deliver(ctx context.Context, described event.Value) delivered {
	req, err := h.outgoing(ctx, described)
	if err != nil {
		return delivered{status: http.StatusInternalServerError, response: []byte(`""`), broken: err.Error()}
	}
	resp, err := h.deliverer.Do(req)
	if err != nil {
		return delivered{status: http.StatusInternalServerError, response: appendString(nil, networkError(err))}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return delivered{status: http.StatusInternalServerError, response: appendString(nil, networkError(err))}
	}
	return delivered{status: resp.StatusCode, response: asJSON(body), headers: resp.Header}
}

// outgoing makes the request. One that does not go to Refiner is refused: this is no proxy for everything.
func (h *Handler) outgoing(ctx context.Context, described event.Value) (*http.Request, error) {
	endpoint := described.Get("endpoint").Text()
	if rest, ok := strings.CutPrefix(endpoint, h.options.Endpoint); !ok || rest != "" && rest[0] != '/' {
		return nil, fmt.Errorf("the endpoint %q is not Refiner's, which is %s", endpoint, h.options.Endpoint)
	}
	payload, err := payload(described.Get("body"))
	if err != nil {
		return nil, err
	}
	method := described.Get("method").Text()
	req, err := http.NewRequestWithContext(ctx, method, withParams(endpoint, described.Get("params")), bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("the request cannot be made: %w", err)
	}
	for name, value := range described.Get("headers").Members() {
		req.Header.Set(name, value.Text())
	}
	req.Header.Set("Accept", "application/json, text/plain, */*")
	req.Header.Set("User-Agent", "RudderLabs")
	return req, nil
}

func withParams(endpoint string, params event.Value) string {
	query := url.Values{}
	for name, value := range params.Members() {
		query.Set(name, mapping.JavaScriptText(value))
	}
	if len(query) == 0 {
		return endpoint
	}
	return endpoint + "?" + query.Encode()
}

// payload is the body of the request: of the forms in which it may stand there, the last that is not empty.
func payload(forms event.Value) ([]byte, error) {
	if forms.Kind() != event.Object {
		return nil, errors.New("the request has no body")
	}
	format, content := "", event.Value{}
	for name, value := range forms.Members() {
		if value.Kind() == event.Object && string(mapping.AppendJavaScriptJSON(nil, value)) != "{}" {
			format, content = name, value
		}
	}
	switch format {
	case "":
		return nil, nil
	case "FORM":
		return appendForm(nil, content)
	case "JSON":
		return mapping.AppendJavaScriptJSON(nil, content), nil
	}
	return nil, fmt.Errorf("a body of the form %s is not for Refiner, which takes FORM and JSON", format)
}

// asJSON is an answer as JSON: as it is if it is that already, else as a text.
func asJSON(body []byte) []byte {
	var p event.Parser
	if v, err := p.Parse(body, event.Limits{}); err == nil {
		return mapping.AppendJavaScriptJSON(nil, v)
	}
	return appendString(nil, strings.ToValidUTF8(string(body), "\ufffd"))
}

// networkError says why there is no answer, with the code that rudder-transformer has for it.
func networkError(err error) string {
	code := "ECONNRESET"
	var dns *net.DNSError
	var slow net.Error
	switch {
	case errors.As(err, &dns):
		return "[ENOTFOUND] :: DNS lookup failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		code = "ECONNREFUSED"
	case errors.As(err, &slow) && slow.Timeout():
		code = "ECONNABORTED"
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	return "[" + code + "] :: " + err.Error()
}

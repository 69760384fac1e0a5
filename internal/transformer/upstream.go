package transformer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"tanker/event"
)

// upstream is the transformer for everything but Refiner.
type upstream struct {
	url       *url.URL
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	features  atomic.Pointer[[]byte] // the latest, with Refiner's
}

const (
	featuresTimeout = 5 * time.Second
	longestFeatures = 1 << 20
)

func newUpstream(to *url.URL, log *slog.Logger) *upstream {
	transport := &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 90 * time.Second, DisableCompression: true}
	return &upstream{
		url: to, transport: transport,
		proxy: &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
			Transport: transport,
			ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug),
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				if r.Context().Err() == nil {
					log.Warn("the other transformer does not answer", "url", to.Redacted(), "path", r.URL.Path, "error", err)
				}
				unreachable(to).write(w)
			},
		},
	}
}

// unreachable is an answer on which rudder-server tries again.
func unreachable(to *url.URL) *failure {
	return &failure{
		status: http.StatusBadGateway, class: "Bad Gateway",
		message: "no answer from the transformer for other destinations, " + to.Redacted() + ": is it running?",
	}
}

// elsewhere passes a request on that is not for Refiner, or says what there is to say without another transformer.
func (h *Handler) elsewhere(w http.ResponseWriter, r *http.Request, otherwise func(http.ResponseWriter)) {
	if h.upstream == nil {
		otherwise(w)
		return
	}
	h.upstream.proxy.ServeHTTP(w, r)
}

// passOn passes a request on whose body has been read.
func (h *Handler) passOn(w http.ResponseWriter, x *exchange, otherwise func(http.ResponseWriter)) {
	x.lent = true
	r := x.request.Clone(x.request.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(x.body)), int64(len(x.body))
	h.elsewhere(w, r, otherwise)
}

// serveFeatures answers /features: the other transformer's, and Refiner. While that one does not answer, they are what
// they were.
func (h *Handler) serveFeatures(w http.ResponseWriter, r *http.Request) {
	if h.upstream == nil {
		writeText(w, http.StatusOK, features)
		return
	}
	merged, err := h.upstream.askFeatures(r.Context())
	switch known := h.upstream.features.Load(); {
	case err == nil:
		h.upstream.features.Store(&merged)
	case known != nil:
		h.options.Logger.Warn("the other transformer does not say its features: using what it said last", "error", err)
		merged = *known
	default:
		h.options.Logger.Warn("the other transformer does not say its features", "error", err)
		unreachable(h.upstream.url).write(w)
		return
	}
	writeText(w, http.StatusOK, string(merged))
}

func (u *upstream) askFeatures(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, featuresTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url.JoinPath("features").String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := u.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestFeatures))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answered %s", resp.Status)
	}
	return withRefiner(body)
}

// withRefiner adds Refiner to another transformer's features. Its other features stay as they are: what it does not
// support, such as compacted bodies, must not be sent here either, since it may be passed on.
func withRefiner(features []byte) ([]byte, error) {
	e, err := event.Parse(features, event.Limits{})
	if err != nil {
		return nil, err
	}
	all := e.Get()
	routes := all.Get("routerTransform")
	if routes.Kind() != event.Object {
		return nil, errors.New("the features name no routerTransform")
	}
	return replaced(all, "routerTransform", with(routes, "REFINER", []byte("true"))), nil
}

package transformer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// How long a connection may take for what. A request may hold many megabytes, but a network inside of a data centre is
// between.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 2 * time.Minute
	idleTimeout   = 5 * time.Minute
	stopTimeout   = 10 * time.Second
)

// Serve answers requests on a listener until ctx ends. Those that have begun then have ten seconds to end.
func (h *Handler) Serve(ctx context.Context, l net.Listener) error {
	defer h.Close()
	web := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(h.options.Logger.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if web.Shutdown(limit) != nil {
		web.Close() // a request that is cut off gets no answer, so that it will be sent again
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

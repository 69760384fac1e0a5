package gateway

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// ServerOptions bound what a connection may cost. A zero field means its default.
type ServerOptions struct {
	// HeaderTimeout is how long a client may take to send the headers of a request. Default 10 s.
	HeaderTimeout time.Duration
	// BodyTimeout is how long a client may take to send a whole request, headers and body. After it the request is
	// answered with 408 and the connection closed. Default 60 s.
	BodyTimeout time.Duration
	// AnswerTimeout is how long a client may take to read the answer. Default 10 s.
	AnswerTimeout time.Duration
	// IdleTimeout is how long a connection without a request is kept. Default 720 s.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the request line and the headers of a request; more is answered with 431.
	// Default 524,288 bytes.
	MaxHeaderBytes int
	// MaxConnections bounds the open connections, idle ones included; more are closed at once. Headers are read before
	// a request counts as in flight, so this times MaxHeaderBytes bounds their memory. Default 50,000.
	MaxConnections int
}

func (o ServerOptions) withDefaults() ServerOptions {
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.BodyTimeout, time.Minute)
	setDefault(&o.AnswerTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 720*time.Second)
	setDefault(&o.MaxHeaderBytes, 512<<10)
	setDefault(&o.MaxConnections, 50_000)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server returns a server for the gateway that gives slow and greedy clients up. The caller sets its address or
// gives it a listener, and shuts it down.
func (g *Gateway) Server(options ServerOptions) *http.Server {
	o := options.withDefaults()
	return &http.Server{
		Handler:           g,
		ReadHeaderTimeout: o.HeaderTimeout,
		ReadTimeout:       o.BodyTimeout,
		// Counted from the end of the headers, so it has to cover all that may come before the answer.
		WriteTimeout:   o.BodyTimeout + budgetWait + g.options.AppendTimeout + o.AnswerTimeout,
		IdleTimeout:    o.IdleTimeout,
		MaxHeaderBytes: o.MaxHeaderBytes,
		ConnState:      closeAbove(int64(o.MaxConnections)),
		ErrorLog:       slog.NewLogLogger(g.options.Logger.Handler(), slog.LevelDebug),
	}
}

// closeAbove closes each connection that comes when most are open already.
func closeAbove(most int64) func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > most {
				c.Close() // the server notices, and reports the connection as closed
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
}

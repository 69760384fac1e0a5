package refinertest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	stopTimeout  = 5 * time.Second
	testPatience = 100 * time.Millisecond
)

// Serve answers calls on the listener until ctx ends, and closes it. Calls that are under way then
// have five seconds; delays end at once.
func (s *Sandbox) Serve(ctx context.Context, listener net.Listener) error {
	return s.serve(ctx, listener, stopTimeout)
}

func (s *Sandbox) serve(ctx context.Context, listener net.Listener, patience time.Duration) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second, // none for the body: it would end the delays of faults
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed //nolint:errcheck // it says that the server was closed
	return err
}

// TB is what NewServer needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Server is a sandbox on a port of this machine.
type Server struct {
	*Sandbox
	URL string // such as http://127.0.0.1:41234, without the version
}

// NewServer starts a sandbox that stops at the end of the test.
func NewServer(t TB, options Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	s := New(options)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.serve(ctx, listener, testPatience) }()
	t.Cleanup(func() {
		cancel()
		<-stopped //nolint:errcheck // the test is over
	})
	return &Server{Sandbox: s, URL: "http://" + listener.Addr().String()}
}

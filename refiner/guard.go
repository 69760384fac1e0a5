package refiner

import (
	"context"
	"errors"
	"net"
)

// errNotPermitted is what a connection says that must not be written to any more.
var errNotPermitted = errors.New("calls are not permitted at the moment")

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// guardedDial opens connections to which nothing is written without permission. A call waits in many places, for a
// connection, for another goroutine, while the process is stopped, so only the last moment before the write is the right
// one to ask. TLS is on top of it.
func guardedDial(dial dialer, permit func() bool) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if !permit() {
			return nil, errNotPermitted
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &guardedConn{conn, permit}, nil
	}
}

// guardedConn asks before each write. It hides the methods by which data could be written past it.
type guardedConn struct {
	net.Conn

	permit func() bool
}

func (c *guardedConn) Write(p []byte) (int, error) {
	if !c.permit() {
		_ = c.Close() // nobody could use it any more
		return 0, errNotPermitted
	}
	return c.Conn.Write(p)
}

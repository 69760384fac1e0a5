package natstest

import (
	"io"
	"net"
	"sync"
)

// Link is a proxy in the way to an address, which can be cut.
type Link struct {
	to       string
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	stuck bool
	free  *sync.Cond // told when the link is not stuck any more
	open  map[net.Conn]struct{}
}

// NewLink makes a link to an address. It ends with Close.
func NewLink(to string) (*Link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Link{to: to, listener: listener, open: map[net.Conn]struct{}{}}
	l.free = sync.NewCond(&l.mu)
	l.running.Go(l.accept)
	return l, nil
}

// Address is where the link begins.
func (l *Link) Address() string { return l.listener.Addr().String() }

// Cut breaks the link: open connections end, and new ones are closed at once.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		c.Close()
	}
}

// Stall lets nothing through, and tells nobody: what is sent waits, as on a way that loses every packet.
func (l *Link) Stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = true
}

// Heal ends Cut and Stall.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.stuck = false, false
	l.free.Broadcast()
}

// Close ends the link and waits for what it carried.
func (l *Link) Close() {
	l.listener.Close()
	l.Cut()
	l.mu.Lock()
	l.stuck = false
	l.free.Broadcast()
	l.mu.Unlock()
	l.running.Wait()
}

func (l *Link) accept() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.carry(from) })
	}
}

// carry connects a connection with the address behind the link.
func (l *Link) carry(from net.Conn) {
	defer l.forget(from)
	if !l.keep(from) {
		return
	}
	to, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer l.forget(to)
	if !l.keep(to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { l.copy(from, to) })
	l.copy(to, from)
	back.Wait()
}

// copy carries what comes in one direction, and ends both when it does.
func (l *Link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	_, _ = io.Copy(&gate{to, l}, from)
}

// gate writes while its link is not stuck.
type gate struct {
	net.Conn

	link *Link
}

func (g *gate) Write(p []byte) (int, error) {
	g.link.mu.Lock()
	for g.link.stuck {
		g.link.free.Wait()
	}
	g.link.mu.Unlock()
	return g.Conn.Write(p)
}

// keep notes an open connection, unless the link is cut.
func (l *Link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.open[c] = struct{}{}
	}
	return !l.cut
}

func (l *Link) forget(c net.Conn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

// pipeListener is a listener of connections in memory, which run on the test's clock.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// onTestClock runs a test of a gateway behind a server on a clock that jumps, with a function that connects to it.
func onTestClock(t *testing.T, options gateway.Options, test func(g *gateway.Gateway, dial func() net.Conn), server ...gateway.ServerOptions) {
	synctest.Test(t, func(t *testing.T) {
		g := gateway.New(options)
		if err := g.SetSources(testSources); err != nil {
			t.Fatal(err)
		}
		server := g.Server(append(server, gateway.ServerOptions{})[0])
		listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
		done := make(chan error)
		go func() { done <- server.Serve(listener) }()
		test(g, func() net.Conn {
			client, conn := net.Pipe()
			listener.conns <- conn
			return client
		})
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func TestSlowHeaders(t *testing.T) {
	onTestClock(t, gateway.Options{Journal: &memoryLog{}}, func(_ *gateway.Gateway, dial func() net.Conn) {
		conn := dial()
		began := time.Now()
		trickled := trickle(conn, "POST /v1/track HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		got, err := io.ReadAll(conn)
		if status, _, _ := strings.Cut(string(got), "\r\n"); err != nil || status != "" && status != "HTTP/1.1 400 Bad Request" {
			t.Errorf("got %q, %v", got, err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("the connection was closed after %v", took)
		}
		conn.Close()
		<-trickled
	})
}

// trickle writes the head at once and then a byte each second until the connection breaks.
func trickle(conn net.Conn, head string) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for _, err := io.WriteString(conn, head); err == nil; time.Sleep(time.Second) {
			_, err = io.WriteString(conn, "x")
		}
	}()
	return done
}

// gzipBlock is the start of gzip data: a header and a block that holds its 65,535 bytes as they are.
const gzipBlock = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + "\x00\xff\xff\x00\x00"

func TestSlowBody(t *testing.T) {
	t.Run("plain", func(t *testing.T) { testSlowBody(t, "", `{"userId":"`) })
	t.Run("gzip", func(t *testing.T) { testSlowBody(t, "Content-Encoding: gzip\r\n", gzipBlock) })
}

func testSlowBody(t *testing.T, head, body string) {
	log := &memoryLog{}
	onTestClock(t, gateway.Options{Journal: log, MaxMemory: 256 << 20}, func(g *gateway.Gateway, dial func() net.Conn) {
		conn := dial()
		began := time.Now()
		trickled := trickle(conn, "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: "+basic(webKey)+"\r\n"+head+"Content-Length: 4000000\r\n\r\n"+body)
		time.Sleep(30 * time.Second)
		if held := 256<<20 - g.FreeMemory(); held > 128<<10 {
			t.Errorf("a client that has sent 30 bytes of 4 MB holds %d bytes", held)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		answer{response.StatusCode, string(text), response.Header}.want(t, 408, "failed to read body from request")
		if took := time.Since(began); took < time.Minute || took > 62*time.Second {
			t.Errorf("the answer came after %v", took)
		}
		if !response.Close {
			t.Error("the connection stays open")
		}
		if len(log.take()) != 0 {
			t.Error("it was stored")
		}
		conn.Close()
		<-trickled
	})
}

func TestIdleConnection(t *testing.T) {
	onTestClock(t, gateway.Options{Journal: &memoryLog{}}, func(_ *gateway.Gateway, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		r := bufio.NewReader(conn)
		for range 2 {
			io.WriteString(conn, "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
			response, err := http.ReadResponse(r, nil)
			if err != nil || response.StatusCode != 200 {
				t.Fatal(response, err)
			}
			io.ReadAll(response.Body)
			time.Sleep(11 * time.Minute)
		}
		began := time.Now().Add(-11 * time.Minute)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the connection closed", err)
		}
		if idle := time.Since(began); idle < 12*time.Minute || idle > 12*time.Minute+time.Second {
			t.Errorf("the connection was closed after %v", idle)
		}
	})
}

// A client that does not read its answer is given up too.
func TestAnswerNotRead(t *testing.T) {
	onTestClock(t, gateway.Options{Journal: &memoryLog{}}, func(g *gateway.Gateway, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(2 * time.Minute)
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
			t.Errorf("got %q, %v, want the connection closed", got, err)
		}
		synctest.Wait()
		if n := g.InFlight(); n != 0 {
			t.Errorf("%d requests in flight", n)
		}
	})
}

// An answer may take as long as a slow body, a wait for memory and a slow journal take together.
func TestLateAnswerArrives(t *testing.T) {
	log := &memoryLog{fail: func(context.Context, []journal.Entry) error { time.Sleep(9 * time.Second); return nil }}
	onTestClock(t, gateway.Options{Journal: log}, func(_ *gateway.Gateway, dial func() net.Conn) {
		conn := dial()
		defer conn.Close()
		const body = `{"userId":"u1"}`
		go func() {
			fmt.Fprintf(conn, "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", basic(webKey), len(body))
			time.Sleep(59 * time.Second)
			io.WriteString(conn, body)
		}()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != 200 {
			t.Errorf("got %v, %v", response, err)
		}
	})
}

func TestTooManyConnections(t *testing.T) {
	onTestClock(t, gateway.Options{Journal: &memoryLog{}}, func(_ *gateway.Gateway, dial func() net.Conn) {
		ready := func(conn net.Conn) bool {
			_, err := io.WriteString(conn, "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
			if err != nil {
				return false
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			return err == nil && response.StatusCode == 200
		}
		first, second, third := dial(), dial(), dial()
		if !ready(first) || !ready(second) {
			t.Error("two connections do not work")
		}
		if ready(third) {
			t.Error("a third connection works")
		}
		second.Close()
		synctest.Wait()
		fourth := dial()
		if !ready(first) || !ready(fourth) {
			t.Error("a place that became free is not used")
		}
		first.Close()
		third.Close()
		fourth.Close()
	}, gateway.ServerOptions{MaxConnections: 2})
}

func TestHeaderFlood(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	flood := func(name string, header func(r *http.Request)) {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequest("POST", s.url+"/v1/track", strings.NewReader(`{"userId":"u1"}`))
			r.Header.Set("Authorization", basic(webKey))
			header(r)
			response, err := s.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			io.Copy(io.Discard, response.Body)
			if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("got %d", response.StatusCode)
			}
		})
	}
	flood("one long header", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 600_000)) })
	flood("many headers", func(r *http.Request) {
		for i := range 40_000 {
			r.Header.Add("X-Many", strings.Repeat("x", i%10+8))
		}
	})
	flood("a long key", func(r *http.Request) { r.Header.Set("Authorization", basic(strings.Repeat("k", 500_000))) })
	if n := len(s.log.take()); n != 0 {
		t.Errorf("%d events stored", n)
	}
	s.post("/v1/track", `{"userId":"u1"}`, "X-Long", strings.Repeat("x", 400_000)).want(t, 200, "ok")
}

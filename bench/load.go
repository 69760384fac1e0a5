package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load sends requests over a fixed number of connections, each waiting for its answer before the next, until the
// events are used up or the time is over. It speaks HTTP itself: the machine is to be busy with Tanker, not with this.
type load struct {
	addresses []string // host:port of each gateway; the connections take turns
	writeKey  string
	conns     int
	batch     int           // events in a request; 1 means /v1/track with a single event
	events    int64         // how many to send; 0 means until the time is over
	time      time.Duration // how long to send; 0 means until the events are used up
	users     int
}

// result is how a load went.
type result struct {
	events   int64
	requests int64
	took     time.Duration
	p50, p99 time.Duration // from request to answer
}

func (r result) requestRate() float64 { return float64(r.requests) / r.took.Seconds() }
func (r result) eventRate() float64   { return float64(r.events) / r.took.Seconds() }

func (l load) run(ctx context.Context) (result, error) {
	if l.time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.time)
		defer cancel()
	}
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		took     []time.Duration
		firstErr error
		next     atomic.Int64
	)
	start := time.Now()
	for i := range l.conns {
		wg.Go(func() {
			mine, err := l.connection(ctx, l.addresses[i%len(l.addresses)], &next)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			if firstErr == nil {
				firstErr = err
			}
		})
	}
	wg.Wait()
	r := result{took: time.Since(start), requests: int64(len(took)), events: int64(len(took) * l.batch)}
	slices.Sort(took)
	if len(took) > 0 {
		r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	return r, firstErr
}

func (l load) connection(ctx context.Context, address string, next *atomic.Int64) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var took []time.Duration
	in := bufio.NewReader(conn)
	var out, body []byte
	for ctx.Err() == nil {
		n := next.Add(int64(l.batch))
		if l.events > 0 && n > l.events {
			break
		}
		out, body = l.request(out[:0], body[:0], int(n)-l.batch)
		begin := time.Now()
		if _, err := conn.Write(out); err != nil {
			return took, fmt.Errorf("send: %w", err)
		}
		if err := readOK(in); err != nil {
			return took, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// request writes one request with the events from number n on.
func (l load) request(out, body []byte, n int) (request, bodyBuffer []byte) {
	path := "/v1/track"
	if l.batch == 1 {
		body = appendEvent(body, n, l.users)
	} else {
		path = "/v1/batch"
		body = append(body, `{"batch":[`...)
		for i := range l.batch {
			if i > 0 {
				body = append(body, ',')
			}
			body = appendEvent(body, n+i, l.users)
		}
		body = append(body, "]}"...)
	}
	out = fmt.Appendf(out, "POST %s HTTP/1.1\r\nHost: tanker\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		path, base64.StdEncoding.EncodeToString([]byte(l.writeKey+":")), len(body))
	return append(out, body...), body
}

// readOK reads an answer, which must be 200.
func readOK(in *bufio.Reader) error {
	r := textproto.NewReader(in)
	status, err := r.ReadLine()
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	length := 0
	for {
		line, err := r.ReadLineBytes()
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if len(line) == 0 {
			break
		}
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
		}
	}
	if _, err := io.CopyN(io.Discard, in, int64(length)); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return fmt.Errorf("answer %q", status)
	}
	return nil
}

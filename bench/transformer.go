package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"tanker/internal/tankertest"
)

const (
	transformerBatch = 200 // events in a body
	transformerConns = 2   // one for each core: more only wait for each other

	// transformerDestination is a destination as rudder-server describes it.
	transformerDestination = `{"ID":"2Wkz9BqQyqVwTn7yJ3tDcfFxX1a","Name":"Refiner production","DestinationDefinition":{"ID":"1xPaHkUZ2rRx5gNvwq","Name":"REFINER","DisplayName":"Refiner","Config":{"cdkV2Enabled":false,"transformAtV1":"router","supportedMessageTypes":{"cloud":["identify","track","group","page"]},"saveDestinationResponse":true,"secretKeys":["apiKey"]}},"Config":{"apiKey":"0123456789abcdef0123456789abcdef","userAttributesMapping":[{"from":"plan_name","to":"plan"}],"accountAttributesMapping":[]},"Enabled":true,"WorkspaceID":"1zYx9876","Transformations":[],"IsProcessorEnabled":true,"RevisionID":"2Wkz9C","hasDynamicConfig":false}`
)

// transformed measures the transformer on a route.
func transformed(path, format string) func(context.Context, *bench) (string, error) {
	return func(ctx context.Context, b *bench) (text string, err error) {
		p, address, err := startTransformer(ctx, b.binary)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, endTransformer(p)) }()
		got, err := loadTransformer(ctx, address, transformerRequest(path, format))
		if err != nil {
			return "", err
		}
		kb, err := resident(p.Process.Pid)
		return fmt.Sprintf("%.0f events/s, p50 %s, p99 %s; %.0f MB resident", got.eventRate(), short(got.p50), short(got.p99), float64(kb)/1000), err
	}
}

func startTransformer(ctx context.Context, binary string) (*exec.Cmd, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := l.Addr().String()
	l.Close()
	p := exec.CommandContext(ctx, binary, "transformer", "--listen", address)
	if err := p.Start(); err != nil {
		return nil, "", err
	}
	err = tankertest.Await(ctx, func() (bool, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
	return p, address, err
}

func endTransformer(p *exec.Cmd) error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.Wait()
}

// transformerRequest writes a whole request: events of the bench, with the metadata that rudder-server adds.
func transformerRequest(path, format string) []byte {
	body := []byte(`{"destType":"refiner","input":[`)
	if path != "/routerTransform" && format == "" {
		body = []byte("[")
	}
	for n := range transformerBatch {
		if n > 0 {
			body = append(body, ',')
		}
		body = append(appendEvent(append(body, `{"message":`...), n, 5000), `,"metadata":{"userId":"<<>>user-`...)
		body = strconv.AppendInt(body, int64(n), 10)
		body = append(body, `<<>>","jobId":`...)
		body = strconv.AppendInt(body, int64(n), 10)
		body = append(body, `,"sourceId":"2WkyzSource","sourceCategory":"web","destinationId":"2Wkz9BqQyqVwTn7yJ3tDcfFxX1a","attemptNum":0,"receivedAt":"2026-11-22T10:11:13.456Z","createdAt":"2026-11-22T10:11:13.460Z","firstAttemptedAt":"","transformAt":"router","workspaceId":"1zYx9876","secret":null,"workerAssignedTime":"2026-11-22T10:11:14.001234Z","dontBatch":false}`...)
		if format == "" {
			body = append(append(body, `,"destination":`...), transformerDestination...)
		}
		body = append(body, '}')
	}
	switch {
	case format != "":
		body = append(append(body, `],"destinations":{"2Wkz9BqQyqVwTn7yJ3tDcfFxX1a":`...), transformerDestination...)
		body = append(body, `},"connections":{"2WkyzSource:2Wkz9BqQyqVwTn7yJ3tDcfFxX1a":{}}}`...)
	case path == "/routerTransform":
		body = append(body, "]}"...)
	default:
		body = append(body, ']')
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: tanker\r\nContent-Type: application/json; charset=utf-8\r\nX-Content-Format: %s\r\nContent-Length: %d\r\n\r\n", path, format, len(body))
	return append([]byte(head), body...)
}

// loadTransformer sends a request over and over.
func loadTransformer(ctx context.Context, address string, request []byte) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		took []time.Duration
		errs []error
	)
	start := time.Now()
	for range transformerConns {
		wg.Go(func() {
			mine, err := repeat(ctx, address, request)
			mu.Lock()
			defer mu.Unlock()
			took, errs = append(took, mine...), append(errs, err)
		})
	}
	wg.Wait()
	r := result{took: time.Since(start), requests: int64(len(took)), events: int64(len(took) * transformerBatch)}
	slices.Sort(took)
	if len(took) > 0 {
		r.p50, r.p99 = took[len(took)/2], took[len(took)*99/100]
	}
	return r, errors.Join(errs...)
}

func repeat(ctx context.Context, address string, request []byte) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var took []time.Duration
	for ctx.Err() == nil {
		begin := time.Now()
		if _, err := conn.Write(request); err != nil {
			return took, fmt.Errorf("send: %w", err)
		}
		if err := readOK(in); err != nil {
			return took, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

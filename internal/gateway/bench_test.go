package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tanker/internal/gateway"
	"tanker/internal/journal"
)

// noLog stores nothing.
type noLog struct{}

func (noLog) Append(context.Context, []journal.Entry) error { return nil }

// blank is a response that is thrown away. It can be used again.
type blank struct {
	header http.Header
	status int
}

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(status int)      { b.status = status }

// BenchmarkGateway measures the handler alone, with events of about 1 KB.
func BenchmarkGateway(b *testing.B) {
	event, err := os.ReadFile(filepath.Join("testdata", "sdk", "js-track.json"))
	if err != nil {
		b.Fatal(err)
	}
	event = bytes.TrimSpace(event)
	batch := func(n int) string {
		return `{"batch":[` + strings.Repeat(string(event)+",", n-1) + string(event) + `]}`
	}
	for _, bc := range []struct {
		name, path, encoding, body string
		events                     int
	}{
		{"single", "/v1/track", "", string(event), 1},
		{"single gzip", "/v1/track", "gzip", zipped(b, string(event)), 1},
		{"batch 20", "/v1/batch", "", batch(20), 20},
		{"batch 20 gzip", "/v1/batch", "gzip", zipped(b, batch(20)), 20},
		{"batch 1000", "/v1/batch", "", batch(1000), 1000},
		{"refused", "/v1/track", "", string(event[:len(event)-1]), 0},
	} {
		b.Run(bc.name, func(b *testing.B) {
			g := gateway.New(gateway.Options{Journal: noLog{}})
			if err := g.SetSources(testSources); err != nil {
				b.Fatal(err)
			}
			body := strings.NewReader(bc.body)
			r, _ := http.NewRequest("POST", "http://x"+bc.path, io.NopCloser(body))
			r.ContentLength = int64(len(bc.body))
			r.SetBasicAuth(webKey, "")
			r.RemoteAddr = "198.51.100.7:4711"
			if bc.encoding != "" {
				r.Header.Set("Content-Encoding", bc.encoding)
			}
			w := &blank{}
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(bc.body)
				w.header, w.status = http.Header{}, 200
				g.ServeHTTP(w, r)
				if (w.status == 200) != (bc.events > 0) {
					b.Fatal(w.status)
				}
			}
			if bc.events > 0 {
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*bc.events), "ns/event")
			}
		})
	}
}

// BenchmarkServer measures single events over real connections, the client's work included.
func BenchmarkServer(b *testing.B) {
	event, err := os.ReadFile(filepath.Join("testdata", "sdk", "js-track.json"))
	if err != nil {
		b.Fatal(err)
	}
	for _, connections := range []int{1, 32} {
		b.Run(fmt.Sprint(connections, " connections"), func(b *testing.B) { benchmarkServer(b, connections, event) })
	}
}

func benchmarkServer(b *testing.B, connections int, event []byte) {
	g := gateway.New(gateway.Options{Journal: noLog{}})
	if err := g.SetSources(testSources); err != nil {
		b.Fatal(err)
	}
	server := g.Server(gateway.ServerOptions{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(listener)
	defer server.Close()
	request := fmt.Appendf(nil, "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", basic(webKey), len(event), event)

	work := make(chan struct{})
	var senders sync.WaitGroup
	for range connections {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		senders.Go(func() {
			answer := make([]byte, 4096)
			for range work {
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
				}
				n, err := conn.Read(answer)
				if err != nil || !bytes.HasSuffix(answer[:n], []byte("\r\n\r\nok")) {
					b.Errorf("%q, %v", answer[:n], err)
				}
			}
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	senders.Wait()
}

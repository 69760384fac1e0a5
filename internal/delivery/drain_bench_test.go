package delivery

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
	"tanker/refiner/refinertest"
)

// BenchmarkDrain delivers what a real journal holds to Refiner's stand-in over HTTP, without limits. All of
// it shares the processors.
func BenchmarkDrain(b *testing.B) {
	for _, delay := range []time.Duration{0, 150 * time.Millisecond} {
		b.Run(fmt.Sprint("API answers in ", delay), func(b *testing.B) { drain(b, delay) })
	}
}

func drain(b *testing.B, delay time.Duration) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j, err := journal.Open(ctx, journal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	cursor, err := j.OpenCursor(ctx, journal.CursorOptions{Destination: "production", Sources: []string{"web"}})
	if err != nil {
		b.Fatal(err)
	}
	defer cursor.Close()
	fill(b, j, b.N)

	sandbox := refinertest.New(refinertest.Options{CountOnly: true})
	if delay > 0 {
		if err := sandbox.SetFaults(refinertest.Fault{Delay: delay}); err != nil {
			b.Fatal(err)
		}
	}
	server := httptest.NewServer(sandbox)
	defer server.Close()
	client, err := refiner.New(refiner.Options{Endpoint: server.URL, APIKey: "sandbox-key-0000", MaxConns: 512})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var recorded counter
	w, err := New(Options{Name: "production", Log: cursor, Mapper: documented(b), Client: client, MaxConcurrency: 512, Observer: &recorded})
	if err != nil {
		b.Fatal(err)
	}

	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ResetTimer()
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for recorded.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	used := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/event")
	b.ReportMetric(float64(w.State().Concurrency), "in-flight")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// counter counts outcomes.
type counter struct {
	Unobserved
	atomic.Int64
}

func (c *counter) Outcome(journal.Kind, string) { c.Add(1) }

// fill appends n events of 1 KB of 1,000 users.
func fill(b *testing.B, j *journal.Journal, n int) {
	b.Helper()
	more := strings.Repeat("x", 800)
	for i := 0; i < n; {
		var entries []journal.Entry
		for ; i < n && len(entries) < 500; i++ {
			entries = append(entries, journal.Entry{
				Source: "web", MessageID: fmt.Sprint("message-", i), Type: "track", ReceivedAt: time.Now().UTC(),
				Body: fmt.Appendf(nil, `{"userId":"user-%d","event":"Order Completed","properties":{"n":%d,"more":%q}}`, i%1000, i, more),
			})
		}
		if err := j.Append(context.Background(), entries); err != nil {
			b.Fatal(err)
		}
	}
}

package journal

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const benchBody = 1024

func openForBench(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(context.Background(), Options{Dir: b.TempDir(), MaxBytes: 8 << 30})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return j
}

// BenchmarkAppend stores events of 1 KB from concurrent callers, one event a call, synced before each answer.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j := openForBench(b)
			body := noise(rand.New(rand.NewPCG(1, 2)), benchBody)
			b.ReportAllocs()
			b.SetBytes(benchBody)
			var wg sync.WaitGroup
			for caller := range callers {
				wg.Go(func() {
					e := []Entry{{Source: "web", Type: "track", ReceivedAt: time.Now(), RequestIP: "10.0.0.1", Body: body}}
					for n := caller; n < b.N; n += callers {
						e[0].MessageID = "5b3ee50e-1c8f-4bfc-8a3c-" + strconv.Itoa(n)
						if err := j.Append(context.Background(), e); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkEngine publishes to JetStream itself, to compare: events of 1 KB as a message each, one at a time and in
// atomic batches, and many as one message.
func BenchmarkEngine(b *testing.B) {
	body := noise(rand.New(rand.NewPCG(1, 2)), benchBody)
	b.Run("singles", func(b *testing.B) {
		j := openForBench(b)
		for range b.N {
			if _, err := j.js.Publish(context.Background(), "events.web.local", body); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("atomic=%d", n), func(b *testing.B) { atomicBatches(b, body, n) })
	}
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("one message of %d", n), func(b *testing.B) {
			j := openForBench(b)
			data := bytes.Repeat(body, n)
			b.ResetTimer()
			for range b.N {
				if _, err := j.js.Publish(context.Background(), "events.web.local", data); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// atomicBatches publishes as NATS's ADR-50 lays down: the messages of a batch carry its id and their number, the last
// one asks to commit and is answered.
func atomicBatches(b *testing.B, body []byte, n int) {
	j := openForBench(b)
	_, err := j.js.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: "ATOMIC", Subjects: []string{"atomic"}, Storage: jetstream.FileStorage, AllowAtomicPublish: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	conn := j.embedded.conn
	b.ResetTimer()
	for batch := range b.N {
		for i := 1; i <= n; i++ {
			msg := &nats.Msg{Subject: "atomic", Data: body, Header: nats.Header{
				"Nats-Batch-Id": {strconv.Itoa(batch)}, "Nats-Batch-Sequence": {strconv.Itoa(i)},
			}}
			if i < n {
				if err := conn.PublishMsg(msg); err != nil {
					b.Fatal(err)
				}
				continue
			}
			msg.Header["Nats-Batch-Commit"] = []string{"1"}
			answer, err := conn.RequestMsg(msg, 10*time.Second)
			if err != nil || bytes.Contains(answer.Data, []byte(`"error"`)) {
				b.Fatal(err, answer)
			}
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRead reads and finishes events of 1 KB that were stored one at a time, and 64 at a time.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("pack=%d", size), func(b *testing.B) { benchRead(b, size) })
	}
}

func benchRead(b *testing.B, size int) {
	j := openForBench(b)
	ctx := context.Background()
	c, err := j.OpenCursor(ctx, CursorOptions{Destination: "d", Sources: []string{"web"}})
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pack := make([]Entry, size)
	for n := 0; n < b.N; n += len(pack) {
		for i := range pack {
			pack[i] = Entry{Source: "web", Type: "track", MessageID: strconv.Itoa(n + i), ReceivedAt: time.Now(), Body: noise(random, benchBody)}
		}
		if err := j.Append(ctx, pack); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		entries, err := c.Next(ctx)
		if err != nil {
			b.Fatal(err)
		}
		outs := make([]Outcome, len(entries))
		for i := range entries {
			outs[i] = Outcome{Position: entries[i].Position, Kind: Delivered, At: time.Now()}
		}
		if err := c.Finish(ctx, outs); err != nil {
			b.Fatal(err)
		}
		n += len(entries)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

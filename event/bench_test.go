package event

import (
	"bytes"
	"os"
	"testing"
)

// sample reads testdata/track.json, 1 KB as the JavaScript SDK sends it.
func sample(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/track.json")
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

func BenchmarkParse(b *testing.B) {
	data := sample(b)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplitBatchOf4MB(b *testing.B) {
	event := sample(b)
	body := []byte(`{"batch":[`)
	for len(body)+len(event) < 4_000_000 {
		body = append(append(body, event...), ',')
	}
	body = append(append(body, event...), `]}`...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := SplitBatch(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAccept is what the gateway asks of an event.
func BenchmarkAccept(b *testing.B) {
	data := sample(b)
	b.ReportAllocs()
	for b.Loop() {
		e, err := Parse(data, Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if !e.Identified() || e.MessageID() == "" || e.Type() == "" || e.UserKey() == "" {
			b.Fatal("not a whole event")
		}
	}
}

func BenchmarkEnrich(b *testing.B) {
	e := parse(b, string(sample(b)))
	b.ReportAllocs()
	for b.Loop() {
		Enrich(e, Envelope{MessageID: "m", Type: "track", RequestIP: "::1", ReceivedAt: received})
	}
}

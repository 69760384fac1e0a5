package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// fillDead stores letters without their events ever having lived.
func fillDead(tb testing.TB, j *Journal, n, size int) {
	tb.Helper()
	event, err := json.Marshal(map[string]string{"userId": "u1", "text": string(make([]byte, size/6))})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		letter := DeadLetter{
			Destination: "d", Position: At(uint64(i+1), 0), MessageID: fmt.Sprint("m", i), User: fmt.Sprint("u", i%1000), Type: "identify",
			Event: event, Call: event, Reason: "refused_422", Message: "refiner: POST /v1/identify-user: 422: no",
			Status: 422, Answer: fmt.Sprintf(`{"message":"user %d has no such luck"}`, i), At: time.Now().UTC(),
		}
		data, err := encodeLetter(letter)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := j.js.PublishAsync(deadSubject("d", letter.Position), data); err != nil {
			tb.Fatal(err)
		}
		if i%1000 == 0 || i == n-1 {
			<-j.js.PublishAsyncComplete()
		}
	}
}

// A scan whose last letters are deleted while it runs ends, and is no failure.
func TestScanOfLettersThatAreDeleted(t *testing.T) {
	j, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxBytes: 1 << 30, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	fillDead(t, j, 100, 64)
	seen := 0
	err = j.ScanDead(t.Context(), DeadScan{}, func(seq uint64, _ DeadLetter) error {
		if seen++; seen == 1 {
			return j.dead.Purge(t.Context())
		}
		return nil
	})
	if err != nil || seen > readAhead {
		t.Errorf("%d letters, %v", seen, err)
	}
}

// BenchmarkScanDead reads letters with events and calls of 1 KB.
func BenchmarkScanDead(b *testing.B) {
	const letters = 20_000
	j := openForBench(b)
	fillDead(b, j, letters, 1024)
	for b.Loop() {
		n := 0
		if err := j.ScanDead(context.Background(), DeadScan{}, func(uint64, DeadLetter) error { n++; return nil }); err != nil || n != letters {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(letters*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}

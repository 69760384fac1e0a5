package server_test

import (
	"path/filepath"
	"testing"
	"time"

	"tanker/internal/journal"
	"tanker/internal/series"
)

// TestSeriesAreKeptAtAStop counts, after the end, what came in and was delivered.
func TestSeriesAreKeptAtAStop(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := start(t, c)
	for range 5 {
		r.send(t, "wk-web", "identify", `{"userId":"u1"}`)
	}
	eventually(t, "all is delivered", func() bool { return r.status(t, "production").Totals.Delivered == 5 })
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(c.DataDir, "journal"), MaxBytes: 256 << 20, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	store := series.New("")
	if err := store.Load(t.Context(), j, time.Now()); err != nil {
		t.Fatal(err)
	}
	p := store.Destination("production").Pace(time.Hour, time.Now())
	if s := store.Source("web").Pace(time.Hour, time.Now()); !p.Known || p.In == 0 || p.Out != p.In || p.Calls == 0 || !s.Known || s.In == 0 {
		t.Errorf("destination %+v, source %+v", p, s)
	}
}

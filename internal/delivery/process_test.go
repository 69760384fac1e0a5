package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tanker/refiner"
)

// process is one life of a worker over a disk. It lives in a synctest bubble: time passes when nothing else does.
type process struct {
	*Worker
	log    *diskLog
	cancel context.CancelFunc
	ended  chan error
}

// launch starts a worker without limits; options change that.
func launch(tb testing.TB, d *disk, client Client, options ...func(*Options)) *process {
	tb.Helper()
	l := d.open()
	o := Options{Name: "production", Log: l, Mapper: documented(tb), Client: client}
	for _, change := range options {
		change(&o)
	}
	w, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{Worker: w, log: l, cancel: cancel, ended: make(chan error, 1)}
	go func() { p.ended <- w.Run(ctx) }()
	return p
}

// stop ends the worker and returns what Run returned.
func (p *process) stop() error {
	p.cancel()
	return <-p.ended
}

// drain lets time pass until every event has its outcome, and ends the worker.
func (p *process) drain(t *testing.T) {
	t.Helper()
	p.until(t, func() bool { return p.log.disk.missing() == 0 })
	if err := p.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// until lets time pass until the condition holds, at most ten days.
func (p *process) until(t *testing.T, condition func() bool) {
	t.Helper()
	const step = 5 * time.Millisecond
	for begun := time.Now(); ; {
		synctest.Wait()
		if condition() {
			return
		}
		passed := time.Since(begun)
		if passed > 240*time.Hour {
			_ = p.stop()
			t.Fatal("it did not happen within ten days")
		}
		time.Sleep(max(step, passed/100))
	}
}

func refusedCall(status int, class refiner.Class) *refiner.Error {
	return &refiner.Error{Class: class, Op: "POST /v1/track-event", Status: status, Message: "no", Body: []byte(`{"message":"no"}`)}
}

func temporary() error { return refusedCall(503, refiner.ClassTemporary) }

func tooOften(wait time.Duration) error {
	e := refusedCall(429, refiner.ClassRateLimited)
	e.RetryAfter = wait
	return e
}

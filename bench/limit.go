package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

// keyLimit measures how much of Refiner's limit is used, against the sandbox, which enforces it.
func keyLimit(ctx context.Context, b *bench) (string, error) {
	const perMinute, events = 600, 2000
	sandbox := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: perMinute, UserPerMinute: 100}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- sandbox.Serve(serving, listener) }()
	took, err := b.drainLimited(ctx, "http://"+listener.Addr().String(), perMinute, events)
	stop()
	if err := errors.Join(err, <-served); err != nil {
		return "", err
	}
	refused := 0
	for _, call := range sandbox.Calls() {
		if call.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	ideal := time.Duration(events) * time.Minute / perMinute
	return fmt.Sprintf("%.1f %% of the limit, %d answers 429", 100*ideal.Seconds()/took.Seconds(), refused), nil
}

func (b *bench) drainLimited(ctx context.Context, refinerURL string, perMinute, events int) (time.Duration, error) {
	p, err := b.start(ctx, refinerURL, fmt.Sprintf("    limits: {key_per_minute: %d}\n", perMinute))
	if err != nil {
		return 0, err
	}
	l := loadFor(p)
	l.batch, l.events, l.users = 20, int64(events), 200
	start := time.Now()
	if _, err := l.run(ctx); err != nil {
		return 0, errors.Join(err, p.Kill())
	}
	err = tankertest.Await(ctx, func() (bool, error) {
		d, err := p.Destination(ctx)
		return err == nil && d.Totals.Delivered >= uint64(events), err
	})
	return time.Since(start), errors.Join(err, p.Stop())
}

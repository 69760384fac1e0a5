package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tanker/internal/tankertest"
)

// crowd measures how long 500 users' events take to Refiner, each user sending one a second, while one more user floods
// the server with events. Each user may have 100 calls a minute.
func crowd(ctx context.Context, b *bench, flood int) (text string, err error) {
	const users, rounds = 500, 20
	r, err := startRefiner()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.stop(ctx) }() // the measurement is over
	r.noteArrivals()
	p, err := b.start(ctx, r.url, "    limits: {key_per_minute: 0, user_per_minute: 100}\n")
	if err != nil {
		return "", err
	}
	var flooding sync.WaitGroup
	var floodErr error
	flooding.Go(func() { floodErr = floodUser(ctx, p, flood) })
	took, most, err := measureCrowd(ctx, p, r, users, rounds)
	flooding.Wait()
	if err := errors.Join(err, floodErr, p.Kill()); err != nil {
		return "", err
	}
	return fmt.Sprintf("p50 %s, p99 %s from POST to Refiner; at most %.0f MB resident", short(took[len(took)/2]), short(took[len(took)*99/100]),
		float64(most)/1000), nil
}

// floodUser sends events of one user in batches of 100.
func floodUser(ctx context.Context, p *tankertest.Process, events int) error {
	l := loadFor(p)
	l.conns, l.batch, l.events, l.users = 1, 20, int64(events), 1
	if events == 0 {
		return nil
	}
	_, err := l.run(ctx)
	return err
}

func measureCrowd(ctx context.Context, p *tankertest.Process, r *refiner, users, rounds int) (took []time.Duration, most int, err error) {
	sent := make(map[string]time.Time, users*rounds)
	var mu sync.Mutex
	var sending sync.WaitGroup
	var sendErr error
	tick := time.NewTicker(time.Second / time.Duration(users))
	defer tick.Stop()
	for n := range users * rounds {
		<-tick.C
		user, event := fmt.Sprintf("crowd-%d", n%users), fmt.Sprintf("e-%d", n/users)
		sending.Go(func() {
			at := time.Now()
			err := post(ctx, p.URL, fmt.Appendf(nil, `{"userId":%q,"event":%q}`, user, event))
			mu.Lock()
			defer mu.Unlock()
			sent[fmt.Sprintf(`{"id":%q,"event":%q}`, user, event)] = at
			sendErr = errors.Join(sendErr, err)
		})
		if n%users == 0 {
			size, err := resident(p.PID())
			if err != nil {
				return nil, 0, err
			}
			most = max(most, size)
		}
	}
	sending.Wait()
	if sendErr != nil {
		return nil, most, sendErr
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = tankertest.Await(ctx, func() (bool, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		took = took[:0]
		for body, at := range sent {
			if arrived, ok := r.arrived[body]; ok {
				took = append(took, arrived.Sub(at))
			}
		}
		return len(took) == len(sent), nil
	})
	slices.Sort(took)
	return took, most, err
}

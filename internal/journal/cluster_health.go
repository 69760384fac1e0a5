package journal

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// How often it is looked at whether a cluster works, and how long that may take.
const (
	lookEvery   = time.Second
	lookTimeout = 3 * time.Second
)

// cluster is the connection to servers outside of this process.
type cluster struct {
	conn    *nats.Conn
	trouble atomic.Pointer[error] // why it did not work when it was looked at; nil if it did
}

// health says why the cluster does not work at the moment, or nil.
func (c *cluster) health() error {
	if status := c.conn.Status(); status != nats.CONNECTED {
		return fmt.Errorf("%w: no connection to NATS (%s)", ErrUnavailable, status)
	}
	if trouble := c.trouble.Load(); trouble != nil {
		return *trouble
	}
	return nil
}

// watchCluster looks after the cluster until the journal is closed.
func (j *Journal) watchCluster() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			j.look()
		}
	}
}

// look asks whether events could be stored, and notes why not.
func (j *Journal) look() {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	_, err := j.events.Info(ctx)
	if err == nil {
		if j.cluster.trouble.Swap(nil) != nil {
			j.opts.Logger.Info("the journal works again")
		}
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("nobody answers for the stream EVENTS: too few of its servers run, or they do not reach each other")
	}
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	if j.cluster.trouble.Swap(&err) == nil {
		j.opts.Logger.Error("the journal does not work", "error", err)
	}
}

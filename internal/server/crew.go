package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// crew is what runs and what is open, in the order it was started. It stops in the reverse order.
type crew struct {
	failed chan error // the first part that ended by itself
	stops  []func() error
}

func newCrew() *crew { return &crew{failed: make(chan error, 1)} }

// start runs a part until the crew stops. A part that ends before is a failure, with or without an error.
func (c *crew) start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		if ctx.Err() == nil {
			c.fail(cmp.Or(err, fmt.Errorf("%s has ended by itself", name)))
			err = nil // said already
		}
		ended <- err
	}()
	c.onStop(func() error {
		cancel()
		return <-ended
	})
}

// onStop has the crew call stop when it is this one's turn.
func (c *crew) onStop(stop func() error) { c.stops = append(c.stops, stop) }

// fail ends the wait; only the first failure counts.
func (c *crew) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// wait returns nil when ctx ends, or the error of the first part that failed.
func (c *crew) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

// stop ends everything, the latest first, each before the next.
func (c *crew) stop() error {
	var errs []error
	for _, stop := range slices.Backward(c.stops) {
		errs = append(errs, stop())
	}
	c.stops = nil
	return errors.Join(errs...)
}

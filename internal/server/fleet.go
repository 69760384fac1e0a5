package server

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"tanker/internal/config"
	"tanker/internal/erasure"
	"tanker/internal/history"
)

// fleet is everything behind the gateway and the journal: the ways to the destinations of one configuration, and what
// works on them. With another configuration it is replaced whole; what it had not finished is in the journal.
type fleet struct {
	*server

	config   *config.Config
	lines    []*line
	replays  *history.Replays
	erasures *erasure.Erasures
	crew     *crew
	erasing  atomic.Bool // of several processes, this one carries out erasures
	gone     atomic.Bool // it does not see any more what operators change
}

// startFleet brings up the first fleet, and sees to it that the last one is stopped.
func (s *server) startFleet(ctx context.Context) error {
	s.crew.onStop(func() error {
		if s.keeper != nil {
			s.keeper.Leave() // so that each destination is handed over as soon as its calls have ended
		}
		if s.fleet == nil {
			return nil
		}
		return s.fleet.stop()
	})
	var err error
	s.fleet, err = s.newFleet(ctx, s.config)
	return err
}

// newFleet brings up the ways to a configuration's destinations. After an error nothing of it is left.
func (s *server) newFleet(ctx context.Context, c *config.Config) (*fleet, error) {
	f := &fleet{server: s, config: c, crew: &crew{failed: s.crew.failed}}
	for _, step := range []func(context.Context) error{
		f.openLines, f.openReplays, f.openErasures, f.startBackend, f.startSampling, f.startDelivery, f.startReplays,
		f.startErasures, f.startJanitor,
	} {
		err := ctx.Err()
		if err == nil {
			err = step(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, f.stop())
		}
	}
	return f, nil
}

// stop ends it all, and waits for the calls under way.
func (f *fleet) stop() error { return f.crew.stop() }

// startJanitor has what is finished and old deleted. It must not look while cursors are closed: what they hold back
// would count as finished.
func (f *fleet) startJanitor(context.Context) error {
	if f.keeper == nil { // otherwise it goes with a lease
		f.crew.start("janitor", f.journal.RunJanitor)
	}
	return nil
}

// fits reports whether the fleet would look the same with another configuration.
func (f *fleet) fits(c *config.Config) bool {
	return slices.EqualFunc(f.config.Destinations, c.Destinations, func(a, b config.Destination) bool {
		return sameDestination(a, b) && slices.Equal(sourcesOf(f.config, a.Name), sourcesOf(c, b.Name))
	})
}

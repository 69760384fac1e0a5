package console

import (
	"bytes"
	"context"
	"time"

	"tanker/internal/admin"
)

// overviewBackend is what the overview shows.
type overviewBackend interface {
	// Status says how everything stands.
	Status(ctx context.Context) (admin.Status, error)
}

func overviewPage() page {
	return page{
		nav: []navItem{{"/", "Overview"}},
		routes: func(r routes) {
			r.get("/{$}", showOverview)
			r.stream("/overview/stream", streamOverview)
		},
	}
}

func showOverview(v *visit) error {
	status, err := v.backend.Status(v.Context())
	if err != nil {
		return err
	}
	return v.show("overview", "Overview", status)
}

// overviewEvery is how often an open overview looks whether something has changed.
const overviewEvery = time.Second

// streamOverview sends the state of the destinations whenever it has changed.
func streamOverview(v *visit, s *Stream) error {
	tick := time.NewTicker(overviewEvery)
	defer tick.Stop()
	var sent []byte
	for s.Wait(tick.C) {
		backend := s.Backend()
		if backend == nil {
			continue
		}
		status, err := backend.Status(s.Context())
		if err != nil {
			return err
		}
		text, err := v.console.execute("overview", "destinations", v.view("", status))
		if err != nil {
			return err
		}
		if bytes.Equal(text, sent) {
			continue
		}
		if sent = text; s.Send("destinations", text) != nil {
			return nil
		}
	}
	return nil
}

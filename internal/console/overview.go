package console

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"tanker/internal/admin"
	"tanker/internal/series"
)

// overviewBackend is what the overview shows.
type overviewBackend interface {
	// Status says how everything stands.
	Status(ctx context.Context) (admin.Status, error)
	// Series is how a destination went. Error: journal.ErrNotFound.
	Series(destination string) (*series.Series, error)
	// SourceSeries is how much came in by a source; of one that is not configured nothing.
	SourceSeries(source string) *series.Series
}

func overviewPage() page {
	return page{
		nav: []navItem{{"/", "Overview"}},
		routes: func(r routes) {
			r.get("/{$}", showOverview)
			r.get("/overview/series", showSeries)
			r.stream("/overview/stream", streamOverview)
		},
	}
}

// overview is what the page shows.
type overview struct {
	admin.Status

	Verdict      verdict
	Span         series.Span
	Spans        []series.Span
	Destinations []destinationView
	Sources      []sourceView
}

// destinationView is a destination as the page shows it.
type destinationView struct {
	admin.DestinationStatus

	Tone     string // good, warn, bad or "": what colour underlines the state
	Filtered outcomes
	Rejected outcomes
	Dead     outcomes
	CatchUp  string // how long until nothing waits, in words; "" if nothing waits
	Behind   bool   // more comes in than goes out

	Span  series.Span
	Table []chartRow

	how *series.Series
}

// sourceView is a source as the page shows it.
type sourceView struct {
	admin.SourceStatus

	Pace series.Pace
}

// outcomes are the events that ended in one way.
type outcomes struct {
	Kind    string
	Sum     uint64
	Reasons []reason
}

type reason struct {
	Name  string
	Count uint64
}

func newOutcomes(kind string, reasons map[string]uint64) outcomes {
	o := outcomes{Kind: kind}
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		o.Sum += reasons[name]
		o.Reasons = append(o.Reasons, reason{name, reasons[name]})
	}
	slices.SortStableFunc(o.Reasons, func(a, b reason) int { return int(b.Count) - int(a.Count) })
	return o
}

// newOverview asks for everything that the page shows and that changes, all but the table of the charts. Nothing of it
// reads the log.
func newOverview(ctx context.Context, b Backend) (overview, error) {
	status, err := b.Status(ctx)
	if err != nil {
		return overview{}, err
	}
	now := time.Now()
	o := overview{Status: status}
	for i := range status.Destinations {
		d := &status.Destinations[i]
		how, err := b.Series(d.Name)
		if err != nil {
			return overview{}, err
		}
		words, behind := catchUp(d, how.Pace(paceOver, now))
		o.Destinations = append(o.Destinations, destinationView{
			DestinationStatus: *d, Tone: toneOf(d.State), how: how,
			Filtered: newOutcomes("filtered", d.Totals.Filtered),
			Rejected: newOutcomes("rejected", d.Totals.Rejected),
			Dead:     newOutcomes("dead", d.Totals.Dead),
			CatchUp:  words, Behind: behind,
		})
	}
	for _, source := range status.Sources {
		o.Sources = append(o.Sources, sourceView{source, b.SourceSeries(source.Name).Pace(paceOver, now)})
	}
	o.Verdict = judge(&o)
	return o, nil
}

// paceOver is how far back one looks to say how fast something goes.
const paceOver = time.Minute

func showOverview(v *visit) error {
	span := series.Hour
	if name := v.URL.Query().Get("span"); name != "" {
		var err error
		if span, err = series.ParseSpan(name); err != nil {
			return problem{http.StatusBadRequest, err.Error(), "choose one on the overview"}
		}
	}
	o, err := newOverview(v.Context(), v.backend)
	if err != nil {
		return err
	}
	o.Span, o.Spans = span, []series.Span{series.Hour, series.Day, series.Week}
	for i := range o.Destinations {
		d := &o.Destinations[i]
		d.Span, d.Table = span, chartTable(d.how, span, d.KeyPerMinute, time.Now())
	}
	return v.show("overview", "Overview", o)
}

// showSeries answers with the numbers of a destination's charts.
func showSeries(v *visit) error {
	asked := v.URL.Query()
	span, err := series.ParseSpan(asked.Get("span"))
	if err != nil {
		return problem{http.StatusBadRequest, err.Error(), "choose one on the overview"}
	}
	how, err := v.backend.Series(asked.Get("destination"))
	if err != nil {
		return err
	}
	text, err := json.Marshal(how.View(span, time.Now()))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, _ = v.w.Write(text) // the only error is a caller who has gone
	return nil
}

// overviewEvery is how often an open overview looks whether something has changed.
const overviewEvery = time.Second

// streamOverview sends what has changed on the page, part by part, and says when the charts have something new.
func streamOverview(v *visit, s *Stream) error {
	tick := time.NewTicker(overviewEvery)
	defer tick.Stop()
	sent, charts := map[string][]byte{}, time.Now()
	for s.Wait(tick.C) {
		backend := s.Backend()
		if backend == nil {
			continue
		}
		o, err := newOverview(s.Context(), backend)
		if err != nil {
			return err
		}
		if err := sendOverview(v, s, o, sent); err != nil {
			return err
		}
		if time.Since(charts) >= series.Every {
			charts = time.Now()
			if err := s.Send("sampled", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendOverview sends the parts that are not what was sent last.
func sendOverview(v *visit, s *Stream, o overview, sent map[string][]byte) error {
	parts := []struct {
		event, template string
		data            any
	}{{"verdict", "verdict", o}, {"sources", "sources", o}}
	for _, d := range o.Destinations {
		parts = append(parts, struct {
			event, template string
			data            any
		}{"destination-" + d.Name, "way", d})
	}
	for _, part := range parts {
		text, err := v.console.execute("overview", part.template, v.view("", part.data))
		if err != nil {
			return err
		}
		if bytes.Equal(text, sent[part.event]) {
			continue
		}
		sent[part.event] = text
		if err := s.Send(part.event, text); err != nil {
			return err
		}
	}
	return nil
}

// SeriesPath is where the numbers of the destination's charts are.
func (d destinationView) SeriesPath() string {
	return "/overview/series?" + url.Values{"destination": {d.Name}, "span": {d.Span.String()}}.Encode()
}

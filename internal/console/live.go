package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/internal/live"
)

// liveBackend is what the live page shows.
type liveBackend interface {
	// Watch shows what happens until ctx ends or emit returns an error. Errors beside those: live.ErrCrowded,
	// live.ErrClosed.
	Watch(ctx context.Context, f live.Filter, emit func(live.Frame) error) error
	// Latest is what has just happened.
	Latest(ctx context.Context, f live.Filter) (live.Frame, error)
	// SourceNames and DestinationNames are those that are configured.
	SourceNames() []string
	DestinationNames() []string
}

func livePage() page {
	return page{
		nav: []navItem{{"/live", "Live"}},
		routes: func(r routes) {
			r.get("/live", showLive)
			r.stream("/live/stream", streamLive)
		},
	}
}

// liveView is the live page.
type liveView struct {
	Filter       live.Filter
	Paused       bool
	Rows         []liveRow // the latest first
	Sources      []string
	Destinations []string
	Types        []string
	Kinds        []journal.Kind
	Path         string // of the page with these filters
	PausedPath   string // the same, paused
	Filtered     bool
	Most         int // rows a second
}

// liveRow is a row as it is shown.
type liveRow struct {
	*live.Row
	Several bool // there are several destinations, so their names matter
}

// What the filters offer.
var (
	liveTypes = []string{"identify", "track", "page", "screen", "group", "alias"}
	liveKinds = []journal.Kind{journal.Delivered, journal.Filtered, journal.Rejected, journal.Dead, journal.Parked}
)

// ID is the id of the row's element.
func (r liveRow) ID() string { return "e-" + strings.ReplaceAll(r.Position.String(), ".", "-") }

// Fate says in short what has become of the event: the row is the same as long as that is.
func (r liveRow) Fate() string {
	var fate strings.Builder
	for _, o := range r.Outcomes {
		fate.WriteString(o.Destination + " " + string(o.Kind) + ";")
	}
	return fate.String()
}

// Took is how long an outcome took from the acceptance of the event on.
func (r liveRow) Took(o live.Outcome) string {
	if r.ReplayTo != "" || o.Kind == journal.Parked || o.At.Before(r.ReceivedAt) {
		return ""
	}
	return "after " + brief(o.At.Sub(r.ReceivedAt))
}

// brief is a length of time with as many digits as matter.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return span(d)
}

// parseLive reads the filter that the URL says.
func parseLive(q url.Values) live.Filter {
	return live.Filter{
		Source: q.Get("source"), Type: strings.ToLower(strings.TrimSpace(q.Get("type"))), Event: strings.TrimSpace(q.Get("event")),
		User: strings.TrimSpace(q.Get("user")), Destination: q.Get("destination"), Outcome: journal.Kind(q.Get("outcome")),
	}
}

// livePath is the page with a filter.
func livePath(f live.Filter, paused string) string {
	path, _ := query("/live", "source", f.Source, "type", f.Type, "event", f.Event, "user", f.User,
		"destination", f.Destination, "outcome", string(f.Outcome), "paused", paused) // each has its value
	return path
}

func showLive(v *visit) error {
	f := parseLive(v.URL.Query())
	frame, err := v.backend.Latest(v.Context(), f)
	if err != nil {
		return liveProblem(err)
	}
	shown := liveView{
		Filter: f, Paused: v.URL.Query().Get("paused") != "", Rows: liveRows(v, frame.Rows),
		Path: livePath(f, ""), PausedPath: livePath(f, "1"), Filtered: f != live.Filter{},
		Sources: v.backend.SourceNames(), Destinations: v.backend.DestinationNames(), Types: liveTypes, Kinds: liveKinds,
		Most: live.PerSecond,
	}
	slices.Reverse(shown.Rows)
	return v.show("live", "Live", shown)
}

func liveRows(v *visit, rows []*live.Row) []liveRow {
	several := len(v.backend.DestinationNames()) > 1
	shown := make([]liveRow, len(rows))
	for i, row := range rows {
		shown[i] = liveRow{row, several}
	}
	return shown
}

func liveProblem(err error) error {
	switch {
	case errors.Is(err, live.ErrCrowded):
		return errTooManyStreams
	case errors.Is(err, live.ErrClosed):
		return errNoBackend
	}
	return err
}

// liveSummary is what the page says of the whole, once a second.
type liveSummary struct {
	Rates string `json:"rates"` // changes all the time
	Note  string `json:"note"`  // changes when there is something to know
}

// summaryEvery is how many frames are summed up at a time.
const summaryEvery = 4

// streamLive sends rows as they come: "reset" with all that are to be shown, "rows" with new and changed ones, each the
// oldest first, and now and then "summary".
func streamLive(v *visit, s *Stream) error {
	ctx, cancel := context.WithCancel(s.Context())
	frames, ended := make(chan live.Frame), make(chan error, 1)
	go func() {
		defer close(frames)
		ended <- v.backend.Watch(ctx, parseLive(v.URL.Query()), func(f live.Frame) error {
			select {
			case frames <- f:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	var sum liveSum
	for {
		frame, more := await(s, frames)
		if !more || sendFrame(v, s, frame) != nil {
			break
		}
		if summary, due := sum.add(frame); due && sendSummary(s, summary) != nil {
			break
		}
	}
	cancel()
	err := <-ended
	if errors.Is(err, live.ErrCrowded) {
		return sendSummary(s, liveSummary{Note: "Too many pages like this one are open: close some of them."})
	}
	return nil
}

func sendFrame(v *visit, s *Stream, f live.Frame) error {
	if len(f.Rows) == 0 && !f.Reset {
		return nil
	}
	text, err := v.console.execute("live", "rows", v.view("", liveRows(v, f.Rows)))
	if err != nil {
		return err
	}
	if f.Reset {
		return s.Send("reset", append(text, '\n')) // an event without data is none
	}
	return s.Send("rows", text)
}

func sendSummary(s *Stream, summary liveSummary) error {
	data, err := json.Marshal(summary)
	if err != nil {
		return err
	}
	return s.Send("summary", data)
}

// liveSum sums frames up.
type liveSum struct {
	frames                 int
	shown, leftOut, unread int
}

func (s *liveSum) add(f live.Frame) (summary liveSummary, due bool) {
	s.frames++
	s.leftOut += f.LeftOut
	s.unread += f.Unread
	if !f.Reset {
		s.shown += len(f.Rows)
	}
	if s.frames < summaryEvery && !f.Reset && f.Trouble == "" {
		return liveSummary{}, false
	}
	summary.Rates = fmt.Sprintf("%s accepted and %s finished a second", rate(f.Accepted), rate(f.Finished))
	switch {
	case f.Trouble != "":
		summary.Note = "Nothing new can be shown: " + visible(f.Trouble) + "."
	case s.unread > 0:
		summary.Note = fmt.Sprintf("More happens than can be looked at: not all of it is shown, whatever the filters. Up to %d rows a second are.", live.PerSecond)
	case s.leftOut > 0:
		summary.Note = fmt.Sprintf("More comes than can be shown: a sample of %d rows a second. Filters make it less.", live.PerSecond)
	}
	*s = liveSum{}
	return summary, true
}

// rate shows how many there are in a second.
func rate(n float64) string {
	if n < 10 && n != float64(int(n)) {
		return fmt.Sprintf("%.1f", n)
	}
	return number(int(n + 0.5))
}

// longestUser is how long a user's name may be to have a page: some bytes less than what the live view keeps of it.
const longestUser = 250

// userPath is the page of a user; "" if there is none for such a name.
func userPath(user string) string {
	if user == "" || len(user) > longestUser {
		return ""
	}
	return "/users?" + url.Values{"user": {user}}.Encode()
}

// tone is the class of a state's colour.
func tone(kind journal.Kind) string {
	switch kind {
	case journal.Delivered:
		return "good"
	case journal.Rejected, journal.Parked, history.Retrying:
		return "warn"
	case journal.Dead:
		return "bad"
	}
	return ""
}

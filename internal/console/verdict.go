package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tanker/internal/admin"
	"tanker/internal/delivery"
	"tanker/internal/series"
)

// verdict is the answer to "Is it working?" in one sentence.
type verdict struct {
	Tone string // good, warn or bad
	Text string
}

// toneOf says how a state of a destination is to be taken: good, warn, bad, or "" for neither.
func toneOf(state string) string {
	if state == "changing hands" { // from one process on a cluster to the next
		return "warn"
	}
	switch delivery.Status(state) {
	case delivery.StatusDelivering, delivery.StatusIdle, delivery.StatusWaiting:
		return "good"
	case delivery.StatusRateLimited, delivery.StatusPaused, delivery.StatusStopping:
		return "warn"
	case delivery.StatusBlocked, delivery.StatusCircuitOpen, delivery.StatusUnavailable, delivery.StatusStopped:
		return "bad"
	}
	return ""
}

// judge says in one sentence how everything stands.
func judge(o *overview) verdict {
	if !o.Ready {
		return verdict{"bad", "Events are not accepted at the moment: " + o.NotReady + ". SDKs keep them and try again."}
	}
	var bad, warn, behind []string
	var pending uint64
	for i := range o.Destinations {
		d := &o.Destinations[i]
		pending += d.Pending
		switch {
		case d.Tone == "bad":
			bad = append(bad, d.Name)
		case d.Tone == "warn", d.Tone == "" && d.Pending > 0: // switched off, and something waits for it
			warn = append(warn, d.Name)
		case d.Behind:
			behind = append(behind, d.Name)
		}
	}
	switch {
	case len(o.Destinations) == 0:
		return verdict{"warn", "There is no destination yet, so events have nowhere to go."}
	case len(bad) > 0:
		return verdict{"bad", fmt.Sprintf("Events are accepted and kept, but nothing reaches %s. Below it says why.", and(bad))}
	case len(warn) > 0:
		return verdict{"warn", fmt.Sprintf("Events are accepted. %s stands still for now. Below it says why.", and(warn))}
	case len(behind) > 0:
		return verdict{"warn", fmt.Sprintf("Events are delivered, but more come in than go out for %s: %s.", and(behind), events(pending, "waits", "wait"))}
	case pending > 0:
		return verdict{"good", fmt.Sprintf("It works. %s on the way.", events(pending, "is", "are"))}
	default:
		return verdict{"good", "It works, and nothing waits."}
	}
}

// and puts names into a sentence.
func and(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func events(n uint64, one, many string) string {
	if n == 1 {
		return "1 event " + one
	}
	return number(n) + " events " + many
}

// catchUp says how long it takes until nothing waits, as far as the pace of late and the limit tell. behind says that it
// takes for ever.
func catchUp(d *admin.DestinationStatus, pace series.Pace) (words string, behind bool) {
	if d.Pending == 0 {
		return "", false
	}
	stands := toneOf(d.State) != "good"
	out := pace.Out
	if stands || !pace.Known || out == 0 {
		out = permitted(d, pace)
	}
	if out == 0 {
		return "", false
	}
	net := out - pace.In
	if net <= 0 {
		return fmt.Sprintf("It does not catch up: %s events a minute come in, %s can go out.", aMinute(pace.In), aMinute(out)), true
	}
	took := time.Duration(float64(d.Pending) / net * float64(time.Second))
	about := "about " + span(took)
	if took < time.Second {
		about = "a moment"
	}
	if stands {
		return fmt.Sprintf("When it goes on, it takes %s to catch up.", about), false
	}
	return fmt.Sprintf("Caught up in %s.", about), false
}

// permitted is how many events a second the limit lets through, when each call brings as many as of late. 0 if there is no
// limit to tell from.
func permitted(d *admin.DestinationStatus, pace series.Pace) float64 {
	each := 1.0
	if pace.Calls > 0 && pace.Out > pace.Calls {
		each = pace.Out / pace.Calls
	}
	return float64(d.KeyPerMinute) / 60 * each
}

// aMinute shows a number of events a second as one of events a minute.
func aMinute(perSecond float64) string { return number(int(perSecond*60 + 0.5)) }

// chartRow is a row of the table that says what charts show.
type chartRow struct {
	From                       time.Time
	In, Calls, Share, P50, P99 string
	Oldest                     string
}

// chartTable is the charts as a table: the newest first, without rows of which nothing is known.
func chartTable(how *series.Series, span series.Span, perMinute int, now time.Time) []chartRow {
	v := how.Rows(span, now)
	var rows []chartRow
	for i, at := range slices.Backward(v.Times) {
		if !v.In[i].Known() {
			continue
		}
		rows = append(rows, chartRow{
			From: time.Unix(at, 0), In: decimal(v.In[i]), Calls: decimal(v.Calls[i]),
			Share: percent(float64(v.Calls[i]), float64(perMinute)),
			P50:   seconds(v.P50[i]), P99: seconds(v.P99[i]), Oldest: seconds(v.Oldest[i]),
		})
	}
	return rows
}

// decimal shows a rate: of small ones a digit after the point.
func decimal(v series.Value) string {
	switch {
	case !v.Known():
		return "–"
	case v < 10 && v != series.Value(int(v)):
		return fmt.Sprintf("%.1f", float64(v))
	}
	return number(int(v + 0.5))
}

// seconds shows a length of time.
func seconds(v series.Value) string {
	switch {
	case !v.Known():
		return "–"
	case v == 0:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.0f ms", float64(v)*1000)
	case v < 10:
		return fmt.Sprintf("%.1f s", float64(v))
	}
	return span(time.Duration(float64(v) * float64(time.Second)))
}

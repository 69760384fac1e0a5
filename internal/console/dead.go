package console

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// deadBackend is what the pages about dead letters show and change, beside the status of the overview.
type deadBackend interface {
	// DeadGroups says what letters died of, as far as that is counted when patience ends.
	DeadGroups(ctx context.Context, f dead.Filter, patience time.Duration) (dead.Groups, error)
	// DeadLetters lists letters.
	DeadLetters(ctx context.Context, f dead.Filter) (journal.DeadPage, error)
	// DeadExtent says how much room they take.
	DeadExtent(ctx context.Context) (journal.DeadExtent, error)
	// DeadLetter reads one. Errors of this and the next three: journal.ErrNotFound.
	DeadLetter(ctx context.Context, destination string, at journal.Position) (journal.DeadLetter, error)
	// PreviewDead says what would be sent if one were sent again; corrected, if there is any, in the place of its event.
	PreviewDead(ctx context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error)
	// ReplayDead sends one again. Errors beside those: history.ErrEvent.
	ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error
	// DiscardDead deletes one.
	DiscardDead(ctx context.Context, destination string, at journal.Position) error
	// DeadJobs treat many in the background.
	DeadJobs() *dead.Jobs
}

func deadPage() page {
	return page{
		nav: []navItem{{"/dead", "Dead letters"}},
		routes: func(r routes) {
			r.get("/dead", showDead)
			r.get("/dead/groups", showDeadGroups)
			r.post("/dead/plan", planDead)
			r.get("/dead/jobs/{id}", showDeadJob)
			r.post("/dead/jobs/{id}/confirm", confirmDeadJob)
			r.post("/dead/jobs/{id}/stop", stopDeadJob)
			r.get("/dead/{destination}/{position}", showDeadLetter)
			r.post("/dead/{destination}/{position}/try", tryDeadLetter)
			r.post("/dead/{destination}/{position}/replay", replayDeadLetter)
			r.post("/dead/{destination}/{position}/discard", discardDeadLetter)
		},
	}
}

// deadFilter is which letters are shown, as the form and the address of the page have it.
type deadFilter struct {
	Destination, Reason, User, Group string

	Since, Until string // how long ago, such as 24h
	After        string // continue behind this letter
}

func readDeadFilter(q url.Values) deadFilter {
	return deadFilter{
		Destination: q.Get("destination"), Reason: q.Get("reason"), User: q.Get("user"), Group: q.Get("group"),
		Since: q.Get("since"), Until: q.Get("until"), After: q.Get("after"),
	}
}

// Filtered reports whether anything is left out.
func (f deadFilter) Filtered() bool {
	f.After = ""
	return f != deadFilter{}
}

// Path is the address of the letters that the filter shows.
func (f deadFilter) Path(path string) (string, error) {
	return query(path, "destination", f.Destination, "reason", f.Reason, "user", f.User, "group", f.Group,
		"since", f.Since, "until", f.Until, "after", f.After)
}

// Of is the address of a group's letters; of "" that of all groups.
func (f deadFilter) Of(group string) (string, error) {
	f.Group, f.After = group, ""
	return f.Path("/dead")
}

// deadPageSize is how many letters are shown on a page.
const deadPageSize = 50

// filter is the same for those who look for letters.
func (f deadFilter) filter(now time.Time) (dead.Filter, error) {
	selected := dead.Filter{Group: f.Group, DeadFilter: journal.DeadFilter{
		Destination: f.Destination, Reason: f.Reason, User: f.User, Limit: deadPageSize,
	}}
	for _, moment := range []struct {
		text string
		into *time.Time
	}{{f.Since, &selected.Since}, {f.Until, &selected.Until}} {
		if moment.text == "" {
			continue
		}
		back, err := time.ParseDuration(moment.text)
		if err != nil || back < 0 {
			return selected, problem{http.StatusBadRequest, "that is no length of time", "write it like 24h"}
		}
		*moment.into = now.Add(-back).Truncate(time.Minute) // so that who asks again gets what was counted before
	}
	if f.After != "" {
		var err error
		if selected.After, err = strconv.ParseUint(f.After, 10, 64); err != nil {
			return selected, problem{http.StatusBadRequest, "there is no such page of letters", "begin with the first one"}
		}
	}
	return selected, nil
}

// deadData is what the page shows.
type deadData struct {
	Filter       deadFilter
	Destinations []string
	Groups       dead.Groups
	Group        *dead.Group // the one that is chosen
	Letters      []journal.DeadLetter
	Next         string // where the next page is
	First        string // where the first page is, if this is another
	Extent       journal.DeadExtent
	Running      []dead.Job
}

// moment is a choice of how long ago.
type moment struct{ Value, Text string }

// Moments are the choices of the form; one that the address of the page names is among them.
func (d deadData) Moments() []moment {
	choices := []moment{{"", "any time"}, {"1h", "an hour ago"}, {"24h", "a day ago"}, {"168h", "a week ago"}}
	for _, named := range []string{d.Filter.Since, d.Filter.Until} {
		if !slices.ContainsFunc(choices, func(m moment) bool { return m.Value == named }) {
			choices = append(choices, moment{named, named + " ago"})
		}
	}
	return choices
}

// died is a reason in words.
func died(reason string) string {
	switch reason {
	case "retry_window_passed":
		return "given up"
	case "unsendable":
		return "cannot be sent"
	case "mapping_failed":
		return "mapping failed"
	}
	if status, ok := strings.CutPrefix(reason, "refused_"); ok {
		return "refused with " + visible(status)
	}
	return visible(reason)
}

// letters is how many letters there are.
func letters(n int) string {
	if n == 1 {
		return "1 letter"
	}
	return number(n) + " letters"
}

const (
	// deadPatience is how long a page waits for groups that are being counted.
	deadPatience = 700 * time.Millisecond
	// deadPatienceAgain is how long it waits when it asks again.
	deadPatienceAgain = 2 * time.Second
)

func showDead(v *visit) error {
	data := deadData{Filter: readDeadFilter(v.URL.Query())}
	selected, err := data.Filter.filter(time.Now())
	if err != nil {
		return err
	}
	status, err := v.backend.Status(v.Context())
	if err != nil {
		return err
	}
	for _, d := range status.Destinations {
		data.Destinations = append(data.Destinations, d.Name)
	}
	if data.Extent, err = v.backend.DeadExtent(v.Context()); err != nil {
		return err
	}
	if data.Groups, err = v.backend.DeadGroups(v.Context(), selected, deadPatience); err != nil {
		return err
	}
	data.Running = slices.DeleteFunc(v.backend.DeadJobs().List(), func(j dead.Job) bool { return j.State != dead.Running })
	if err := data.list(v, selected); err != nil {
		return err
	}
	return v.show("dead", "Dead letters", data)
}

// list reads the letters of a page.
func (d *deadData) list(v *visit, selected dead.Filter) error {
	letters, err := v.backend.DeadLetters(v.Context(), selected)
	if err != nil {
		return err
	}
	d.Letters = letters.Letters
	at := d.Filter
	if letters.Next != 0 {
		at.After = strconv.FormatUint(letters.Next, 10)
		if d.Next, err = at.Path("/dead"); err != nil {
			return err
		}
	}
	if d.Filter.After != "" {
		at.After = ""
		if d.First, err = at.Path("/dead"); err != nil {
			return err
		}
	}
	if i := slices.IndexFunc(d.Groups.Groups, func(g dead.Group) bool { return g.ID == d.Filter.Group }); i >= 0 {
		d.Group = &d.Groups.Groups[i]
	}
	return nil
}

// showDeadGroups answers with the groups as far as they are counted by now.
func showDeadGroups(v *visit) error {
	data := deadData{Filter: readDeadFilter(v.URL.Query())}
	selected, err := data.Filter.filter(time.Now())
	if err != nil {
		return err
	}
	if data.Groups, err = v.backend.DeadGroups(v.Context(), selected, deadPatienceAgain); err != nil {
		return err
	}
	return v.part("dead", "groups", data)
}

package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/admin"
	"tanker/internal/journal"
	"tanker/internal/series"
)

// busy is a destination with something of everything.
func busy() admin.DestinationStatus {
	return admin.DestinationStatus{
		Name: "production", Enabled: true, State: "delivering", Reason: "as fast as the limit allows", KeyPerMinute: 4000,
		Accepted: 48210, Pending: 20, Parked: 3, Retrying: 2, OldestPending: time.Now().Add(-90 * time.Second),
		LastDelivered: time.Now(),
		Totals: journal.Totals{
			Delivered: 47876, Filtered: map[string]uint64{"message_type": 12},
			Rejected: map[string]uint64{"no_identity": 300, "no_event": 1}, Dead: map[string]uint64{"refused_422": 1},
		},
	}
}

func TestOverviewShowsTheWay(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{busy()}}
	page := b.page(t, "/")
	text := textOf(page)
	for _, want := range []string{
		"It works. 20 events are on the way.", "production pause, settings, key delivering", "Events go to Refiner, as fast as the limit allows.",
		"accepted 48,210", "filtered 12 message_type 12", "rejected 301 no_identity 300 no_event 1",
		"pending 20 parked, their user must wait 3 failed, to be tried again 2 the oldest came 90 s ago",
		"delivered 47,876", "dead 1 refused_422 1", "Caught up in a moment.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	dead := find(page, func(n *html.Node) bool { return attribute(n, "id") == "production-dead-refused_422" })
	if dead == nil || attribute(dead, "href") != "/dead?destination=production&reason=refused_422" {
		t.Errorf("the number of dead letters leads nowhere: %v", dead)
	}
}

// TestOverviewTellsOfLoss shows a destination whose dead letters are full, and of which the disk has lost events.
func TestOverviewTellsOfLoss(t *testing.T) {
	b := newBench(t).logIn(t)
	d := busy()
	d.LettersWaiting, d.Totals.Lost = 7, 1507
	b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{d}}
	text := textOf(b.page(t, "/"))
	for _, want := range []string{"no room for their dead letters: discard or replay some 7", "lost 1,507 the disk has lost them"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestNumbersLeadToPagesThatExist follows every link of the overview.
func TestNumbersLeadToPagesThatExist(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{busy()}}
	links := 0
	for n := range b.page(t, "/").Descendants() {
		path := attribute(n, "href")
		if n.Data != "a" || strings.HasPrefix(path, "#") {
			continue
		}
		links++
		req, _ := http.NewRequest(http.MethodGet, path, nil)
		if _, pattern := b.mux.Handler(req); pattern == "/" || pattern == "GET /" {
			t.Errorf("%s leads nowhere", path)
		}
	}
	if links < 5 {
		t.Errorf("%d links", links)
	}
}

func TestOverviewSaysWhatIsWrong(t *testing.T) {
	since, soon := time.Now().Add(-time.Hour), time.Now().Add(19*time.Second)
	for name, test := range map[string]struct {
		change func(*admin.Status)
		want   []string
	}{
		"blocked": {
			func(s *admin.Status) {
				d := &s.Destinations[0]
				d.State, d.Reason, d.Since, d.Until = "blocked", `<b>Unauthenticated</b>`+strings.Repeat("x", 1<<20), since, soon
			},
			[]string{
				"Events are accepted and kept, but nothing reaches production.", "Refiner has refused the API key since", "<b>Unauthenticated</b>xxx",
				"(1,048,598 characters)", "It is asked again in 19 s", "When it goes on, it takes a moment to catch up.",
			},
		},
		"circuit open": {
			func(s *admin.Status) { s.Destinations[0].State, s.Destinations[0].Until = "circuit open", soon },
			[]string{"Refiner is asked in 19 s whether it is back"},
		},
		"paused": {
			func(s *admin.Status) { s.Destinations[0].State, s.Destinations[0].PausedSince = "paused", since },
			[]string{"production stands still for now", "An operator has paused it since"},
		},
		"not ready": {
			func(s *admin.Status) { s.Ready, s.NotReady = false, "journal is full" },
			[]string{"Events are not accepted at the moment: journal is full. SDKs keep them and try again."},
		},
		"disabled": {
			func(s *admin.Status) { s.Destinations[0].State, s.Destinations[0].Reason = "disabled", "" },
			[]string{"production stands still for now", "It is switched off in the configuration: what comes in is kept and waits."},
		},
		"nothing": {
			func(s *admin.Status) { s.Destinations = nil },
			[]string{"There is no destination yet", "There is no source yet", "tanker config example"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).logIn(t)
			b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{busy()}}
			test.change(&b.server.status)
			text := textOf(b.page(t, "/"))
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text[:min(len(text), 4000)])
				}
			}
		})
	}
}

// TestOverviewSaysWhereEveryWorkerStands has a sentence for each state that there is.
func TestOverviewSaysWhereEveryWorkerStands(t *testing.T) {
	b := newBench(t).logIn(t)
	for _, state := range []string{
		"stopped", "stopping", "journal unavailable", "paused", "blocked", "circuit open", "rate limited", "delivering", "waiting", "idle", "disabled", "changing hands",
	} {
		d := busy()
		d.State, d.Reason = state, "for a reason"
		b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{d}}
		words := find(b.page(t, "/"), func(n *html.Node) bool { return attribute(n, "class") == "words" })
		if len(textOf(words)) < 10 {
			t.Errorf("%s: %q", state, textOf(words))
		}
	}
}

func TestSeriesOfADestination(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.status.Destinations = []admin.DestinationStatus{busy()}
	got := b.ask("/overview/series?destination=production&span=day", nil)
	var v struct {
		Step  int
		Times []int64
		In    []*float64
	}
	if err := json.Unmarshal(got.Body.Bytes(), &v); err != nil || v.Step != 120 || len(v.Times) != 720 || len(v.In) != 720 || v.In[0] != nil {
		t.Errorf("%v: %s", err, got.Body.String()[:min(got.Body.Len(), 200)])
	}
	for path, want := range map[string]int{
		"/overview/series?destination=nobody&span=day": 404, "/overview/series?destination=production&span=year": 400, "/?span=year": 400,
	} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

func TestCatchUp(t *testing.T) {
	for name, test := range map[string]struct {
		pending uint64
		state   string
		pace    series.Pace
		want    string
	}{
		"nothing waits":            {0, "idle", series.Pace{}, ""},
		"at the pace of late":      {6000, "delivering", series.Pace{In: 10, Out: 60, Calls: 60, Known: true}, "Caught up in about 2 min."},
		"more comes in than out":   {6000, "delivering", series.Pace{In: 80, Out: 60, Calls: 60, Known: true}, "It does not catch up: 4,800 events a minute come in, 3,600 can go out."},
		"nothing known":            {6000, "delivering", series.Pace{}, "Caught up in about 100 s."},
		"blocked, at the limit":    {36000, "blocked", series.Pace{In: 10, Known: true}, "When it goes on, it takes about 12 min to catch up."},
		"blocked, and calls merge": {36000, "blocked", series.Pace{Out: 2, Calls: 1, Known: true}, "When it goes on, it takes about 5 min to catch up."},
	} {
		d := &admin.DestinationStatus{Pending: test.pending, State: test.state, KeyPerMinute: 3600}
		if got, behind := catchUp(d, test.pace); got != test.want || behind != strings.Contains(test.want, "does not catch up") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got, _ := catchUp(&admin.DestinationStatus{Pending: 5, State: "blocked"}, series.Pace{}); got != "" {
		t.Errorf("without a limit: %q", got)
	}
}

// TestOverviewSaysThatItIsBehind lets more come in than go out.
func TestOverviewSaysThatItIsBehind(t *testing.T) {
	b := newBench(t).logIn(t)
	d := busy()
	b.server.status = admin.Status{Ready: true, Destinations: []admin.DestinationStatus{d}}
	how, now := b.server.store.Destination("production"), time.Now().Add(-3*series.Every)
	for i := range uint64(4) {
		how.Observe(series.State{Accepted: 100 + 600*i, Finished: 50 + 60*i})
		b.server.store.Sample(now.Add(time.Duration(i) * series.Every))
	}
	text := textOf(b.page(t, "/"))
	for _, want := range []string{
		"Events are delivered, but more come in than go out for production: 20 events wait.",
		"It does not catch up: 3,600 events a minute come in, 360 can go out.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

func TestOverviewShowsTheProcesses(t *testing.T) {
	b := newBench(t).logIn(t)
	d := busy()
	d.Owner = "node-1"
	b.server.status = admin.Status{
		Ready: true, Node: "node-2", Destinations: []admin.DestinationStatus{d},
		Members: []admin.MemberStatus{
			{Name: "node-1", Version: "1.2.3", Silent: 0.4, Holds: []string{"destination.production"}},
			{Name: "node-2", Version: "1.2.2", Silent: 7, Differs: true},
		},
	}
	text := textOf(b.page(t, "/"))
	for _, want := range []string{
		"Delivered by node-1.", "this process node-2", "node-1 1.2.3 destination.production now",
		"node-2 has other sources or destinations 1.2.2 – 7 s ago",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
}

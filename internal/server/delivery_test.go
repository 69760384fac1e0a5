package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/internal/journal"
	"tanker/refiner/refinertest"
)

func TestEventsArriveAndAreCounted(t *testing.T) {
	refiner, endpoint := sandbox(t)
	r := start(t, testConfig(t, endpoint))
	for _, event := range []struct{ kind, body string }{
		{"identify", `{"userId":"u1","traits":{"email":"u1@example.com","plan":"pro"}}`},
		{"track", `{"userId":"u1","event":"Order Completed"}`},
		{"track", `{"anonymousId":"a1","event":"Nobody"}`},
		{"screen", `{"userId":"u1","name":"Home"}`},
	} {
		if got := r.send(t, "wk-web", event.kind, event.body); got != 200 {
			t.Fatalf("%s answered %d", event.kind, got)
		}
	}
	eventually(t, "all four are finished", func() bool { return r.status(t, "production").Pending == 0 })

	s := r.status(t, "production")
	if s.Accepted != 4 || s.Totals.Delivered != 2 || s.Totals.Rejected["no_identity"] != 1 || s.Totals.Filtered["unsupported_type"] != 1 {
		t.Errorf("status = %+v", s)
	}
	contact, ok := refiner.Contact("u1", "")
	if !ok || *contact.Email != "u1@example.com" || contact.Attributes["plan"] != "pro" {
		t.Errorf("contact = %+v, %v", contact, ok)
	}
	if names := contact.EventNames(); len(names) != 1 || names[0] != "Order Completed" {
		t.Errorf("events = %v", names)
	}

	r.wantMetrics(t,
		`tanker_events_accepted_total{source="web"} 4`,
		`tanker_outcomes_total{destination="production",kind="delivered",reason=""} 2`,
		`tanker_outcomes_total{destination="production",kind="rejected",reason="no_identity"} 1`,
		`tanker_pending_events{destination="production"} 0`,
		`tanker_delivery_seconds_count{destination="production"} 2`,
		`tanker_journal_append_seconds_count`,
		`tanker_journal_max_bytes`,
		`tanker_calls_total{class="ok",destination="production",status="200"} `,
	)
}

func TestNewDestinationBeginsWhereItIsTold(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	first := start(t, c)
	for range 3 {
		first.send(t, "wk-web", "track", `{"userId":"u","event":"e"}`)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]config.Start{
		"now": {}, "beginning": {Beginning: true}, "long-ago": {At: time.Now().Add(-time.Hour)}, "later": {At: time.Now().Add(time.Hour)},
	} {
		d := destination(name, endpoint)
		d.Start = begin
		c.Destinations = append(c.Destinations, d)
	}
	second := start(t, c)
	for name, want := range map[string]uint64{"now": 0, "beginning": 3, "long-ago": 3, "later": 0} {
		if s := second.status(t, name); s.Accepted != want {
			t.Errorf("%s: %d events, want %d", name, s.Accepted, want)
		}
	}
}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	refiner.SetFaults(refinertest.Fault{Status: 503})
	first := start(t, c)
	for i := range 20 {
		first.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u%d","event":"e"}`, i%4))
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	refiner.SetFaults()

	second := start(t, c)
	eventually(t, "what the first left is delivered", func() bool { return second.status(t, "production").Pending == 0 })
	if s := second.status(t, "production"); s.Accepted != 20 || s.Totals.Delivered != 20 {
		t.Errorf("status = %+v", s)
	}
}

func TestSourcesGoToTheirDestinations(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	testing := destination("testing", endpoint)
	testing.APIKey = config.NewSecret("another-key-0123456789")
	c.Destinations = append(c.Destinations, testing)
	c.Sources = []config.Source{source("all"), source("one", "production"), source("none"), source("off")}
	c.Sources[2].Destinations = []string{}
	c.Sources[3].Enabled = false
	r := start(t, c)
	for key, want := range map[string]int{"wk-all": 200, "wk-one": 200, "wk-none": 200, "wk-off": 404, "wk-unknown": 401} {
		if got := r.send(t, key, "track", `{"userId":"u","event":"e"}`); got != want {
			t.Errorf("%s answered %d, want %d", key, got, want)
		}
	}
	if s := r.status(t, "production"); s.Accepted != 2 {
		t.Errorf("production: %+v", s)
	}
	if s := r.status(t, "testing"); s.Accepted != 1 {
		t.Errorf("testing: %+v", s)
	}
}

func TestDisabledDestinationKeepsItsEvents(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations[0].Enabled = false
	r := start(t, c)
	r.send(t, "wk-web", "track", `{"userId":"u","event":"e"}`)
	if s := r.status(t, "production"); s.State != "disabled" || s.Pending != 1 {
		t.Errorf("status = %+v", s)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	c.Destinations[0].Enabled = true
	r = start(t, c)
	eventually(t, "it is delivered", func() bool { return r.status(t, "production").Totals.Delivered == 1 })
	if contact, ok := refiner.Contact("u", ""); !ok || contact.EventCount != 1 {
		t.Errorf("contact = %+v, %v", contact, ok)
	}
}

func TestRefusedKeyBlocksAndLosesNothing(t *testing.T) {
	for _, key := range []string{"short", "malformed key, this is one", "unknown-0123456789abcdef"} {
		t.Run(key, func(t *testing.T) {
			refiner, endpoint := sandbox(t)
			c := testConfig(t, endpoint)
			c.Destinations[0].APIKey = config.NewSecret(key)
			r := start(t, c)
			for i := range 10 {
				r.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u%d","event":"e"}`, i))
			}
			eventually(t, "blocked", func() bool { return r.status(t, "production").State == "blocked" })
			if s := r.status(t, "production"); s.Pending != 10 || s.Reason == "" || strings.Contains(s.Reason, key) {
				t.Errorf("status = %+v, want a reason and 10 pending", s)
			}
			r.stop()

			c.Destinations[0].APIKey = config.NewSecret(apiKey)
			r = start(t, c)
			eventually(t, "all are delivered", func() bool { return r.status(t, "production").Totals.Delivered == 10 })
			if contacts := refiner.Contacts(); len(contacts) != 10 {
				t.Errorf("%d contacts, want 10", len(contacts))
			}
		})
	}
}

// TestDeliveryResumesByItself refuses the key in each of Refiner's three ways, and then accepts it.
func TestDeliveryResumesByItself(t *testing.T) {
	c := testConfig(t, "http://127.0.0.1:1")
	c.Destinations = nil
	sandboxes := make(map[string]*refinertest.Server)
	for name, refusal := range map[string]refinertest.Fault{
		"no-key":        {Status: 401, Body: `{"error":"No API key found in headers"}`},
		"malformed-key": {Status: 401, Body: `{"error":"API key does not look valid"}`},
		"unknown-key":   {Status: 404, Body: `{"message":"API key not valid or does not exist"}`},
	} {
		refiner, endpoint := sandbox(t)
		if err := refiner.SetFaults(refusal); err != nil {
			t.Fatal(err)
		}
		sandboxes[name] = refiner
		c.Destinations = append(c.Destinations, destination(name, endpoint))
	}
	r := start(t, c)
	for i := range 10 {
		r.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u%d","event":"e"}`, i))
	}
	for name, refiner := range sandboxes {
		eventually(t, name+" is blocked", func() bool { return r.status(t, name).State == "blocked" })
		if s := r.status(t, name); s.Pending != 10 || s.Reason == "" || s.Until.IsZero() {
			t.Errorf("status = %+v, want 10 pending, a reason and the time of the next try", s)
		}
		if err := refiner.SetFaults(); err != nil {
			t.Fatal(err)
		}
	}
	for name := range sandboxes {
		eventually(t, name+" has delivered all", func() bool { return r.status(t, name).Totals.Delivered == 10 })
	}
}

// TestOutageOfOneDestination has one of two destinations fail every call. The other does not notice.
func TestOutageOfOneDestination(t *testing.T) {
	down, downEndpoint := sandbox(t)
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations = append(c.Destinations, destination("testing", downEndpoint))
	if err := down.SetFaults(refinertest.Fault{Status: 503}); err != nil {
		t.Fatal(err)
	}
	r := start(t, c)
	for i := range 40 {
		r.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u%d","event":"e"}`, i))
	}
	eventually(t, "the circuit is open", func() bool { return r.status(t, "testing").State == "circuit open" })
	if s := r.status(t, "testing"); s.Pending != 40 || !strings.Contains(s.Reason, "503") || s.Since.IsZero() {
		t.Errorf("status = %+v, want 40 pending and a reason", s)
	}
	eventually(t, "the other has delivered all", func() bool { return r.status(t, "production").Totals.Delivered == 40 })
	r.wantMetrics(t,
		`tanker_destination_circuit_open{destination="testing"} 1`,
		`tanker_destination_circuit_open{destination="production"} 0`,
	)
	if err := down.SetFaults(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are delivered", func() bool { return r.status(t, "testing").Totals.Delivered == 40 })
}

func TestPausedDestinationKeepsItsEvents(t *testing.T) {
	refiner, endpoint := sandbox(t)
	other, otherEndpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations = append(c.Destinations, destination("testing", otherEndpoint))
	r := start(t, c)
	if err := r.admin.Pause(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u","event":"%d"}`, i))
	}
	eventually(t, "the other has delivered all", func() bool { return r.status(t, "testing").Totals.Delivered == 10 })
	paused := r.status(t, "production")
	if paused.State != "paused" || paused.Pending != 10 || paused.PausedSince.IsZero() || !paused.Since.Equal(paused.PausedSince) {
		t.Errorf("status = %+v, want paused with 10 pending", paused)
	}
	r.wantMetrics(t, `tanker_destination_paused{destination="production"} 1`, `tanker_destination_paused{destination="testing"} 0`)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	r = start(t, c)
	eventually(t, "it is paused again", func() bool { return r.status(t, "production").State == "paused" })
	if s := r.status(t, "production"); !s.PausedSince.Equal(paused.PausedSince) || !s.Since.Equal(paused.PausedSince) {
		t.Errorf("status after a restart = %+v, want paused since %s", s, paused.PausedSince)
	}
	if n := len(refiner.Calls()); n != 0 {
		t.Errorf("%d calls to the paused destination", n)
	}
	for range 2 {
		if err := r.admin.Resume(t.Context(), "production"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are delivered", func() bool { return r.status(t, "production").Totals.Delivered == 10 })
	contact, _ := refiner.Contact("u", "")
	if want, _ := other.Contact("u", ""); !slices.Equal(contact.EventNames(), want.EventNames()) {
		t.Errorf("events %v, want %v", contact.EventNames(), want.EventNames())
	}
	if err := r.admin.Pause(t.Context(), "nowhere"); err == nil || !strings.Contains(err.Error(), `destination "nowhere": not found`) {
		t.Errorf("pausing what is not there: %v", err)
	}
}

func TestDeadLetterIsShownAndSentAgain(t *testing.T) {
	refiner, endpoint := sandbox(t)
	r := start(t, testConfig(t, endpoint))
	refiner.SetFaults(refinertest.Fault{User: "u1", Status: 422, Body: `{"message":"no"}`})
	r.send(t, "wk-web", "track", `{"userId":"u1","event":"e"}`)
	eventually(t, "it is dead", func() bool { return len(r.status(t, "production").Totals.Dead) == 1 })
	refiner.SetFaults()

	page, err := r.admin.DeadLetters(t.Context(), dead.Filter{DeadFilter: journal.DeadFilter{Destination: "production", User: "u1"}})
	if err != nil || len(page.Letters) != 1 {
		t.Fatalf("page = %+v, %v", page, err)
	}
	at := page.Letters[0].Position
	letter, err := r.admin.DeadLetter(t.Context(), "production", at)
	if err != nil || letter.Status != 422 || letter.Answer != `{"message":"no"}` {
		t.Errorf("letter = %+v, %v", letter, err)
	}
	if err := r.admin.ReplayDead(t.Context(), "production", at, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is delivered", func() bool { return r.status(t, "production").Totals.Delivered == 1 })
	if page, err := r.admin.DeadLetters(t.Context(), dead.Filter{}); err != nil || len(page.Letters) != 0 {
		t.Errorf("after the replay: %+v, %v", page, err)
	}
	if err := r.admin.DiscardDead(t.Context(), "production", at); err == nil {
		t.Error("a letter that is not there was discarded")
	}
}

// TestALoginTakesFewerCallsThanItHasEvents: identify and group are one call, and none when nothing has changed since
// the last login, although the server was stopped in between.
func TestALoginTakesFewerCallsThanItHasEvents(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations[0].SkipUnchanged = time.Hour
	const login = `{"batch":[
		{"type":"identify","userId":"u1","traits":{"email":"u1@example.com","plan":"pro"}},
		{"type":"group","userId":"u1","groupId":"g1","traits":{"size":5}},
		{"type":"track","userId":"u1","event":"Signed In"},
		{"type":"page","userId":"u1","name":"Home"}]}`

	first := start(t, c)
	first.send(t, "wk-web", "batch", login)
	eventually(t, "the first login is delivered", func() bool { return first.status(t, "production").Totals.Delivered == 4 })
	if calls := refiner.Calls(); len(calls) != 3 {
		t.Errorf("%d calls, want 3: %+v", len(calls), calls)
	}
	first.wantMetrics(t, `tanker_calls_saved_total{destination="production",how="merge"} 1`)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	second := start(t, c)
	second.send(t, "wk-web", "batch", login)
	eventually(t, "the second login is finished", func() bool { return second.status(t, "production").Pending == 0 })
	if s := second.status(t, "production"); s.Totals.Delivered != 6 || s.Totals.Filtered["unchanged"] != 2 {
		t.Errorf("status = %+v", s)
	}
	second.wantMetrics(t, `tanker_calls_saved_total{destination="production",how="unchanged"} 2`)
	contact, ok := refiner.Contact("u1", "")
	if !ok || contact.Attributes["plan"] != "pro" || contact.Account == nil || contact.Account.ID() != "g1" || contact.EventCount != 4 {
		t.Errorf("contact = %+v, %v", contact, ok)
	}
}

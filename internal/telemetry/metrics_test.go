package telemetry_test

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tanker/internal/journal"
	"tanker/internal/telemetry"
)

// scrape reads the metrics as Prometheus would.
func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape: %d, %v", w.Code, err)
	}
	return string(body)
}

// used makes metrics that every event has been counted in.
func used() *telemetry.Metrics {
	m := telemetry.New("1.2.3")
	m.SetNode("tanker-a")
	m.Accepted("web", 20, 1000)
	m.Suppressed("web", 3)
	m.Refused("web", "invalid_json", 400)
	m.Appended(7, 900, 3*time.Millisecond)
	d := m.Delivery("production")
	d.Outcome(journal.Delivered, "")
	d.Outcome(journal.Rejected, "no_identity")
	d.Delivered(20 * time.Millisecond)
	d.Call("ok", 200, time.Second)
	d.Call("temporary", 0, time.Second)
	d.Waited("user", time.Minute)
	d.Saved("merge")
	m.Observe(func() telemetry.State {
		return telemetry.State{
			Destinations: []telemetry.DestinationState{
				{Name: "production", Pending: 5, Parked: 3, Letters: 2, Lost: 4, Oldest: time.Now().Add(-time.Hour), Blocked: true, Circuit: true},
				{Name: "testing", Paused: true},
			},
			Journal: telemetry.JournalState{Bytes: 10, MaxBytes: 20},
		}
	})
	return m
}

func TestMetrics(t *testing.T) {
	got := scrape(t, used())
	for _, want := range []string{
		`tanker_build_info{version="1.2.3"} 1`,
		`tanker_events_accepted_total{source="web"} 20`,
		`tanker_accepted_bytes_total{source="web"} 1000`,
		`tanker_events_suppressed_total{source="web"} 3`,
		`tanker_requests_refused_total{reason="invalid_json",source="web",status="400"} 1`,
		`tanker_journal_append_seconds_bucket{le="0.002"} 0`,
		`tanker_journal_append_seconds_bucket{le="0.005"} 1`,
		`tanker_journal_append_events_sum 7`,
		`tanker_journal_append_bytes_total 900`,
		`tanker_outcomes_total{destination="production",kind="delivered",reason=""} 1`,
		`tanker_outcomes_total{destination="production",kind="rejected",reason="no_identity"} 1`,
		`tanker_delivery_seconds_bucket{destination="production",le="0.01"} 0`,
		`tanker_delivery_seconds_bucket{destination="production",le="0.025"} 1`,
		`tanker_calls_total{class="ok",destination="production",status="200"} 1`,
		`tanker_calls_total{class="temporary",destination="production",status="none"} 1`,
		`tanker_calls_saved_total{destination="production",how="merge"} 1`,
		`tanker_call_seconds_sum{destination="production"} 2`,
		`tanker_limit_wait_seconds_sum{destination="production",limit="user"} 60`,
		`tanker_pending_events{destination="production"} 5`,
		`tanker_parked_events{destination="production"} 3`,
		`tanker_dead_letters_waiting{destination="production"} 2`,
		`tanker_lost_events{destination="production"} 4`,
		`tanker_oldest_pending_seconds{destination="production"} 3600.`,
		`tanker_oldest_pending_seconds{destination="testing"} 0`,
		`tanker_destination_blocked{destination="production"} 1`,
		`tanker_destination_blocked{destination="testing"} 0`,
		`tanker_destination_circuit_open{destination="production"} 1`,
		`tanker_destination_circuit_open{destination="testing"} 0`,
		`tanker_destination_paused{destination="production"} 0`,
		`tanker_destination_paused{destination="testing"} 1`,
		`tanker_journal_bytes 10`,
		`tanker_journal_max_bytes 20`,
		`go_goroutines`,
		`process_resident_memory_bytes`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

func TestMetricsFollowPrometheusConventions(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, used()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "tanker_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestMetricsWithoutState(t *testing.T) {
	m := used()
	m.Observe(nil)
	if got := scrape(t, m); strings.Contains(got, "tanker_pending_events") || !strings.Contains(got, "tanker_events_accepted_total") {
		t.Errorf("want counters alone, got\n%s", got)
	}
}

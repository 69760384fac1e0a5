package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tanker/event"
	"tanker/internal/config"
	"tanker/internal/server"
	"tanker/mapping"
)

// TestFilterDocumentation carries out the examples of docs/filters.md: in a block marked filter, which goes on with a setting
// of a destination's filter, an event, and in the next line what becomes of it.
func TestFilterDocumentation(t *testing.T) {
	data, err := os.ReadFile("../../docs/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	var mapper interface {
		Map(e *event.Event) (mapping.Call, error)
	}
	count, given := 0, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if setting, begins := strings.CutPrefix(line, "```filter "); begins {
			if mapper, _, err = server.NewMapper(destinationWith(t, setting)); err != nil {
				t.Fatal(err)
			}
		}
		if strings.HasPrefix(line, "{") {
			given = line
		}
		want, isResult := strings.CutPrefix(line, "→ ")
		if !isResult {
			continue
		}
		count++
		e, err := event.Parse([]byte(given), event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := "passes"
		_, err = mapper.Map(e)
		if refusal, ok := errors.AsType[*mapping.Refusal](err); ok {
			got = refusal.Outcome + ": " + refusal.Reason
		}
		if got != want {
			t.Errorf("%s\n%s, the documentation says %s", given, got, want)
		}
	}
	if count < 10 {
		t.Errorf("only %d examples found", count)
	}
}

// destinationWith is a destination with one setting of its filter, as it is written in a configuration.
func destinationWith(t *testing.T, setting string) config.Destination {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tanker.yaml")
	text := "sources: [{name: web, write_key: wk}]\ndestinations:\n- name: refiner\n  api_key_env: KEY\n  filter:\n    " + setting + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadWithoutSecrets(path)
	if err != nil {
		t.Fatal(err)
	}
	return c.Destinations[0]
}

func TestFilteredEventsAreCounted(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations[0].Filter.DenyEvents = []string{"Secret"}
	c.Destinations[0].Screen = "as_page"
	off := destination("off", endpoint)
	off.APIKey, off.Enabled, off.WhenDisabled = config.NewSecret("another-key-0123456789"), false, "drop"
	c.Destinations = append(c.Destinations, off)
	r := start(t, c)
	for _, event := range []struct{ kind, body string }{
		{"identify", `{"userId":"u1"}`},
		{"track", `{"userId":"u1","event":"Secret"}`},
		{"track", `{"userId":"u1","event":"Bought","integrations":{"All":false}}`},
		{"screen", `{"userId":"u1","name":"Home"}`},
	} {
		if got := r.send(t, "wk-web", event.kind, event.body); got != 200 {
			t.Fatalf("%s answered %d", event.kind, got)
		}
	}
	eventually(t, "all are finished", func() bool {
		return r.status(t, "production").Pending == 0 && r.status(t, "off").Pending == 0
	})
	s := r.status(t, "production")
	if s.Totals.Delivered != 2 || s.Totals.Filtered["event_denied"] != 1 || s.Totals.Filtered["integrations"] != 1 {
		t.Errorf("status = %+v", s)
	}
	if s := r.status(t, "off"); s.State != "disabled" || s.Totals.Filtered["destination_disabled"] != 4 {
		t.Errorf("status of the one that is switched off = %+v", s)
	}
	contact, _ := refiner.Contact("u1", "")
	if names := contact.EventNames(); len(names) != 1 || names[0] != "Viewed Home Page" {
		t.Errorf("events = %v", names)
	}
	r.wantMetrics(t, `tanker_outcomes_total{destination="production",kind="filtered",reason="event_denied"} 1`)
}

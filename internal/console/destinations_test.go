package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/journal"
)

// fakeSetup is the part of a fake server that the pages about destinations and sources ask.
type fakeSetup struct {
	ways     []DestinationSetup
	apps     []SourceSetup
	check    KeyCheck
	checkErr error
	paused   []string // what was paused and resumed
	end      journal.SourceEnd
	gateway  string
}

func (f *fakeSetup) Destinations() []DestinationSetup { return f.ways }
func (f *fakeSetup) Sources() []SourceSetup           { return f.apps }
func (f *fakeSetup) GatewayAddress() string           { return f.gateway }

func (f *fakeSetup) Settings() []config.Setting {
	return []config.Setting{{Name: "listen", Value: ":8080"}, {Name: "journal.retention", Value: "168h0m0s", Default: true}}
}

func (f *fakeSetup) CheckKey(_ context.Context, destination string) (KeyCheck, error) {
	return f.check, f.known(destination, f.checkErr)
}

func (f *fakeSetup) Pause(_ context.Context, destination string) error {
	f.paused = append(f.paused, "pause "+destination)
	return f.known(destination, nil)
}

func (f *fakeSetup) Resume(_ context.Context, destination string) error {
	f.paused = append(f.paused, "resume "+destination)
	return f.known(destination, nil)
}

func (f *fakeSetup) known(destination string, err error) error {
	if destination != "production" {
		return fmt.Errorf("destination %q: %w", destination, journal.ErrNotFound)
	}
	return err
}

func (f *fakeSetup) SourceEnd(context.Context, string) (journal.SourceEnd, error) { return f.end, nil }

func (f *fakeSetup) WriteKey(source string) (config.Secret, error) {
	if source != "web" {
		return config.Secret{}, fmt.Errorf("source %q: %w", source, journal.ErrNotFound)
	}
	return config.NewSecret("write-key-of-web"), nil
}

// setupBench is a console that is logged in, with a source and a destination.
func setupBench(t *testing.T) *bench {
	t.Helper()
	b := newBench(t).logIn(t)
	b.server.gateway = "http://127.0.0.1:8080"
	b.server.ways = []DestinationSetup{{
		Name: "production", Title: "Shop <b>", KeyPlace: "the environment variable REFINER_API_KEY", Sources: []string{"web"},
		Settings: []config.Setting{{Name: "limits.key_per_minute", Value: "600"}, {Name: "profile", Value: "documented", Default: true}},
		Warnings: []string{"The rename of x is not carried out."},
	}}
	b.server.apps = []SourceSetup{{Name: "web", Enabled: true, KeyPlace: "the file keys/web", Destinations: []string{"production"}}}
	b.server.status.Destinations = []admin.DestinationStatus{{Name: "production", State: "delivering", Pending: 3}}
	return b
}

func TestDestinationsPage(t *testing.T) {
	b := setupBench(t)
	text := textOf(b.page(t, "/destinations"))
	for _, want := range []string{
		"production Shop <b> delivering", "The rename of x is not carried out.", "from the environment variable REFINER_API_KEY",
		"limits.key_per_minute 600", "1 settings at their defaults", "profile documented", "Check the key Pause", "listen :8080",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	b.server.status.Destinations[0].PausedSince = time.Now()
	if text := textOf(b.page(t, "/destinations")); !strings.Contains(text, "3 events wait.") || !strings.Contains(text, "Check the key Resume") {
		t.Error(text)
	}
	b.server.ways = nil
	if text := textOf(b.page(t, "/destinations")); !strings.Contains(text, "There is no destination yet.") {
		t.Error(text)
	}
}

func TestDestinationsArePausedAndResumed(t *testing.T) {
	b := setupBench(t)
	for _, verb := range []string{"pause", "resume"} {
		if got := b.post(t, "/destinations/production/"+verb, nil); got.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", verb, got.Code)
		}
		if got := b.post(t, "/destinations/other/"+verb, nil); got.Code != http.StatusNotFound {
			t.Errorf("%s of another: %d", verb, got.Code)
		}
		if got := b.ask("/destinations/production/"+verb, url.Values{}); got.Code != http.StatusForbidden {
			t.Errorf("%s without a CSRF token: %d", verb, got.Code)
		}
		if log := b.log.String(); !strings.Contains(log, `what="`+verb+` destination"`) {
			t.Error(log)
		}
	}
	if got := fmt.Sprint(b.server.paused); got != "[pause production pause other resume production resume other]" {
		t.Error(got)
	}
}

func TestKeyChecks(t *testing.T) {
	b := setupBench(t)
	b.server.check = KeyCheck{OK: true, Project: "Production", At: time.Now()}
	if text := textOf(parse(t, b.post(t, "/destinations/production/check", nil).Body)); !strings.Contains(text, "Refiner accepts the key, of the environment “Production”.") {
		t.Error(text)
	}
	b.server.check = KeyCheck{Message: "Refiner refuses the key (401: no)", Hint: "copy it anew", At: time.Now()}
	csrf := b.csrf(t)
	b.header.Set("HX-Request", "true")
	part := b.ask("/destinations/production/check", url.Values{fieldCSRF: {csrf}}).Body.String()
	if strings.Contains(part, "<html") || !strings.Contains(part, "Refiner refuses the key (401: no). What to do: copy it anew.") {
		t.Error(part)
	}
	b.server.checkErr = ErrTooSoon
	if got := b.ask("/destinations/production/check", url.Values{fieldCSRF: {csrf}}); got.Code != http.StatusTooManyRequests {
		t.Errorf("%d", got.Code)
	}
	if got := b.ask("/destinations/other/check", url.Values{fieldCSRF: {csrf}}); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
}

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/server"
	"tanker/refiner/refinertest"
)

// changeable is a running Tanker whose configuration can be changed.
type changeable struct {
	*running

	changes chan *config.Config
	log     *syncBuffer
}

// startChangeable runs a Tanker like start.
func startChangeable(t *testing.T, c *config.Config) *changeable {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &changeable{running: &running{}, changes: make(chan *config.Config), log: &syncBuffer{}}
	listening, ended := make(chan server.Addresses, 1), make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = server.Run(ctx, c, server.Options{
			Listening: func(a server.Addresses) { listening <- a }, Changes: r.changes,
			Logger: slog.New(slog.NewTextHandler(r.log, nil)),
		})
	}()
	r.stop = func() error { cancel(); <-ended; return err }
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	select {
	case r.Addresses = <-listening:
	case <-ended:
		t.Fatalf("the server did not start: %v", err)
	}
	r.admin = admin.NewClient(r.Admin, config.NewSecret(token))
	return r
}

// change hands over a configuration, and waits until the log says so many times what became of one.
func (r *changeable) change(t *testing.T, c *config.Config, said string) {
	t.Helper()
	before := strings.Count(r.log.String(), said)
	r.changes <- c
	eventually(t, said, func() bool { return strings.Count(r.log.String(), said) > before })
}

const inUse = "the new configuration is in use"

// changed is a copy of a configuration, changed.
func changed(c *config.Config, change func(*config.Config)) *config.Config {
	next := *c
	next.Sources, next.Destinations = slices.Clone(c.Sources), slices.Clone(c.Destinations)
	change(&next)
	return &next
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestSourcesAndDestinationsComeAndGo(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startChangeable(t, c)
	r.send(t, "wk-web", "track", `{"userId":"u","event":"before"}`)

	const second = "another-key-0123456789"
	both := changed(c, func(c *config.Config) {
		c.Sources = append(c.Sources, source("app"))
		d := destination("testing", endpoint)
		d.APIKey = config.NewSecret(second)
		c.Destinations = append(c.Destinations, d)
		c.Destinations[0].Filter.DenyEvents = []string{"secret"}
	})
	if got := r.send(t, "wk-app", "track", `{"userId":"u","event":"early"}`); got != http.StatusUnauthorized {
		t.Errorf("a source that is not there yet is answered %d", got)
	}
	r.change(t, both, inUse)
	for _, event := range []string{"after", "secret"} {
		if got := r.send(t, "wk-app", "track", `{"userId":"u","event":"`+event+`"}`); got != 200 {
			t.Errorf("the new source is answered %d", got)
		}
	}
	eventually(t, "the first destination has three", func() bool { s := r.status(t, "production"); return s.Accepted == 3 && s.Pending == 0 })
	if s := r.status(t, "production"); s.Totals.Delivered != 2 || s.Totals.Filtered["event_denied"] != 1 {
		t.Errorf("status = %+v", s)
	}
	if s := r.status(t, "testing"); s.Accepted != 2 {
		t.Errorf("the new destination begins now: %+v", s)
	}

	r.change(t, changed(c, func(c *config.Config) { c.Sources[0].Enabled = false }), inUse)
	if got := r.send(t, "wk-web", "track", `{"userId":"u","event":"late"}`); got != http.StatusNotFound {
		t.Errorf("a source that is switched off is answered %d", got)
	}
	if got := r.send(t, "wk-app", "track", `{"userId":"u","event":"late"}`); got != http.StatusUnauthorized {
		t.Errorf("a source that is gone is answered %d", got)
	}
	status, err := r.admin.Status(t.Context())
	if err != nil || len(status.Destinations) != 1 {
		t.Errorf("status = %+v, %v", status, err)
	}
	contact, _ := refiner.Contact("u", "")
	if got := strings.Join(contact.EventNames(), " "); got != "before after" {
		t.Errorf("Refiner has %s", got)
	}
}

// TestChangesWhileEventsFlow changes the configuration again and again while events come in and go out: none is lost, none
// comes twice, and each user's stay in order.
func TestChangesWhileEventsFlow(t *testing.T) {
	refiner, endpoint := sandbox(t)
	refiner.SetFaults(refinertest.Fault{Delay: 5 * time.Millisecond})
	c := testConfig(t, endpoint)
	c.Destinations[0].Limits = config.Limits{}
	r := startChangeable(t, c)
	const users, events = 4, 60
	var sending sync.WaitGroup
	for u := range users {
		sending.Go(func() {
			for i := range events {
				if got := r.send(t, "wk-web", "track", fmt.Sprintf(`{"userId":"u%d","event":"e%d"}`, u, i)); got != 200 {
					t.Errorf("answered %d", got)
				}
			}
		})
	}
	for i := range 6 {
		r.change(t, changed(c, func(c *config.Config) { c.Destinations[0].MaxConcurrency = 10 + i }), inUse)
	}
	sending.Wait()
	refiner.SetFaults()
	eventually(t, "all are finished", func() bool { s := r.status(t, "production"); return s.Accepted == users*events && s.Pending == 0 })
	if s := r.status(t, "production"); s.Totals.Delivered != users*events {
		t.Errorf("status = %+v", s)
	}
	for u := range users {
		contact, _ := refiner.Contact(fmt.Sprintf("u%d", u), "")
		names := contact.EventNames()
		for i := range min(events, len(names)) {
			if names[i] != fmt.Sprintf("e%d", i) {
				t.Fatalf("user %d: event %d is %s", u, i, names[i])
			}
		}
		if len(names) != events {
			t.Errorf("user %d has %d events", u, len(names))
		}
	}
}

func TestChangeThatCannotBeUsedChangesNothing(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startChangeable(t, c)
	broken := changed(c, func(c *config.Config) { c.Destinations[0].Profile = "none"; c.Sources[0].Name = "other" })
	r.change(t, broken, "the new configuration cannot be used, the one before stays")
	scripted := changed(c, func(c *config.Config) { c.Destinations[0].Transformation = withScript(t, "no JavaScript") })
	r.change(t, scripted, "the new configuration cannot be used, the one before stays")
	// What is only found out while it is put to use: a name that no cursor can have.
	unusable := changed(c, func(c *config.Config) { c.Destinations[0].Name = "no name"; c.Sources[0].Name = "other" })
	r.change(t, unusable, "the new configuration cannot be used, the one before is back")
	if got := r.send(t, "wk-web", "track", `{"userId":"u","event":"e"}`); got != 200 {
		t.Errorf("answered %d", got)
	}
	eventually(t, "it is delivered", func() bool { return r.status(t, "production").Totals.Delivered == 1 })
}

func TestSettingsThatTakeARestart(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startChangeable(t, c)
	next := changed(c, func(c *config.Config) {
		c.Listen, c.Log.Level, c.Sources[0].WriteKey = "127.0.0.1:1", "debug", config.NewSecret("wk-new")
	})
	r.change(t, next, inUse)
	if !strings.Contains(r.log.String(), `settings="listen, log"`) {
		t.Error("the log does not say which settings are not in use")
	}
	if got := r.send(t, "wk-new", "track", `{"userId":"u","event":"e"}`); got != 200 {
		t.Errorf("the new write key is answered %d", got)
	}
}

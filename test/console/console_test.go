// Package console_test uses the console as people do: in a real browser, against a running Tanker with the sandbox behind
// it. Each page has a file of its own here.
package console_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/script"
	"tanker/internal/server"
	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

func TestMain(m *testing.M) {
	if script.IsChild(os.Args) {
		os.Exit(script.Serve(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

const (
	writeKey   = "write-key-of-the-app"
	apiKey     = "api-key-0123456789abcdef"
	adminToken = "admin-token-0123456789"
)

// tanker is a running Tanker with one source, app, and one destination, refiner.
type tanker struct {
	server.Addresses

	refiner *refinertest.Server
	client  *admin.Client
	socket  *admin.Client // the same by the data directory
}

// start runs a Tanker in this process until the test ends; change, if there is one, changes its configuration.
func start(t *testing.T, change func(*config.Config)) *tanker {
	t.Helper()
	k := &tanker{refiner: refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})}
	c := config.Default()
	c.Listen, c.Admin.Listen, c.DataDir = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	c.Admin.Token = config.NewSecret(adminToken)
	c.Journal.MaxBytes, c.Journal.MinFree = 256<<20, 1<<20
	s, d := config.DefaultSource(), config.DefaultDestination()
	s.Name, s.WriteKey = "app", config.NewSecret(writeKey)
	d.Name, d.Endpoint, d.APIKey = "refiner", k.refiner.URL, config.NewSecret(apiKey)
	c.Sources, c.Destinations = []config.Source{s}, []config.Destination{d}
	if change != nil {
		change(c)
	}

	ctx, stop := context.WithCancel(context.Background())
	listening, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, c, server.Options{ErasureGrace: time.Millisecond, Listening: func(a server.Addresses) { listening <- a }})
	}()
	select {
	case k.Addresses = <-listening:
	case err := <-ended:
		stop()
		t.Fatalf("tanker: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("tanker: %v", err)
		}
	})
	k.client = admin.NewClient(k.Admin, c.Admin.Token)
	var err error
	if k.socket, err = admin.NewSocketClient(c.DataDir); err != nil {
		t.Fatal(err)
	}
	return k
}

// send sends an event as an SDK does: kind is identify, track, page or group.
func (k *tanker) send(t *testing.T, kind, body string) {
	t.Helper()
	req, _ := http.NewRequest(http.MethodPost, k.Gateway+"/v1/"+kind, strings.NewReader(body))
	req.SetBasicAuth(writeKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", kind, resp.StatusCode, answer)
	}
	http.DefaultClient.CloseIdleConnections()
}

// destination is how the first destination stands.
func (k *tanker) destination(t *testing.T) admin.DestinationStatus {
	t.Helper()
	status, err := k.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return status.Destinations[0]
}

// await waits until the first destination stands as holds says.
func (k *tanker) await(t *testing.T, what string, holds func(admin.DestinationStatus) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := tankertest.Await(ctx, func() (bool, error) { return holds(k.destination(t)), nil }); err != nil {
		t.Fatalf("never: %s: %+v", what, k.destination(t))
	}
}

// settled waits until nothing is pending.
func (k *tanker) settled(t *testing.T) {
	t.Helper()
	k.await(t, "nothing is pending", func(d admin.DestinationStatus) bool { return d.Pending == 0 })
}

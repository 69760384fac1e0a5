package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/journal"
	"tanker/internal/server"
	"tanker/refiner/refinertest"
)

const (
	apiKey = "key-0123456789abcdef"
	token  = "token-0123456789abcdef"
)

// testConfig is a Tanker with one source and one destination on free ports.
func testConfig(t *testing.T, endpoint string) *config.Config {
	t.Helper()
	c := config.Default()
	c.Listen, c.Admin.Listen, c.DataDir = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	c.Admin.Token = config.NewSecret(token)
	c.Journal.MaxBytes, c.Journal.MinFree = 256<<20, 1<<20
	c.Sources = []config.Source{source("web")}
	c.Destinations = []config.Destination{destination("production", endpoint)}
	return c
}

func source(name string, destinations ...string) config.Source {
	s := config.DefaultSource()
	s.Name, s.WriteKey, s.Destinations = name, config.NewSecret("wk-"+name), destinations
	return s
}

func destination(name, endpoint string) config.Destination {
	d := config.DefaultDestination()
	d.Name, d.Endpoint, d.APIKey = name, endpoint, config.NewSecret(apiKey)
	return d
}

// sandbox is a Refiner that knows one key.
func sandbox(t *testing.T) (*refinertest.Server, string) {
	t.Helper()
	s := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	return s, s.URL
}

// running is a Tanker that runs in the test's process.
type running struct {
	server.Addresses
	admin *admin.Client
	stop  func() error // may be called again
}

// start runs a Tanker until the test ends or stops it.
func start(t *testing.T, c *config.Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan server.Addresses, 1), make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = server.Run(ctx, c, server.Options{
			Listening: func(a server.Addresses) { listening <- a },
			Logger:    slog.New(slog.NewTextHandler(logWriter{t}, nil)),
		})
	}()
	r := &running{stop: func() error { cancel(); <-ended; return err }}
	t.Cleanup(func() { r.stop() })
	select {
	case r.Addresses = <-listening:
	case <-ended:
		t.Fatalf("the server did not start: %v", err)
	}
	r.admin = admin.NewClient(r.Admin, config.NewSecret(token))
	return r
}

// logWriter writes a server's log into the test's.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(line []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(line)))
	return len(line), nil
}

// send posts an event and returns the status of the answer.
func (r *running) send(t *testing.T, writeKey, kind, body string) int {
	t.Helper()
	req, _ := http.NewRequest("POST", r.Gateway+"/v1/"+kind, strings.NewReader(body))
	req.SetBasicAuth(writeKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// status asks the admin API, and returns the destination of a name.
func (r *running) status(t *testing.T, name string) admin.DestinationStatus {
	t.Helper()
	s, err := r.admin.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Destinations {
		if d.Name == name {
			if d.Accepted != d.Totals.Sum()+d.Pending {
				t.Errorf("%s does not add up: %+v", name, d)
			}
			return d
		}
	}
	t.Fatalf("no destination %s in %+v", name, s)
	return admin.DestinationStatus{}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

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

	resp, err := http.Get(r.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, _ := io.ReadAll(resp.Body)
	for _, want := range []string{
		`tanker_events_accepted_total{source="web"} 4`,
		`tanker_outcomes_total{destination="production",kind="delivered",reason=""} 2`,
		`tanker_outcomes_total{destination="production",kind="rejected",reason="no_identity"} 1`,
		`tanker_pending_events{destination="production"} 0`,
		`tanker_delivery_seconds_count{destination="production"} 2`,
		`tanker_journal_append_seconds_count`,
		`tanker_journal_max_bytes`,
		`tanker_calls_total{class="ok",destination="production",status="200"} `,
	} {
		if !bytes.Contains(metrics, []byte("\n"+want)) {
			t.Errorf("no line %q in the metrics", want)
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

func TestDeadLetterIsShownAndSentAgain(t *testing.T) {
	refiner, endpoint := sandbox(t)
	r := start(t, testConfig(t, endpoint))
	refiner.SetFaults(refinertest.Fault{User: "u1", Status: 422, Body: `{"message":"no"}`})
	r.send(t, "wk-web", "track", `{"userId":"u1","event":"e"}`)
	eventually(t, "it is dead", func() bool { return len(r.status(t, "production").Totals.Dead) == 1 })
	refiner.SetFaults()

	page, err := r.admin.DeadLetters(t.Context(), journal.DeadFilter{Destination: "production", User: "u1"})
	if err != nil || len(page.Letters) != 1 {
		t.Fatalf("page = %+v, %v", page, err)
	}
	at := page.Letters[0].Position
	letter, err := r.admin.DeadLetter(t.Context(), "production", at)
	if err != nil || letter.Status != 422 || letter.Answer != `{"message":"no"}` {
		t.Errorf("letter = %+v, %v", letter, err)
	}
	if err := r.admin.ReplayDead(t.Context(), "production", at); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is delivered", func() bool { return r.status(t, "production").Totals.Delivered == 1 })
	if page, err := r.admin.DeadLetters(t.Context(), journal.DeadFilter{}); err != nil || len(page.Letters) != 0 {
		t.Errorf("after the replay: %+v, %v", page, err)
	}
	if err := r.admin.DiscardDead(t.Context(), "production", at); err == nil {
		t.Error("a letter that is not there was discarded")
	}
}

func TestTokenIsMadeAndKept(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Admin.Token = config.Secret{}
	start(t, c).stop()
	made, err := admin.ReadToken(admin.TokenPath(c.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, c)
	if _, err := admin.NewClient(r.Admin, made).Status(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestStopFinishesTheRequestsThatHaveBegun(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := start(t, c)
	body, write := io.Pipe()
	req, _ := http.NewRequest("POST", r.Gateway+"/v1/track", body)
	req.SetBasicAuth("wk-web", "")
	// The body is asked for by the handler, not before.
	req.Header.Set("Expect", "100-continue")
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	answered := make(chan int, 1)
	go func() {
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	io.WriteString(write, `{"userId":"u","event":`) // the request has begun
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	eventually(t, "the port is given up", func() bool {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(r.Gateway, "http://"), time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	io.WriteString(write, `"e"}`)
	write.Close()
	if got := <-answered; got != 200 {
		t.Errorf("answered %d, want 200", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestStartFails(t *testing.T) {
	_, endpoint := sandbox(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other := testConfig(t, endpoint)
	start(t, other)

	for name, test := range map[string]struct {
		change func(*config.Config)
		want   string
		is     error
	}{
		"port taken":       {func(c *config.Config) { c.Listen = taken.Addr().String() }, "listen: ", nil},
		"admin port taken": {func(c *config.Config) { c.Admin.Listen = taken.Addr().String() }, "admin.listen: ", nil},
		"directory in use": {func(c *config.Config) { c.DataDir = other.DataDir }, "", journal.ErrLocked},
		"no certificate":   {func(c *config.Config) { c.TLS = config.TLS{CertFile: "nowhere", KeyFile: "nowhere"} }, "tls: open nowhere", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t, endpoint)
			test.change(c)
			err := server.Run(t.Context(), c, server.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %s… %v", err, test.want, test.is)
			}
		})
	}
}

func TestStoppedBeforeItStarts(t *testing.T) {
	_, endpoint := sandbox(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := server.Run(ctx, testConfig(t, endpoint), server.Options{Listening: func(server.Addresses) { t.Error("listening") }})
	if err != nil {
		t.Errorf("got %v", err)
	}
}

func TestGatewayOverTLS(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	roots := x509.NewCertPool()
	c.TLS = certificate(t, roots)
	r := start(t, c)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()
	req, _ := http.NewRequest("POST", r.Gateway+"/v1/track", strings.NewReader(`{"userId":"u","event":"e"}`))
	req.SetBasicAuth("wk-web", "")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("answered %s with %d", resp.Proto, resp.StatusCode)
	}
}

// certificate makes a certificate for 127.0.0.1 that those who have roots trust.
func certificate(t *testing.T, roots *x509.CertPool) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.TLS{CertFile: filepath.Join(t.TempDir(), "cert.pem"), KeyFile: filepath.Join(t.TempDir(), "key.pem")}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	roots.AppendCertsFromPEM(certPEM)
	for path, data := range map[string][]byte{
		files.CertFile: certPEM,
		files.KeyFile:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

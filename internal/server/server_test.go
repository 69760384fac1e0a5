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
	"io"
	"io/fs"
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
	return startWith(t, c, server.Options{})
}

func startWith(t *testing.T, c *config.Config, o server.Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listening, ended := make(chan server.Addresses, 1), make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		o.Listening = func(a server.Addresses) { listening <- a }
		o.Logger = slog.New(slog.NewTextHandler(logWriter{t}, nil))
		err = server.Run(ctx, c, o)
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

// wantMetrics looks for lines in the metrics that begin like this.
func (r *running) wantMetrics(t *testing.T, lines ...string) {
	t.Helper()
	resp, err := http.Get(r.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, _ := io.ReadAll(resp.Body)
	for _, want := range lines {
		if !bytes.Contains(metrics, []byte("\n"+want)) {
			t.Errorf("no line %q in the metrics", want)
		}
	}
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

func TestTokenIsMadeOnceAndKeptAsAHash(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Admin.Token = config.Secret{}
	var made []string
	o := server.Options{TokenMade: func(token config.Secret) { made = append(made, token.Reveal()) }}
	startWith(t, c, o).stop()
	r := startWith(t, c, o)
	if len(made) != 1 {
		t.Fatalf("%d tokens were made", len(made))
	}
	if _, err := admin.NewClient(r.Admin, config.NewSecret(made[0])).Status(t.Context()); err != nil {
		t.Error(err)
	}
	err := filepath.WalkDir(c.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if content, err := os.ReadFile(path); err != nil || bytes.Contains(content, []byte(made[0])) {
			t.Errorf("%s holds the token, or %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSocketNeedsNoToken(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := start(t, c)
	client, err := admin.NewSocketClient(c.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := client.Status(t.Context()); err != nil || len(s.Destinations) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	path := admin.SocketPath(c.DataDir)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	r.stop()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // as if a process had been killed
		t.Fatal(err)
	}
	start(t, c)
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("after a kill: %v", err)
	}
}

func TestStartsWithoutASocket(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.DataDir = filepath.Join(c.DataDir, strings.Repeat("long", 30))
	if r := start(t, c); r.status(t, "production").Name == "" {
		t.Error("no answer")
	}
	if _, err := admin.NewSocketClient(c.DataDir); err == nil || !strings.Contains(err.Error(), "too long for a socket") {
		t.Errorf("%v", err)
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

// Package server puts the parts of one Tanker together, runs them and stops them.
//
// It is the one place that knows all parts. What each of them does is theirs.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/console"
	"tanker/internal/erasure"
	"tanker/internal/gateway"
	"tanker/internal/journal"
	"tanker/internal/lease"
	"tanker/internal/live"
	"tanker/internal/series"
	"tanker/internal/telemetry"
)

// Options are what Run needs beside the configuration. The zero value is usable.
type Options struct {
	// Version is what the server says of itself.
	Version gateway.Version
	// Logger gets what an operator should know. Default: no log.
	Logger *slog.Logger
	// Listening is called once, when events are accepted.
	Listening func(Addresses)
	// TokenMade is called with the token of the admin API when there was none: this is the only time that it can be seen.
	TokenMade func(config.Secret)
	// ErasureGrace is how long a request may be under way that was accepted before its user was suppressed. Zero means 15 s.
	ErasureGrace time.Duration
	// Changes are configurations that take the place of the one before, each without any problem. Of those only sources
	// and destinations change a running server. Nil: there are none.
	Changes <-chan *config.Config
}

// Addresses are where a server really listens, which the configuration leaves open where it says port 0.
type Addresses struct {
	Gateway string // URL for SDKs
	Admin   string // URL of the admin API

	Transformer string // URL for rudder-server; "" if it is not enabled
}

// server is one running Tanker.
type server struct {
	config  *config.Config // belongs to start, then to the part "configuration"
	options Options
	log     *slog.Logger
	started time.Time
	metrics *telemetry.Metrics
	series  *series.Store
	admin   *admin.Handler
	console *console.Console
	journal *journal.Journal
	live    *live.Feed
	gateway *gateway.Gateway
	keeper  *lease.Keeper // nil if no other process shares the journal
	node    string        // this process's name among those that do
	fleet   *fleet        // nil while there is none; belongs to start, then to the part "configuration", then to stop
	crew    *crew

	addresses  Addresses
	gatewayURL atomic.Pointer[string]        // of addresses, for those who come while the server starts
	draining   atomic.Bool                   // no more requests should come
	inUse      atomic.Pointer[config.Config] // config, for those who only look
	checks     keyChecks
}

// Run runs a Tanker until ctx ends or a part of it fails, whose error it returns. When it returns, everything
// has stopped: first the gateway's port was given up and its requests finished, then the deliveries with
// the calls under way, then the journal, and last the admin API.
func Run(ctx context.Context, c *config.Config, o Options) error {
	s := newServer(c, o)
	err := s.start(ctx)
	if err == nil {
		s.log.Info("accepting events", "url", s.addresses.Gateway, "admin", s.addresses.Admin)
		if o.Listening != nil {
			o.Listening(s.addresses)
		}
		err = s.crew.wait(ctx)
	}
	if ctx.Err() != nil {
		s.log.Info("stopping")
		err = nil // told to stop, perhaps while starting
	}
	return errors.Join(err, s.crew.stop())
}

var errStopping = errors.New("the server is stopping")

func newServer(c *config.Config, o Options) *server {
	log := o.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &server{
		config: c, options: o, log: log, started: time.Now().UTC(), crew: newCrew(),
		metrics: telemetry.New(o.Version.Version),
	}
	s.inUse.Store(c)
	return s
}

// start brings up one part after the other. Nothing is accepted before all that carries events is there.
func (s *server) start(ctx context.Context) error {
	steps := []func(context.Context) error{
		s.startAdmin, s.openJournal, s.startSocket, s.startSeries, s.startKeeper, s.startFleet, s.startTransformer, s.startGateway,
		s.startChanges,
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startAdmin opens the port for operators first, so that they see the rest come up.
func (s *server) startAdmin(context.Context) error {
	access, err := s.openAccess()
	if err != nil {
		return err
	}
	listener, err := listen("admin.listen", s.config.Admin.Listen)
	if err != nil {
		return err
	}
	s.addresses.Admin = address("http", listener)
	s.console = console.New(console.Options{Access: access, Version: s.options.Version.Version, Logger: s.log})
	s.admin = admin.NewHandler(admin.Options{
		Access: access, URL: s.addresses.Admin, Local: isLoopback(listener), Metrics: s.metrics.Handler(),
		Console: s.console, Logger: s.log,
	})
	web := s.adminServer(s.admin)
	web.RegisterOnShutdown(s.console.Close)
	s.crew.start("admin API", func(ctx context.Context) error {
		return serve(ctx, web, func() error { return web.Serve(listener) }, time.Second)
	})
	return nil
}

func (s *server) adminServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// openAccess takes the configured token, or the one whose hash the data directory keeps, or makes one.
func (s *server) openAccess() (*admin.Access, error) {
	if token := s.config.Admin.Token; !token.IsZero() {
		return admin.NewAccess(token), nil
	}
	if err := os.MkdirAll(s.config.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	access, made, err := admin.OpenAccess(admin.TokenPath(s.config.DataDir))
	if err == nil && !made.IsZero() && s.options.TokenMade != nil {
		s.options.TokenMade(made)
	}
	return access, err
}

// startSocket opens the socket for the command line on this machine. The journal is open by then, so no other server
// uses the directory.
func (s *server) startSocket(context.Context) error {
	if err := os.MkdirAll(s.config.DataDir, 0o700); err != nil { // a journal elsewhere does not make it
		return fmt.Errorf("data directory: %w", err)
	}
	listener, err := admin.ListenSocket(admin.SocketPath(s.config.DataDir))
	if err != nil {
		s.log.Warn("the command line on this machine needs the admin token: there is no socket for it", "error", err)
		return nil
	}
	web := s.adminServer(s.admin.Trusted())
	s.crew.start("admin socket", func(ctx context.Context) error {
		return serve(ctx, web, func() error { return web.Serve(listener) }, time.Second)
	})
	return nil
}

func (s *server) openJournal(ctx context.Context) error {
	o, err := JournalOptions(s.config)
	if err != nil {
		return err
	}
	o.Logger, o.Observer = s.log.With("part", "journal"), s.metrics
	s.series = series.New(o.Writer)
	j, err := journal.Open(ctx, o)
	if err != nil {
		return err
	}
	s.journal = j
	s.crew.onStop(j.Close)
	if servers, replicas := j.ConnectedTo(); servers != "" {
		s.log.Info("the journal is on a NATS cluster; see that its servers have sync_interval: always, which cannot be seen from here",
			"server", servers, "replicas", replicas, "node", o.Writer)
	}
	s.live = live.New(j, s.log.With("part", "live"))
	s.crew.onStop(s.live.Close)
	return nil
}

// startGateway opens the port that SDKs send to, last of all.
func (s *server) startGateway(context.Context) error {
	g := gateway.New(s.gatewayOptions())
	s.gateway = g
	if err := g.SetSources(gatewaySources(s.config.Sources)); err != nil {
		return err
	}
	web, scheme := g.Server(gateway.ServerOptions{}), "http"
	if t := s.config.TLS; t.Enabled() {
		certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		scheme, web.TLSConfig = "https", &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	listener, err := listen("listen", s.config.Listen)
	if err != nil {
		return err
	}
	run := func() error { return web.Serve(listener) }
	if web.TLSConfig != nil {
		run = func() error { return web.ServeTLS(listener, "", "") }
	}
	s.addresses.Gateway = address(scheme, listener)
	s.gatewayURL.Store(&s.addresses.Gateway)
	patience := s.config.StopTimeout / 2
	s.crew.start("gateway", func(ctx context.Context) error {
		return serve(ctx, web, run, patience)
	})
	s.admin.SetReady(s.journal.Health)
	s.crew.onStop(func() error {
		s.admin.SetReady(func() error { return errStopping })
		s.draining.Store(true)
		time.Sleep(s.config.Gateway.Drain) // requests are taken all the while
		return nil
	})
	return nil
}

func (s *server) gatewayOptions() gateway.Options {
	c := s.config.Gateway
	return gateway.Options{
		Journal: s.journal, Suppresses: erasure.NewGuard(s.journal.Suppression()).Suppresses, MaxBody: int(c.MaxBody),
		MaxMemory: int(c.MaxMemory), MaxInFlight: c.MaxRequests, Limits: eventLimits(c),
		Health: s.journal.Health, Ready: s.publicReadiness, Version: s.options.Version,
		Logger: s.log.With("part", "gateway"), Metrics: gatewayMetrics{s.metrics, s.series},
	}
}

// publicReadiness says why events cannot be accepted, without anything that is not for everybody to know.
func (s *server) publicReadiness() error {
	if s.draining.Load() {
		return errStopping
	}
	err := s.journal.Health()
	for _, class := range []error{journal.ErrFull, journal.ErrClosed, journal.ErrUnavailable} {
		if errors.Is(err, class) {
			return class
		}
	}
	return err
}

// serve runs an HTTP server until ctx ends; requests that have begun then have so much time to end.
func serve(ctx context.Context, web *http.Server, run func() error, patience time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if web.Shutdown(limit) != nil {
		web.Close() // a request that is cut off gets no answer, so that it will be sent again
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listen opens a port; setting is the path of what to change if it cannot be had.
func listen(setting, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// address is the URL of a listener. Where it listens on every interface, that is this machine's.
func address(scheme string, l net.Listener) string {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return scheme + "://" + l.Addr().String()
	}
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, tcp.Port)
}

func isLoopback(l net.Listener) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

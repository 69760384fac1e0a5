package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/server"
	"tanker/internal/telemetry"
	"tanker/refiner/refinertest"
)

const demoHelp = `Usage: tanker demo [--once]

Shows a Tanker at work, with nothing to set up: the server and a stand-in for Refiner run in this
process, a few users' events go through the HTTP API that SDKs call, and each is shown beside what
Refiner received for it. Then it keeps running, for you to send more. Nothing leaves this machine and
nothing is kept.`

// The keys of the demo. They open nothing else.
const (
	demoWriteKey = "demo-write-key"
	demoAPIKey   = "demo-refiner-api-key"
)

// demoPatience is how long an event of the story may take to arrive.
const demoPatience = 30 * time.Second

// runDemo shows a server at work.
func runDemo(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("demo")
	once := fs.Bool("once", false, "end after the story: exit code 0 if everything arrived, else 1")
	words, err := parseFlags(fs, demoHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("demo", words); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tanker-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(dir)
	d := newDemo(stdout)
	err = d.run(ctx, dir, stderr, func(ctx context.Context) error {
		if err := d.tell(ctx); err != nil || *once {
			return err
		}
		return d.follow(ctx)
	})
	if ctx.Err() != nil && !*once {
		return nil // it was asked to end
	}
	return err
}

// demo is a server with a stand-in for Refiner behind it.
type demo struct {
	out     io.Writer
	sandbox *refinertest.Sandbox
	refiner string // URL of the stand-in
	dir     string // of the server's data
	at      server.Addresses
	admin   *admin.Client
	seen    int64 // calls that have been shown
}

func newDemo(out io.Writer) *demo {
	return &demo{out: out, sandbox: refinertest.New(refinertest.Options{
		APIKeys: []string{demoAPIKey}, Limits: refinertest.RefinerLimits, MaxCalls: 1000,
	})}
}

// run starts everything, calls do, and stops everything.
func (d *demo) run(ctx context.Context, dir string, stderr io.Writer, do func(context.Context) error) error {
	listener, err := listenNear("127.0.0.1:8090")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.refiner, d.dir = "http://"+listener.Addr().String(), dir
	log, err := telemetry.NewLogger(stderr, "warn", "text")
	if err != nil {
		return err
	}
	token := config.NewSecret(rand.Text())
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	errs := make([]error, 3)
	listening := make(chan server.Addresses, 1)
	running.Go(func() { errs[0] = d.sandbox.Serve(ctx, listener) })
	running.Go(func() {
		defer stop()
		c, o := d.config(dir), server.Options{
			Version: gatewayVersion(), Logger: log, Listening: func(a server.Addresses) { listening <- a },
		}
		c.Admin.Token = token
		errs[1] = server.Run(ctx, c, o)
		if errors.Is(errs[1], syscall.EADDRINUSE) { // somebody took a free port before the server did
			c.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
			errs[1] = server.Run(ctx, c, o)
		}
	})
	select {
	case d.at = <-listening:
		d.admin = admin.NewClient(d.at.Admin, token)
		errs[2] = do(ctx)
	case <-ctx.Done():
	}
	stop()
	running.Wait()
	return errors.Join(errs...)
}

// config is a server with one source and one destination.
func (d *demo) config(dir string) *config.Config {
	c := config.Default()
	c.DataDir = dir
	c.Listen, c.Admin.Listen = freeAddress(c.Listen), freeAddress(c.Admin.Listen)
	c.Journal.MaxBytes, c.Journal.MinFree = 256<<20, 16<<20
	s, t := config.DefaultSource(), config.DefaultDestination()
	s.Name, s.WriteKey = "demo", config.NewSecret(demoWriteKey)
	t.Name, t.Endpoint, t.APIKey = "refiner", d.refiner, config.NewSecret(demoAPIKey)
	c.Sources, c.Destinations = []config.Source{s}, []config.Destination{t}
	return c
}

// listenNear listens at an address, or at another port if that one is taken.
func listenNear(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		return listener, nil
	}
	return net.Listen("tcp", "127.0.0.1:0")
}

// freeAddress is an address if it can be had, or else one with a port that the system chooses.
func freeAddress(address string) string {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	listener.Close()
	return address
}

// follow shows what arrives until ctx ends.
func (d *demo) follow(ctx context.Context) error {
	link, err := d.admin.LoginLink(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, demoInvitation, demoWriteKey, d.at.Gateway, d.refiner, link.URL, d.dir)
	for d.sandbox.WaitCalls(ctx, d.seen+1) == nil {
		for _, call := range d.unseen() {
			fmt.Fprintf(d.out, "%s  ", call.At.Format(time.TimeOnly))
			printWrapped(d.out, "          ", call.Method+" "+call.Path+" "+string(call.Body))
		}
	}
	return nil
}

const demoInvitation = `
It keeps running until Ctrl-C. Send something yourself:

  curl -u %[1]s: %[2]s/v1/track -d '{"userId":"you","event":"Said Hello"}'

or with RudderStack's SDK, in a page or in Node.js:

  rudderanalytics.load("%[1]s", "%[2]s", { configUrl: "%[2]s" });
  const analytics = new RudderAnalytics("%[1]s", { dataPlaneUrl: "%[2]s" });

The console, opened once within two minutes: %[4]s
Another such link:  tanker console --data-dir %[5]s
What Refiner would have stored: %[3]s/_sandbox/contacts

What arrives at Refiner from here on:
`

// unseen are the calls that came in since it was last asked.
func (d *demo) unseen() []refinertest.Call {
	var calls []refinertest.Call
	for _, call := range d.sandbox.Calls() {
		if call.Seq > d.seen {
			calls = append(calls, call)
		}
	}
	if len(calls) > 0 {
		d.seen = calls[len(calls)-1].Seq
	}
	return calls
}

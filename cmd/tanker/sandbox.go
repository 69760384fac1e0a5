package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"tanker/refiner/refinertest"
)

const sandboxHelp = `Usage: tanker sandbox [FLAGS]

Runs a stand-in for Refiner's API, to develop and test against. It stores contacts and accounts,
counts events, keeps both of Refiner's rate limits, refuses keys the way Refiner does, and records
every call. Nothing is kept when it ends.

  tanker sandbox
  curl http://127.0.0.1:8090/v1/identify-user -H 'Authorization: Bearer sandbox-key-0123456789' \
    -H 'Content-Type: application/json' -d '{"id":"u1","email":"alex@example.com","plan":"pro"}'
  curl http://127.0.0.1:8090/_sandbox/contacts          what it has stored
  curl http://127.0.0.1:8090/_sandbox/calls?after=0     the calls, a line of JSON each

Let it answer 503 to two calls of one user, then set its limits, then refuse every other key:

  curl -X PUT http://127.0.0.1:8090/_sandbox/faults -d '[{"user":"u1","times":2,"status":503}]'
  curl -X PUT http://127.0.0.1:8090/_sandbox/limits -d '{"key_per_minute":600,"user_per_minute":0}'
  curl -X PUT http://127.0.0.1:8090/_sandbox/keys -d '{"keys":["the-only-good-key"]}'

A fault may have the conditions path, user, times and for ("10s"), and the effects status, headers,
body, delay ("2s"), drop and apply; [] ends them all. Tanker delivers here when its endpoint for
Refiner (REFINER_ENDPOINT) is the address above.`

// runSandbox serves a stand-in for Refiner until ctx ends.
func runSandbox(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("sandbox")
	actual := refinertest.RefinerLimits
	listen := fs.String("listen", "127.0.0.1:8090", "`ADDRESS` to listen on; port 0 picks a free one")
	key := fs.String("api-key", "", "the only `KEY` that is accepted; without it every key of 16 characters or more is")
	perKey := fs.Int("key-per-minute", actual.KeyPerMinute, "at most `N` calls a minute for a key; 0 is no limit")
	perUser := fs.Int("user-per-minute", actual.UserPerMinute, "at most `N` calls a minute for a user; 0 is no limit")
	maxCalls := fs.Int("max-calls", 0, "keep the latest `N` calls for /_sandbox/calls (default 1000000); -1 keeps none")
	countOnly := fs.Bool("count-only", false, "only count calls and answer at once, for measuring what calls it")
	words, err := parseFlags(fs, sandboxHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("sandbox", words); err != nil {
		return err
	}
	if *perKey < 0 || *perUser < 0 {
		return usagef("sandbox", "sandbox: a limit must not be negative; 0 is no limit")
	}
	o := refinertest.Options{
		Limits:    refinertest.Limits{KeyPerMinute: *perKey, UserPerMinute: *perUser},
		MaxCalls:  *maxCalls,
		CountOnly: *countOnly,
	}
	if *key != "" {
		o.APIKeys = []string{*key}
	}
	return serveSandbox(ctx, *listen, o, stdout)
}

func serveSandbox(ctx context.Context, address string, o refinertest.Options, stdout io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return withHint(fmt.Errorf("sandbox: %w", err), "choose another address: tanker sandbox --listen 127.0.0.1:0")
	}
	fmt.Fprintf(stdout, "Refiner's stand-in listens on http://%s\n", listener.Addr())
	fmt.Fprintf(stdout, "calls: http://%s/_sandbox/calls?after=0\n", listener.Addr())
	return refinertest.New(o).Serve(ctx, listener)
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"

	"tanker/internal/telemetry"
	"tanker/internal/transformer"
	"tanker/mapping"
)

const transformerHelp = `Usage: tanker transformer [FLAGS]

Takes the place of RudderStack's transformer for the destination type refiner: rudder-server sends events
here and gets requests to Refiner back, which it delivers itself. Nothing is kept.

  tanker transformer
  DEST_TRANSFORM_URL=http://127.0.0.1:9090 rudder-server

With the profile upstream rudder-server sees no change. With documented, contacts get the id that Refiner
knows them by, and the fields of a form are texts: rudder-server's own delivery garbles numbers, lists
and nested values. See docs/transformer.md.

Where a workspace has other destinations too, RudderStack's own transformer keeps doing those:

  tanker transformer --upstream-transformer http://127.0.0.1:9091`

// runTransformer serves the transformer's API until ctx ends.
func runTransformer(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("transformer")
	listen := fs.String("listen", "127.0.0.1:9090", "`ADDRESS` to listen on; port 0 picks a free one")
	profile := fs.String("profile", string(mapping.Upstream), "`WHOSE` rules events are mapped by: upstream or documented")
	endpoint := fs.String("endpoint", "https://api.refiner.io", "`URL` of Refiner's API; deliveries go nowhere else")
	upstream := fs.String("upstream-transformer", "", "`URL` of the transformer that gets everything else, such as other destinations (default none: 404)")
	level := fs.String("log-level", "info", "`LEVEL` of the log: debug, info, warn or error")
	words, err := parseFlags(fs, transformerHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("transformer", words); err != nil {
		return err
	}
	log, err := telemetry.NewLogger(stderr, *level, "text")
	if err != nil {
		return usagef("transformer", "transformer: %v", err)
	}
	h, err := newTransformer(transformerFlags{*profile, *endpoint, *upstream}, log)
	if err != nil {
		return usagef("transformer", "transformer: %v", err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return withHint(fmt.Errorf("transformer: %w", err), "choose another address: tanker transformer --listen 127.0.0.1:0")
	}
	fmt.Fprintf(stdout, "the transformer listens on http://%s\n", listener.Addr())
	return h.Serve(ctx, listener)
}

// transformerFlags are the flags that say what the transformer does.
type transformerFlags struct{ profile, endpoint, upstream string }

func newTransformer(f transformerFlags, log *slog.Logger) (*transformer.Handler, error) {
	b := thisBuild()
	o := transformer.Options{Profile: mapping.Profile(f.profile), Endpoint: f.endpoint, Version: b.Version, Commit: b.Commit, Logger: log}
	if _, err := httpURL(f.endpoint); err != nil {
		return nil, fmt.Errorf("--endpoint: %w", err)
	}
	if f.upstream != "" {
		u, err := httpURL(f.upstream)
		if err != nil {
			return nil, fmt.Errorf("--upstream-transformer: %w", err)
		}
		o.Upstream = u
	}
	return transformer.New(o)
}

// httpURL reads the address of a service.
func httpURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is no address of a service: write it like http://127.0.0.1:9090", text)
	}
	return u, nil
}

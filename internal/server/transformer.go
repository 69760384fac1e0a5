package server

import (
	"context"
	"fmt"
	"net/url"

	"tanker/internal/transformer"
	"tanker/mapping"
)

// startTransformer opens the port for rudder-server, if there is to be one.
func (s *server) startTransformer(context.Context) error {
	c := s.config.Transformer
	if !c.Enabled {
		return nil
	}
	o := transformer.Options{
		Profile: mapping.Profile(c.Profile), Endpoint: c.Endpoint, MaxMemory: int(c.MaxMemory),
		Version: s.options.Version.Version, Commit: s.options.Version.Commit, Logger: s.log.With("part", "transformer"),
	}
	if c.UpstreamTransformer != "" {
		u, err := url.Parse(c.UpstreamTransformer)
		if err != nil {
			return fmt.Errorf("transformer.upstream_transformer: %w", err)
		}
		o.Upstream = u
	}
	h, err := transformer.New(o)
	if err != nil {
		return fmt.Errorf("transformer: %w", err)
	}
	listener, err := listen("transformer.listen", c.Listen)
	if err != nil {
		return err
	}
	s.addresses.Transformer = address("http", listener)
	s.log.Info("taking the place of RudderStack's transformer", "url", s.addresses.Transformer)
	s.crew.start("transformer", func(ctx context.Context) error { return h.Serve(ctx, listener) })
	return nil
}

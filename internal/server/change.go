package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"tanker/internal/config"
)

// startChanges takes up other configurations while the server runs.
func (s *server) startChanges(context.Context) error {
	if s.options.Changes == nil {
		return nil
	}
	s.crew.start("configuration", func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case c := <-s.options.Changes:
				if err := s.change(ctx, c); err != nil {
					return err
				}
			}
		}
	})
	return nil
}

// change puts a configuration in the place of the one before. Events are accepted all the while. An error is the
// server's end; of a configuration that cannot be used the log tells.
func (s *server) change(ctx context.Context, c *config.Config) error {
	if later := restartSettings(s.config, c); len(later) > 0 {
		s.log.Warn("these settings have changed and take effect with the next start", "settings", strings.Join(later, ", "))
	}
	next := *s.config
	next.Sources, next.Destinations, next.Workspace = c.Sources, c.Destinations, c.Workspace
	fits := s.fleet.fits(&next)
	if fits && reflect.DeepEqual(s.config.Sources, next.Sources) {
		s.log.Info("the configuration was read again: sources and destinations are what they were")
		return nil
	}
	if err := s.rehearse(&next); err != nil {
		s.log.Error("the new configuration cannot be used, the one before stays", "error", err)
		return nil
	}
	if !fits {
		changed, err := s.replaceFleet(ctx, &next)
		if err != nil || !changed {
			return err
		}
	}
	if err := s.gateway.SetSources(gatewaySources(next.Sources)); err != nil {
		s.log.Error("the new sources cannot be used, the ones before stay", "error", err)
		return nil
	}
	s.config = &next
	s.inUse.Store(&next)
	s.log.Info("the new configuration is in use", "sources", len(next.Sources), "destinations", len(next.Destinations))
	return nil
}

// rehearse makes what can be made of a configuration while another is in use.
func (s *server) rehearse(c *config.Config) error {
	for _, d := range c.Destinations {
		_, _, stop, err := newMapper(d, s.log)
		if err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		_ = stop() // it has shown that it starts
		client, err := NewClient(d, s.options.Version.Version)
		if err != nil {
			return fmt.Errorf("destination %s: %w", d.Name, err)
		}
		client.Close()
	}
	return nil
}

// replaceFleet stops the deliveries and starts them anew with another configuration. Their cursors keep their places. If
// that does not succeed, the configuration before comes back; it is an error if that does not succeed either.
func (s *server) replaceFleet(ctx context.Context, c *config.Config) (changed bool, err error) {
	before := s.fleet
	s.fleet = nil
	if err := before.stop(); err != nil {
		s.log.Error("deliveries have not stopped as they should", "error", err)
	}
	if s.fleet, err = s.newFleet(ctx, c); err == nil {
		return true, nil
	}
	var failed error
	if s.fleet, failed = s.newFleet(ctx, before.config); failed == nil {
		s.log.Error("the new configuration cannot be used, the one before is back", "error", err)
		return false, nil
	}
	if ctx.Err() != nil {
		return false, nil // the server is stopping
	}
	return false, errors.Join(err, fmt.Errorf("and the configuration before neither: %w", failed))
}

// restartSettings are the settings that differ and that a running server does not take up.
func restartSettings(before, after *config.Config) []string {
	var names []string
	a, b := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for i := range a.NumField() {
		name := a.Type().Field(i).Tag.Get("yaml")
		switch name {
		case "-", "sources", "destinations", "workspace":
			continue
		}
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, name)
		}
	}
	return names
}

// sameDestination reports whether two configurations of a destination come to the same.
func sameDestination(a, b config.Destination) bool {
	a.Title, b.Title = "", ""
	return reflect.DeepEqual(a, b)
}

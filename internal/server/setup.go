package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tanker/internal/config"
	"tanker/internal/console"
	"tanker/internal/journal"
)

// Settings are the settings of the process, as it runs.
func (b *backend) Settings() []config.Setting { return b.inUse.Load().Settings() }

// GatewayAddress is where SDKs send to, as seen from this machine; "" while nothing is accepted yet.
func (b *backend) GatewayAddress() string {
	if at := b.gatewayURL.Load(); at != nil {
		return *at
	}
	return ""
}

// Destinations are the destinations as they are set up.
func (b *backend) Destinations() []console.DestinationSetup {
	c := b.inUse.Load()
	list := make([]console.DestinationSetup, len(b.lines))
	for i, l := range b.lines {
		_, warnings, err := NewMapper(l.config)
		if err != nil {
			warnings = []string{err.Error()} // which the start would have refused
		}
		list[i] = console.DestinationSetup{
			Name: l.config.Name, Title: l.config.Title, KeyPlace: c.APIKeyPlace(l.config),
			Sources: sourcesOf(c, l.config.Name), Settings: l.config.Settings(), Warnings: warnings,
		}
	}
	return list
}

// Sources are the sources as they are set up.
func (b *backend) Sources() []console.SourceSetup {
	c := b.inUse.Load()
	list := make([]console.SourceSetup, len(c.Sources))
	for i, s := range c.Sources {
		list[i] = console.SourceSetup{
			Name: s.Name, Title: s.Title, Enabled: s.Enabled, KeyPlace: c.KeyPlace(s), Destinations: destinationsOf(c, s),
		}
	}
	return list
}

// WriteKey is the write key of a source. Error: journal.ErrNotFound.
func (b *backend) WriteKey(source string) (config.Secret, error) {
	for _, s := range b.inUse.Load().Sources {
		if s.Name == source {
			return s.WriteKey, nil
		}
	}
	return config.Secret{}, fmt.Errorf("source %q: %w", source, journal.ErrNotFound)
}

// SourceEnd says how many events a source has sent.
func (b *backend) SourceEnd(ctx context.Context, source string) (journal.SourceEnd, error) {
	return b.journal.SourceEnd(ctx, source)
}

// CheckKey asks Refiner about a destination's key. Errors: journal.ErrNotFound, console.ErrTooSoon.
func (b *backend) CheckKey(ctx context.Context, destination string) (console.KeyCheck, error) {
	l, err := b.line(destination)
	if err != nil {
		return console.KeyCheck{}, err
	}
	if !b.checks.begin(destination, time.Now()) {
		return console.KeyCheck{}, console.ErrTooSoon
	}
	check := console.KeyCheck{At: time.Now().UTC()}
	check.Project, err = CheckKey(ctx, l.config, b.options.Version.Version)
	if unusable, ok := errors.AsType[*UnusableKeyError](err); ok {
		check.Message, check.Hint = unusable.Message, unusable.Hint
	} else if err != nil {
		check.Message = err.Error()
	}
	check.OK = err == nil
	return check, nil
}

// checkEvery is how often Refiner is asked about a key at the most: each question is one of the key's calls.
const checkEvery = 5 * time.Second

// keyChecks remembers when keys were checked.
type keyChecks struct {
	mu     sync.Mutex
	latest map[string]time.Time // by destination
}

// begin reports whether a key may be checked now, and if so, notes it.
func (k *keyChecks) begin(destination string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.latest[destination]) < checkEvery {
		return false
	}
	if k.latest == nil {
		k.latest = map[string]time.Time{}
	}
	k.latest[destination] = now
	return true
}

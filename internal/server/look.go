package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/internal/live"
	"tanker/mapping"
	"tanker/refiner"
)

// Watch shows what happens now, until ctx ends.
func (b *backend) Watch(ctx context.Context, f live.Filter, emit func(live.Frame) error) error {
	return b.live.Watch(ctx, f, emit)
}

// Latest is what has just happened.
func (b *backend) Latest(ctx context.Context, f live.Filter) (live.Frame, error) {
	return b.live.Latest(ctx, f)
}

// SourceNames are the names of the sources that are configured.
func (b *backend) SourceNames() []string {
	names := make([]string, len(b.config.Sources))
	for i, s := range b.config.Sources {
		names[i] = s.Name
	}
	return names
}

// DestinationNames are the names of the destinations that are configured.
func (b *backend) DestinationNames() []string {
	names := make([]string, len(b.lines))
	for i, l := range b.lines {
		names[i] = l.config.Name
	}
	return names
}

// Inspect finds out all that is known of one event.
func (b *backend) Inspect(ctx context.Context, at journal.Position, o history.InspectOptions) (history.Inspected, error) {
	return history.Inspect(ctx, b.journal, b.destinations(), at, o)
}

// Find looks for events from the end of the log backwards.
func (b *backend) Find(ctx context.Context, o history.FindOptions) (history.Found, error) {
	return history.Find(ctx, b.journal, b.destinations(), o)
}

// List lists the events of a destination that fared alike.
func (b *backend) List(ctx context.Context, o history.ListOptions) (history.Page, error) {
	if _, err := b.line(o.Destination); err != nil {
		return history.Page{}, err
	}
	return history.List(ctx, b.journal, o)
}

// destinations are the destinations as the history asks them.
func (b *backend) destinations() []history.Destination {
	destinations := make([]history.Destination, len(b.lines))
	for i, l := range b.lines {
		d := history.Destination{Name: l.config.Name, Mapper: l.mapper, State: func() string { return b.trouble(l) }, Waiting: l.waiting}
		if l.config.Merge {
			d.Merge = mapping.Merge
		}
		destinations[i] = d
	}
	return destinations
}

// queueTimeout bounds how long a worker is waited for that is busy with something else.
const queueTimeout = time.Second

// waiting says how a user's events stand in the destination's queue.
func (l *line) waiting(ctx context.Context, user string, at journal.Position) (history.Waiting, bool) {
	worker := l.worker()
	if worker == nil {
		return history.Waiting{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, queueTimeout)
	defer cancel()
	q, known := worker.Queue(ctx, user, at)
	return history.Waiting{
		User: user, InMemory: q.InMemory, Parked: q.Parked, First: q.First, Calling: q.Calling,
		Until: q.Until, Limited: q.Limited, Ahead: q.Ahead, Held: q.Held, Attempts: q.Attempts,
	}, known
}

// Waiting says how a user's events stand in a destination's queue. It says false if that is not known.
func (b *backend) Waiting(ctx context.Context, destination, user string) (history.Waiting, bool) {
	l, err := b.line(destination)
	if err != nil {
		return history.Waiting{}, false
	}
	return l.waiting(ctx, user, 0)
}

// Resend sends an event again to a destination, if the mapping makes a call of it. If it is dead its letter goes.
func (b *backend) Resend(ctx context.Context, destination string, at journal.Position) error {
	l, err := b.line(destination)
	if err != nil {
		return err
	}
	err = b.ReplayDead(ctx, destination, at, nil)
	if !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	return b.journal.Resend(ctx, destination, at, func(entry *journal.Entry) error {
		if mapped := history.Map(l.mapper, entry); !mapped.Callable() {
			return fmt.Errorf("%w: it would be %s: %s: %s", history.ErrEvent, mapped.Kind, mapped.Reason, mapped.Message)
		}
		return nil
	})
}

// contactTimeout bounds a question to Refiner about a contact.
const contactTimeout = 15 * time.Second

// Contact asks Refiner for a contact by the id, or by the email if the name looks like one and there is no such id. Errors
// are those of refiner.Client.
func (b *backend) Contact(ctx context.Context, destination, user string) (refiner.ContactRecord, error) {
	l, err := b.line(destination)
	if err != nil {
		return refiner.ContactRecord{}, err
	}
	client, err := NewClient(l.config, b.options.Version.Version)
	if err != nil {
		return refiner.ContactRecord{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, contactTimeout)
	defer cancel()
	contact, err := client.Contact(ctx, refiner.User{ID: user})
	if refused, ok := errors.AsType[*refiner.Error](err); ok && refused.Class == refiner.ClassEvent && strings.Contains(user, "@") {
		byEmail, err := client.Contact(ctx, refiner.User{Email: user})
		return byEmail, err
	}
	return contact, err
}

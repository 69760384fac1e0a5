package server

import (
	"context"
	"fmt"
	"time"

	"tanker/internal/dead"
	"tanker/internal/history"
	"tanker/internal/journal"
)

// DeadLetters lists dead letters.
func (b *backend) DeadLetters(ctx context.Context, f dead.Filter) (journal.DeadPage, error) {
	return dead.List(ctx, b.journal, f)
}

// GroupDead says what dead letters died of.
func (b *backend) GroupDead(ctx context.Context, f dead.Filter, progress func(dead.Groups) error) (dead.Groups, error) {
	return dead.Count(ctx, b.journal, f, progress)
}

// TreatDead sends many dead letters again, or discards them.
func (b *backend) TreatDead(ctx context.Context, op dead.Operation, o dead.Observer) (dead.Result, error) {
	return dead.Run(ctx, b.journal, b, op, o)
}

// DeadLetter reads a dead letter.
func (b *backend) DeadLetter(ctx context.Context, destination string, at journal.Position) (journal.DeadLetter, error) {
	return b.journal.DeadLetter(ctx, destination, at)
}

// reasonNoDestination is why a letter stays whose destination is gone from the configuration.
const reasonNoDestination = "no_destination"

func noDestination(name string) string {
	return fmt.Sprintf("the destination %s is not in the configuration any more", name)
}

// PreviewDead says what would be sent if a dead letter were sent again.
func (b *backend) PreviewDead(ctx context.Context, destination string, at journal.Position, corrected []byte) (history.Mapped, error) {
	letter, err := b.journal.DeadLetter(ctx, destination, at)
	if err != nil {
		return history.Mapped{}, err
	}
	l, err := b.line(destination)
	if err != nil {
		return history.Mapped{
			Type: letter.Type, User: letter.User, Kind: journal.Dead, Reason: reasonNoDestination,
			Message: noDestination(destination),
		}, nil
	}
	entry := letter.Entry()
	if len(corrected) > 0 {
		if err := history.Edit(&entry, corrected); err != nil {
			return history.Mapped{}, err
		}
	}
	return history.Map(l.mapper, &entry), nil
}

// ReplayDead sends a dead letter again, if the mapping makes a call of it: as a rejected event it would be lost.
func (b *backend) ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error {
	l, unknown := b.line(destination)
	return b.journal.ReplayDead(ctx, destination, at, func(entry *journal.Entry) error {
		if unknown != nil {
			return fmt.Errorf("%w: %s", history.ErrEvent, noDestination(destination))
		}
		if len(corrected) > 0 {
			if err := history.Edit(entry, corrected); err != nil {
				return err
			}
		}
		if mapped := history.Map(l.mapper, entry); !mapped.Callable() {
			return fmt.Errorf("%w: it would be %s: %s: %s", history.ErrEvent, mapped.Kind, mapped.Reason, mapped.Message)
		}
		return nil
	})
}

// DiscardDead deletes a dead letter.
func (b *backend) DiscardDead(ctx context.Context, destination string, at journal.Position) error {
	return b.journal.DiscardDead(ctx, destination, at)
}

// DeadGroups says what dead letters died of, as far as that is counted when patience ends.
func (b *backend) DeadGroups(ctx context.Context, f dead.Filter, patience time.Duration) (dead.Groups, error) {
	return b.census.Groups(ctx, f, patience)
}

// DeadJobs treat many dead letters in the background.
func (b *backend) DeadJobs() *dead.Jobs { return b.jobs }

// DeadExtent says how much room dead letters take, and may take.
func (b *backend) DeadExtent(ctx context.Context) (journal.DeadExtent, error) {
	return b.journal.DeadExtent(ctx)
}

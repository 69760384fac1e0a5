package journal

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// SourceEnd is how many events a source has sent, and which was the last one.
type SourceEnd struct {
	Events uint64 // ever accepted
	Last   *Entry // nil if there is none, or the log does not hold it any more
}

// SourceEnd says how many events a source has sent, through whatever process. Errors: ErrUnavailable, ErrCorrupt.
func (j *Journal) SourceEnd(ctx context.Context, source string) (SourceEnd, error) {
	subjects, err := j.writtenBy(ctx, subjectEvents+source+".")
	if err != nil {
		return SourceEnd{}, err
	}
	var end SourceEnd
	var latest *loggedPack
	for subject, count := range subjects {
		p, _, err := j.lastLogged(ctx, subject)
		if err != nil {
			return SourceEnd{}, err
		}
		if p != nil {
			n, err := packCount(p.data)
			if err != nil {
				return SourceEnd{}, fmt.Errorf("last pack of %s at %d: %w", subject, p.seq, err)
			}
			count = max(count, n)
			if latest == nil || p.seq > latest.seq {
				latest = p
			}
		}
		end.Events += count
	}
	if latest == nil {
		return end, nil
	}
	p, err := decodePack(latest.data)
	if err != nil {
		return end, fmt.Errorf("event pack %d: %w", latest.seq, err)
	}
	last := p.entries[len(p.entries)-1]
	last.Position = At(latest.seq, len(p.entries)-1)
	end.Last = &last
	return end, nil
}

// writtenBy are the subjects with a prefix, whoever writes to them, and how many events this process knows of that each
// has held.
func (j *Journal) writtenBy(ctx context.Context, prefix string) (map[string]uint64, error) {
	info, err := j.events.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return nil, fmt.Errorf("read journal: %w: %w", ErrUnavailable, err)
	}
	subjects := map[string]uint64{}
	for subject := range info.State.Subjects {
		subjects[subject] = 0
	}
	for _, subject := range j.subjectsOf(prefix) {
		subjects[subject] = j.storedOf(subject)
	}
	return subjects, nil
}

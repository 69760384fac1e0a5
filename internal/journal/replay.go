package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// replay accepts events anew for one destination, in order, behind everything accepted so far. writer is the last word
// of the subject. Errors are those of Append.
func (j *Journal) replay(ctx context.Context, destination, writer string, entries []Entry) error {
	if err := checkEntries(entries); err != nil {
		return err
	}
	if err := j.refusal(); err != nil {
		return err
	}
	w, err := j.writerFor(subjectReplay + destination + "." + writer)
	if err != nil {
		return err
	}
	return w.append(ctx, entries)
}

// A replay from the log writes to a subject of its own. What is stored there says how far it came, whatever was written
// down about it elsewhere: so a replay that is interrupted, by a crash too, goes on with the very next event.

// Replay accepts events anew for one destination, in order, behind everything accepted so far, on behalf of a job. Each
// says in ReplayOf what it repeats, and these ascend. After an error some of them may be stored: Replayed tells.
// Errors are those of Append, and ErrFenced when another process goes on with the job: Replayed takes it back.
func (j *Journal) Replay(ctx context.Context, destination, job string, entries []Entry) error {
	if !ValidName(destination) || !ValidName(job) {
		return fmt.Errorf("replay %q for %q: %w", job, destination, ErrNotFound)
	}
	for len(entries) > 0 { // a pack is of one source
		n := 1
		for n < len(entries) && entries[n].Source == entries[0].Source {
			n++
		}
		if err := j.replay(ctx, destination, job, slices.Clone(entries[:n])); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// Replayed says how many events a job has stored, and which one was the last: the zero Position if there is none, or
// if the janitor has deleted it.
func (j *Journal) Replayed(ctx context.Context, destination, job string) (n uint64, last Position, err error) {
	subject := subjectReplay + destination + "." + job
	j.takeOver(subject)
	stored, _, err := j.lastLogged(ctx, subject)
	if err != nil {
		return 0, 0, err
	}
	if stored == nil {
		n, err := j.storedBefore(ctx, subject)
		return n, 0, err
	}
	p, err := decodePack(stored.data)
	if err != nil {
		return 0, 0, fmt.Errorf("event pack %d: %w", stored.seq, err)
	}
	if len(p.entries) == 0 { // what was stored is lost
		return p.ordinal, 0, nil
	}
	return p.ordinal + uint64(len(p.entries)), p.entries[len(p.entries)-1].ReplayOf, nil
}

// takeOver lets this process go on where another wrote to a subject.
func (j *Journal) takeOver(subject string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w := j.writers[subject]; w != nil && w.shared != nil {
		w.anew.Store(true)
	}
}

// SaveReplay writes down what is known of a job.
func (j *Journal) SaveReplay(ctx context.Context, job string, data []byte) error {
	j.replaying.Lock()
	defer j.replaying.Unlock()
	if _, err := j.replays.Put(ctx, job, data); err != nil {
		return writeError("save replay "+job, err)
	}
	return nil
}

// CreateReplay writes down what is known of a new job. Error: ErrExists if there is one by that name.
func (j *Journal) CreateReplay(ctx context.Context, job string, data []byte) error {
	_, err := j.replays.Create(ctx, job, data)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("replay %s: %w", job, ErrExists)
	}
	if err != nil {
		return writeError("create replay "+job, err)
	}
	return nil
}

// WatchReplays tells of all that is saved of jobs, and of every change, by whatever process, until ctx ends. data is nil
// when a job was forgotten.
func (j *Journal) WatchReplays(ctx context.Context, tell func(job string, data []byte)) error {
	return j.followBucket(ctx, j.replays, func(e jetstream.KeyValueEntry) {
		if e.Operation() != jetstream.KeyValuePut {
			tell(e.Key(), nil)
			return
		}
		tell(e.Key(), e.Value())
	})
}

// DeleteReplay forgets what is known of a job.
func (j *Journal) DeleteReplay(ctx context.Context, job string) error {
	j.replaying.Lock()
	defer j.replaying.Unlock()
	if err := j.replays.Purge(ctx, job); err != nil {
		return writeError("delete replay "+job, err)
	}
	return nil
}

// SavedReplays reads what is known of all jobs.
func (j *Journal) SavedReplays(ctx context.Context) (map[string][]byte, error) {
	saved := map[string][]byte{}
	err := j.eachKey(ctx, j.replays, func(job string, data []byte) error {
		saved[job] = data
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read replays: %w", err)
	}
	return saved, nil
}

// Extent is the sequences of the first and the last pack in the log.
func (j *Journal) Extent(ctx context.Context) (first, last uint64, err error) {
	return j.extent(ctx)
}

// PendingReplays is how many replayed events of a destination are not finished.
func (c *Cursor) PendingReplays() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.place.Connections[replays]
	if conn == nil {
		return 0
	}
	done := conn.Base + conn.Finished
	return max(c.journal.countStored(c.prefix(replays)), done) - done
}

// Resend accepts a stored event anew for one destination, behind everything accepted so far. change may alter it before, or
// refuse with an error, which is returned as it is; it may be nil. Errors: ErrNotFound if the event is deleted, and those of
// Append.
func (j *Journal) Resend(ctx context.Context, destination string, pos Position, change func(*Entry) error) error {
	if !ValidName(destination) {
		return fmt.Errorf("destination %q: %w", destination, ErrNotFound)
	}
	pack, err := j.Pack(ctx, pos.Seq())
	if err != nil {
		return err
	}
	if pos.Index() >= len(pack.Entries) {
		return fmt.Errorf("event %s: %w", pos, ErrNotFound)
	}
	entry := pack.Entries[pos.Index()]
	entry.Position, entry.ReplayOf = 0, pos
	if change != nil {
		if err := change(&entry); err != nil {
			return err
		}
	}
	if err := j.replay(ctx, destination, j.opts.Writer, []Entry{entry}); err != nil {
		return fmt.Errorf("send %s again: %w", pos, err)
	}
	return nil
}

package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// packTarget and packEvents are where a pack is full. A single event may be larger than packTarget.
	packTarget = 1 << 20
	packEvents = 4096
	// maxEntryBytes is the largest event a pack has room for.
	maxEntryBytes = maxPayload - packTarget - 64<<10
	// maxQueued bounds the bytes that wait for a source's writer; more is refused.
	maxQueued = 256 << 20
	// writeTimeout is how long one write may take. JetStream answers nothing at all when its disk is full.
	writeTimeout = 10 * time.Second
)

// Append stores events, all of one source, and returns nil once they are on disk. Their order is kept, and events
// whose Append began after another's returned come after its events. An event whose source and message id
// were stored within the last minutes is not stored again and counts as stored.
//
// The entries, their bodies included, are not used after Append has returned. Errors: ErrFull, ErrUnavailable,
// ErrClosed, or the context's; after any of them some of the events may be stored nevertheless.
func (j *Journal) Append(ctx context.Context, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := checkEntries(entries); err != nil {
		return err
	}
	if err := j.refusal(); err != nil {
		return err
	}
	w, err := j.writerFor(subjectEvents + entries[0].Source + "." + j.opts.Writer)
	if err != nil {
		return err
	}
	return w.append(ctx, entries)
}

// refusal says why nothing can be stored now, before it is tried.
func (j *Journal) refusal() error {
	switch {
	case j.full.Load():
		return j.errReserve()
	case j.cluster != nil:
		return j.cluster.refusal()
	}
	return nil
}

func checkEntries(entries []Entry) error {
	source := entries[0].Source
	if !ValidName(source) {
		return fmt.Errorf("append: %q cannot be the name of a source", source)
	}
	for i := range entries {
		if e := &entries[i]; e.Source != source || e.MessageID == "" || len(e.Body) == 0 {
			return fmt.Errorf("append: event %d lacks a message id or a body, or is of another source", i)
		}
		if n := entries[i].size(); n > maxEntryBytes {
			return fmt.Errorf("append: event %d of %d bytes is larger than %d", i, n, maxEntryBytes)
		}
	}
	return nil
}

// writerFor returns the writer of a subject and starts it when there is none.
func (j *Journal) writerFor(subject string) (*writer, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	w := j.writers[subject]
	if w == nil {
		w = &writer{
			journal: j, subject: subject, next: j.stored[subject].events,
			wake: make(chan struct{}, 1), recent: j.rememberedIDs(subject),
			inPack: map[idHash]struct{}{},
		}
		if j.cluster != nil {
			w.shared, w.unsure = j.cluster.subject(subject), true
		}
		j.writers[subject] = w
		j.wg.Go(w.run)
	}
	return w, nil
}

// appending is one call of Append that waits.
type appending struct {
	rest []Entry // what is not in a pack yet
	done chan error
}

// commit makes packs of what waits until nothing does.
func (w *writer) commit() {
	for {
		calls, entries := w.take()
		if len(calls) == 0 {
			return
		}
		w.finish(calls, w.write(entries))
	}
}

// take moves waiting events, in order, into a pack. A call too large for one pack gives a part of its events.
func (w *writer) take() (calls []*appending, entries []Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	entries, bytes := w.entries[:0], 0
	for _, call := range w.queue {
		n := 0
		for n < len(call.rest) && bytes < packTarget && len(entries)+n < packEvents {
			bytes += call.rest[n].size()
			n++
		}
		if n == 0 {
			break
		}
		entries = append(entries, call.rest[:n]...)
		call.rest = call.rest[n:]
		calls = append(calls, call)
	}
	w.entries = entries
	w.queued -= bytes
	return calls, entries
}

// finish tells the calls whose events were all written, or failed, how it went.
func (w *writer) finish(calls []*appending, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, call := range calls {
		if err != nil {
			for i := range call.rest {
				w.queued -= call.rest[i].size()
			}
			call.rest = nil
		}
		if len(call.rest) == 0 {
			call.done <- err
		}
	}
	w.queue = slices.DeleteFunc(w.queue, func(c *appending) bool { return len(c.rest) == 0 })
	clear(w.entries) // the bodies belong to the callers again
}

// append queues entries and waits until they are written.
func (w *writer) append(ctx context.Context, entries []Entry) error {
	call := &appending{rest: entries, done: make(chan error, 1)}
	if err := w.enqueue(call); err != nil {
		return err
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-call.done:
		return err
	case <-ctx.Done():
	}
	if w.withdraw(call, len(entries)) {
		return ctx.Err()
	}
	// A pack with these entries is being written: they are not the caller's yet.
	return errors.Join(ctx.Err(), <-call.done)
}

func (w *writer) enqueue(call *appending) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	if w.queued > maxQueued {
		return fmt.Errorf("append: %w: %d MiB wait to be written", ErrUnavailable, w.queued>>20)
	}
	for i := range call.rest {
		w.queued += call.rest[i].size()
	}
	w.queue = append(w.queue, call)
	return nil
}

// withdraw takes back a call none of whose events has gone into a pack.
func (w *writer) withdraw(call *appending, size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(call.rest) != size {
		return false
	}
	for i := range call.rest {
		w.queued -= call.rest[i].size()
	}
	w.queue = slices.DeleteFunc(w.queue, func(c *appending) bool { return c == call })
	return true
}

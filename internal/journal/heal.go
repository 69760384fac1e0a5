package journal

import (
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The pauses between attempts to heal grow from the first to the longest.
const (
	healFirst = time.Second
	healMost  = 30 * time.Second
)

// healer brings the journal's storage back after a write has failed. The server in the process takes a stream for broken
// from then on and refuses every write, also when the disk has long had room again: only reading what is on the disk
// anew makes it forget. Nothing that was acknowledged depends on what it had in memory.
type healer struct {
	journal *Journal
	wait    time.Duration
	next    time.Time
}

// look heals if the storage is broken and has a chance.
func (h *healer) look(now time.Time) {
	j := h.journal
	err := j.embedded.health()
	if err == nil {
		h.wait, h.next = 0, time.Time{}
		return
	}
	if j.full.Load() || now.Before(h.next) {
		return
	}
	h.wait = min(max(2*h.wait, healFirst), healMost)
	h.next = now.Add(h.wait)
	j.opts.Logger.Warn("the journal's storage does not work, opening it anew", "error", err)
	if err := j.embedded.reopen(); err != nil {
		j.opts.Logger.Error("the journal's storage cannot be opened", "error", err, "again_in", h.wait)
		return
	}
	for _, c := range j.openCursors() {
		c.readAnew()
	}
	j.opts.Logger.Info("the journal's storage is open again")
}

// reopen closes the streams and reads them from the disk again. Whoever uses them meanwhile gets an error that passes.
func (e *embedded) reopen() error {
	if err := e.server.ShutdownJetStream(); err != nil {
		return fmt.Errorf("close the journal's storage: %w", err)
	}
	config := e.storage // EnableJetStream changes what it is given
	if err := e.server.EnableJetStream(&config); err != nil {
		return fmt.Errorf("open the journal's storage: %w", err)
	}
	return nil
}

// storageConfig is what the server makes of its options when it starts.
func storageConfig(o *server.Options) server.JetStreamConfig {
	return server.JetStreamConfig{
		StoreDir: o.StoreDir, SyncAlways: o.SyncAlways, SyncInterval: o.SyncInterval,
		MaxMemory: o.JetStreamMaxMemory, MaxStore: o.JetStreamMaxStore, Strict: !o.NoJetStreamStrict,
	}
}

// openCursors are the cursors that are open at the moment.
func (j *Journal) openCursors() []*Cursor {
	j.mu.Lock()
	defer j.mu.Unlock()
	open := make([]*Cursor, 0, len(j.held))
	for _, c := range j.held {
		open = append(open, c)
	}
	return open
}

// readAnew lets the cursor read on with a new reader. A Next that waits is answered with ErrUnavailable.
func (c *Cursor) readAnew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.messages != nil {
		c.messages.Stop()
		c.messages = nil
	}
}

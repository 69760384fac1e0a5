package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// trouble is what one part of the worker has with the journal. The part reports it, the scheduler shows it.
type trouble struct {
	log  *slog.Logger
	wake chan<- struct{} // of the scheduler

	mu     sync.Mutex
	reason string // "" if all is well
	since  time.Time
}

// report says that something fails. It is loud at the first failure in a row and once in a while later.
func (t *trouble) report(ctx context.Context, doing string, err error, failures int) {
	if failures == 1 || failures%20 == 0 {
		t.log.ErrorContext(ctx, doing+" fails, trying again", "error", err, "failures", failures)
	}
	t.set(doing + ": " + err.Error())
}

// clear says that it works (again).
func (t *trouble) clear(ctx context.Context) {
	if reason, since := t.get(); reason != "" {
		t.log.InfoContext(ctx, "journal works again", "was", reason, "lasted", time.Since(since))
		t.set("")
	}
}

func (t *trouble) set(reason string) {
	t.mu.Lock()
	if t.reason == "" {
		t.since = time.Now()
	}
	t.reason = reason
	t.mu.Unlock()
	signal(t.wake)
}

func (t *trouble) get() (reason string, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reason, t.since
}

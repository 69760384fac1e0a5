package erasure

import (
	"context"
	"testing"
	"time"

	"tanker/internal/journal"
)

// interrupted is a journal in which something else happens before it is said which jobs have names.
type interrupted struct {
	*journal.Journal

	before func()
}

func (l *interrupted) ErasingJobs(ctx context.Context) ([]string, error) {
	if do := l.before; do != nil {
		l.before = nil
		do()
	}
	return l.Journal.ErasingJobs(ctx)
}

// TestStartWhileLooking takes a job in just when it is looked for jobs. Its names must not pass for those of one that has
// ended.
func TestStartWhileLooking(t *testing.T) {
	j, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir(), MaxBytes: 256 << 20, MinFree: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	log := &interrupted{Journal: j}
	r := Open(Options{
		Log: log, Grace: time.Millisecond,
		ForgetReplays: func(context.Context, func(string) bool) (int, error) { return 0, nil },
	})
	var job Erasure
	log.before = func() {
		if job, err = r.Start(t.Context(), Request{User: "u1"}); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := r.carryOn(ctx); err != nil {
		t.Fatal(err)
	}
	r.running.Wait()
	if job, err = r.Erasure(t.Context(), job.ID); err != nil || job.State != Done {
		t.Errorf("%+v, %v", job, err)
	}
}

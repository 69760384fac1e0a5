package dead

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// five are letters of two users; the event of the third makes no call.
func five() *memory {
	log := &memory{mapless: map[string]bool{"m3": true}}
	for i := range 5 {
		log.add(letter(fmt.Sprint("m", i+1), []string{"odd", "even"}[i%2], "no"))
	}
	return log
}

func TestOperations(t *testing.T) {
	odd := Filter{}
	odd.User = "odd"
	named := []Name{{"production", journal.At(2, 0)}, {"production", journal.At(99, 0)}, {"production", journal.At(3, 0)}}
	calls := map[string]int{"POST /v1/track-event": 2}
	refused := map[string]int{"rejected: no_identity": 1}
	for _, test := range []struct {
		name     string
		op       Operation
		want     Result
		replayed string
		left     int
	}{
		{"dry replay", Operation{Verb: Replay, DryRun: true, Filter: odd}, Result{Selected: 3, Done: 2, Stay: 1, Calls: calls, Refused: refused}, "", 5},
		{"replay", Operation{Verb: Replay, Filter: odd}, Result{Selected: 3, Done: 2, Stay: 1}, "m1 m5", 3},
		{"replay of those that there were", Operation{Verb: Replay, UpTo: 4}, Result{Selected: 4, Done: 3, Stay: 1, UpTo: 4}, "m1 m2 m4", 2},
		{"replay of some", Operation{Verb: Replay, Named: named}, Result{Selected: 3, Done: 1, Stay: 1, Gone: 1}, "m2", 4},
		{"dry discard", Operation{Verb: Discard, DryRun: true}, Result{Selected: 5, Done: 5}, "", 5},
		{"discard", Operation{Verb: Discard, Filter: odd}, Result{Selected: 3, Done: 3}, "", 2},
		{"discard of some", Operation{Verb: Discard, Named: named}, Result{Selected: 3, Done: 2, Gone: 1}, "", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := five()
			var seen []Treated
			got, err := Run(t.Context(), log, log, test.op, Observer{Each: func(l Treated) error { seen = append(seen, l); return nil }})
			if err != nil {
				t.Fatal(err)
			}
			test.want.Share = 1
			if test.want.UpTo == 0 {
				test.want.UpTo = 5
			}
			if test.want.Calls == nil {
				test.want.Calls, test.want.Refused = map[string]int{}, map[string]int{}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if replayed := strings.Join(log.replayed, " "); replayed != test.replayed || len(log.letters) != test.left {
				t.Errorf("replayed %q, %d are left", replayed, len(log.letters))
			}
			if previews := test.op.DryRun && test.op.Verb == Replay; (len(seen) > 0) != previews {
				t.Errorf("saw %v", seen)
			}
		})
	}
}

// What dies again while a replay runs is not taken a second time.
func TestReplayTakesEachOnce(t *testing.T) {
	log := five()
	again := &dyingAgain{log}
	if r, err := Run(t.Context(), log, again, Operation{Verb: Replay}, Observer{}); err != nil || r.Done != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(log.letters) != 5 || len(log.replayed) != 4 {
		t.Errorf("%d letters, replayed %v", len(log.letters), log.replayed)
	}
}

// dyingAgain refuses at once what is sent again.
type dyingAgain struct{ *memory }

func (d *dyingAgain) ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error {
	err := d.memory.ReplayDead(ctx, destination, at, corrected)
	if err == nil {
		d.add(letter("again", "odd", "no"))
	}
	return err
}

func TestOperationThatFails(t *testing.T) {
	log := five()
	full := &failing{log, journal.ErrFull}
	r, err := Run(t.Context(), log, full, Operation{Verb: Replay}, Observer{})
	if !errors.Is(err, journal.ErrFull) || r.Done != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Run(t.Context(), log, log, Operation{Verb: Discard, Named: make([]Name, MaxNamed+1)}, Observer{}); err == nil || len(log.letters) != 3 {
		t.Errorf("%d letters are left, %v", len(log.letters), err)
	}
}

// failing does to letters two times what it should.
type failing struct {
	*memory
	err error
}

func (f *failing) ReplayDead(ctx context.Context, destination string, at journal.Position, corrected []byte) error {
	if len(f.replayed) == 2 {
		return f.err
	}
	return f.memory.ReplayDead(ctx, destination, at, corrected)
}

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := five()
		log.gate = make(chan struct{}, 10)
		jobs := NewJobs(log, log, slog.New(slog.DiscardHandler))
		defer jobs.Close()
		preview, err := jobs.Start(Operation{Verb: Replay, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		log.gate <- struct{}{}
		time.Sleep(2 * progressEvery) // of the bubble's clock
		log.gate <- struct{}{}
		synctest.Wait()
		if j, err := jobs.Job(t.Context(), preview.ID, time.Second); err != nil || j.State != Running || j.Selected != 2 || j.Share != 0.4 || len(j.Samples) != 2 {
			t.Errorf("%+v, %v", j, err)
		}
		discard, err := jobs.Start(Operation{Verb: Discard})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jobs.Start(Operation{Verb: Discard}); !errors.Is(err, ErrBusy) {
			t.Errorf("a third one: %v", err)
		}
		if j, err := jobs.Stop(t.Context(), discard.ID); err != nil || j.State != Stopped || j.Done != 0 || j.Ended.IsZero() {
			t.Errorf("%+v, %v", j, err)
		}
		close(log.gate)
		if j, err := jobs.Job(t.Context(), preview.ID, patient); err != nil || j.State != Done || j.Done != 4 || j.Stay != 1 || j.Result.UpTo != 5 {
			t.Errorf("%+v, %v", j, err)
		}
		if list := jobs.List(); len(list) != 2 || list[0].ID != discard.ID {
			t.Errorf("%+v", list)
		}
		if _, err := jobs.Job(t.Context(), 77, 0); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestJobsAreBounded(t *testing.T) {
	log := five()
	jobs := NewJobs(log, log, slog.New(slog.DiscardHandler))
	for range maxJobs + 5 {
		j, err := jobs.Start(Operation{Verb: Discard, DryRun: true})
		if err == nil {
			_, err = jobs.Job(t.Context(), j.ID, patient)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if list := jobs.List(); len(list) != maxJobs || list[0].ID != maxJobs+5 {
		t.Errorf("%d jobs, the last %d", len(list), list[0].ID)
	}
	log.err = errors.New("no disk")
	broken, _ := jobs.Start(Operation{Verb: Discard})
	if j, err := jobs.Job(t.Context(), broken.ID, patient); err != nil || j.State != Failed || j.Problem != "no disk" {
		t.Errorf("%+v, %v", j, err)
	}
	jobs.Close()
	if _, err := jobs.Start(Operation{Verb: Discard}); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestSamplesAreBounded(t *testing.T) {
	var j Job
	for i := range 2 * maxSamples {
		j.sample(Treated{Mapped: history.Mapped{Body: make([]byte, i*maxSample)}})
	}
	if len(j.Samples) != maxSamples || len(j.Samples[1].Body) != maxSample || j.Samples[2].Body != nil {
		t.Errorf("%d samples", len(j.Samples))
	}
}

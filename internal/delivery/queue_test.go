package delivery

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
	"tanker/refiner"
)

// TestQueue asks how the events of users stand who wait for different things.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(trackOf("fails", "a"), trackOf("fails", "b"), trackOf("slow", "c"))
		client := &fakeRefiner{
			answer: func(user, _ string) error {
				if user == "fails" {
					return &refiner.Error{Class: refiner.ClassTemporary, Status: 503, Message: "busy"}
				}
				return nil
			},
			delay: func(user string) time.Duration { return map[string]time.Duration{"slow": time.Hour}[user] },
		}
		p := launch(t, d, client, func(o *Options) { o.UserPerMinute = 5 })
		synctest.Wait()
		ask := func(user string, entry int) Queue {
			t.Helper()
			q, ok := p.Queue(t.Context(), user, d.entries[entry].Position)
			if !ok {
				t.Fatal("no answer")
			}
			return q
		}
		first := ask("fails", 0)
		if len(first.Attempts) != 1 || first.Attempts[0].Status != 503 || first.Attempts[0].Error != "busy" || first.Ahead != 0 || !first.Held {
			t.Errorf("the event that failed: %+v", first)
		}
		if first.InMemory != 2 || first.First != d.entries[0].Position || first.Calling || first.Limited || !first.Until.After(time.Now()) {
			t.Errorf("its user: %+v", first)
		}
		if second := ask("fails", 1); second.Ahead != 1 || !second.Held || second.Attempts != nil {
			t.Errorf("the event behind it: %+v", second)
		}
		if slow := ask("slow", 2); !slow.Calling || !slow.Held || !slow.Until.IsZero() {
			t.Errorf("the event whose call is under way: %+v", slow)
		}
		if diff := cmp.Diff(Queue{}, ask("nobody", 0)); diff != "" {
			t.Error(diff)
		}
		for i := range 6 {
			d.add(trackOf("busy", fmt.Sprint(i)))
		}
		synctest.Wait()
		last := ask("busy", 8)
		if last.Limited != true || !last.Until.After(time.Now()) {
			t.Errorf("the event beyond the user's limit: %+v", last)
		}
		if err := p.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if _, ok := p.Queue(t.Context(), "fails", 0); ok {
			t.Error("a worker that has stopped has answered")
		}
	})
}

func TestQueueBeforeTheRun(t *testing.T) {
	w, err := New(Options{Name: "d", Log: newDisk().open(), Mapper: documented(t), Client: &fakeRefiner{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := w.Queue(ctx, "u", journal.At(1, 0)); ok {
		t.Error("a worker that does not run has answered")
	}
}

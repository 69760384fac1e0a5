package faults

import (
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/history"
	"tanker/internal/tankertest"
	"tanker/internal/trials"
)

// TestKillDuringReplay kills a Tanker while past events are sent again: each is sent again once, in order.
func TestKillDuringReplay(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		users, each, kills := size(50, 400), size(10, 20), size(3, 10)
		tr := newTrial(t, setup{users: users, letters: true})
		tr.send(each, 0)
		tr.await("everything is delivered", time.Minute, tr.idle)
		first := tr.callsOfEach()
		tr.refiner.Become(busy)
		client := admin.NewClient(tr.process.Admin, config.NewSecret(tankertest.AdminToken))
		job, err := client.StartReplay(t.Context(), history.ReplayRequest{Destination: "refiner", Rate: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		all := int64(users * each)
		for _, at := range moments(kills, all*90/100) {
			tr.await("more is sent again", time.Minute, func() bool { return tr.refiner.Events.Load() >= all+at })
			tr.kill()
			tr.start()
		}
		tr.await("everything is sent again", 2*time.Minute, func() bool {
			job, err := client.Replay(t.Context(), job.ID)
			d, errStatus := tr.process.Destination(t.Context())
			return err == nil && errStatus == nil && job.State == history.ReplayDone && d.Pending == 0 && d.Accepted >= uint64(2*all)
		})
		tr.watch.end(t)
		d, err := tr.process.Destination(t.Context())
		if err != nil || d.Accepted != uint64(2*all) || d.Totals.Delivered != uint64(2*all) {
			t.Errorf("%+v, %v; want %d delivered twice", d, err, all)
		}
		tr.checkAgain(first)
	})
}

// callsOfEach is how many calls of each user came.
func (tr *trial) callsOfEach() []int {
	calls := make([]int, len(tr.traffic.Answered))
	for u := range calls {
		calls[u] = len(tr.refiner.Arrived(trials.User(u)))
	}
	return calls
}

// checkAgain wants every event to have arrived in order once more after so many calls of each user, and no more calls to have
// been repeated than kills explain.
func (tr *trial) checkAgain(first []int) {
	tr.Helper()
	repeats := 0
	for u, calls := range first {
		n, err := trials.InOrder(tr.refiner.Arrived(trials.User(u))[calls:], int(tr.traffic.Answered[u].Load()))
		if err != nil {
			tr.Errorf("%s: %v", trials.User(u), err)
		}
		repeats += n
	}
	if most := tr.mostRepeats(); int64(repeats) > most {
		tr.Errorf("%d calls were repeated, more than the %d that can have been under way", repeats, most)
	}
	tr.Logf("%d calls of the replay repeated in %d kills", repeats, tr.kills)
}

// TestKillDuringJanitor kills a Tanker whose journal is so full that the janitor deletes finished events, as it does at once at each
// start, at a moment after its start.
func TestKillDuringJanitor(t *testing.T) {
	if !*full {
		t.Skip("takes half a minute: make faults")
	}
	inRounds(t, func(t *testing.T) {
		const users, each, kills, most = 200, 150, 12, 64 << 20
		tr := newTrial(t, setup{users: users, padding: 16 << 10, memory: mostWithLarge, journal: "  max_bytes: 64MiB\n"})
		tr.sendMeanwhile(each, 1500)
		for kill := range kills {
			tr.await("the journal is nearly full, or all is sent", time.Minute, func() bool {
				return tr.journalBytes() > most*80/100 || tr.traffic.Total.Load() == users*each
			})
			tr.kill()
			if err := tr.process.Launch(); err != nil {
				t.Fatal(err)
			}
			tr.pass(100*time.Millisecond + time.Duration(kill)*15*time.Millisecond) // the moment is what is tested
			tr.kill()
			tr.start()
		}
		tr.holds(2 * time.Minute)
	})
}

// journalBytes is what stored events take; 0 if Tanker does not say.
func (tr *trial) journalBytes() uint64 {
	status, err := admin.NewClient(tr.process.Admin, config.NewSecret(tankertest.AdminToken)).Status(tr.Context())
	if err != nil {
		return 0
	}
	return status.Journal.Bytes
}

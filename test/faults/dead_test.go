package faults

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/dead"
	"tanker/internal/journal"
	"tanker/internal/tankertest"
	"tanker/internal/trials"
)

// TestDeadLettersFull lets Refiner refuse every event of everyone until there is no room for more dead letters, and on; then
// those of one user alone, and makes room.
func TestDeadLettersFull(t *testing.T) {
	if !*full {
		t.Skip("takes half a minute: make faults")
	}
	inRounds(t, func(t *testing.T) {
		const users, each, bytes = 120, 20, 64 << 10
		tr := newTrial(t, setup{users: users, padding: bytes, memory: mostWithLarge, letters: true, journal: "  max_bytes: 512MiB\n"})
		tr.refiner.Become(says(http.StatusUnprocessableEntity, `{"message":"no"}`))
		tr.sendMeanwhile(each, 0)
		tr.await("events wait for room", time.Minute, func() bool { return tr.lettersWaiting() > users/2 })
		tr.kill()
		tr.start()
		tr.sent(time.Minute)
		tr.await("every user waits for room again", time.Minute, func() bool { return tr.lettersWaiting() == users })
		calls := tr.refiner.Calls.Load()
		tr.pass(12 * time.Second)
		if more := tr.refiner.Calls.Load() - calls; more > 0 {
			t.Errorf("%d calls while there is no room for what comes of them", more)
		}

		tr.refiner.Become(func(w http.ResponseWriter, r *http.Request, have func() trials.Answer) {
			if isOf(r, trials.User(0)) {
				trials.Answer{Status: http.StatusUnprocessableEntity, Body: []byte(`{"message":"no"}`)}.Write(w)
				return
			}
			have().Write(w)
		})
		tr.discardLetters()
		tr.await("everything has its outcome", 2*time.Minute, tr.idle)
		tr.watch.end(t)
		tr.ascending()
		t.Logf("%d calls; at most %d MiB of memory", tr.refiner.Calls.Load(), tr.watch.memory>>20)
	})
}

// lettersWaiting is how many events wait for room for their dead letters.
func (tr *trial) lettersWaiting() int {
	d, err := tr.process.Destination(tr.Context())
	if err != nil {
		return 0
	}
	return d.LettersWaiting
}

// countLetters is how many dead letters there are.
func (tr *trial) countLetters() (n int) {
	tr.Helper()
	client := admin.NewClient(tr.process.Admin, config.NewSecret(tankertest.AdminToken))
	for after := uint64(0); ; {
		page, err := client.DeadLetters(tr.Context(), dead.Filter{DeadFilter: journal.DeadFilter{Limit: 100, After: after}})
		if err != nil {
			tr.Fatal(err)
		}
		n += len(page.Letters)
		if after = page.Next; after == 0 {
			return n
		}
	}
}

// discardLetters deletes all dead letters.
func (tr *trial) discardLetters() {
	tr.Helper()
	client := admin.NewClient(tr.process.Admin, config.NewSecret(tankertest.AdminToken))
	for {
		page, err := client.DeadLetters(tr.Context(), dead.Filter{DeadFilter: journal.DeadFilter{Limit: 20}})
		if err != nil {
			tr.Fatal(err)
		}
		for i := range page.Letters {
			if err := client.DiscardDead(tr.Context(), page.Letters[i].Destination, page.Letters[i].Position); err != nil {
				tr.Fatal(err)
			}
		}
		if len(page.Letters) == 0 {
			return
		}
	}
}

// ascending checks that what arrived of each user arrived in order.
func (tr *trial) ascending() {
	tr.Helper()
	for u := range tr.traffic.Answered {
		if all := slices.Concat(tr.refiner.Arrived(trials.User(u))...); !slices.IsSorted(all) {
			tr.Errorf("user %d: the order is %v", u, all)
		}
	}
}

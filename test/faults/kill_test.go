package faults

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"tanker/internal/trials"
)

// TestKillDuringIngest kills a Tanker while events come in and go out.
func TestKillDuringIngest(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		users, each, kills := size(150, 1000), 20, size(3, 10)
		tr := newTrial(t, setup{users: users})
		tr.refiner.Become(busy)
		tr.sendMeanwhile(each, 0)
		for _, at := range moments(kills, int64(users*each)*95/100) {
			tr.await("more is sent", time.Minute, func() bool { return tr.traffic.Total.Load() >= at })
			tr.kill()
			tr.start()
		}
		tr.holds(2 * time.Minute)
	})
}

// TestKillDuringDrain kills a Tanker while it delivers what has gathered.
func TestKillDuringDrain(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		users, each, kills := size(100, 500), 20, size(3, 10)
		tr := newTrial(t, setup{users: users})
		tr.refiner.GoAway()
		tr.send(each, 0)
		tr.kill()
		tr.refiner.ComeBack(t)
		tr.refiner.Become(busy)
		tr.start()
		for _, at := range moments(kills, int64(users*each)*95/100) {
			tr.await("more is delivered", time.Minute, func() bool { return tr.refiner.Events.Load() >= at })
			tr.kill()
			tr.start()
		}
		tr.holds(2 * time.Minute)
	})
}

// TestKillDuringParking kills a Tanker while a few users send far more than its memory is allowed to hold, so that most of
// it is parked, brought back and parked again when calls fail.
func TestKillDuringParking(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		users, each, kills := size(5, 20), 300, size(4, 10)
		tr := newTrial(t, setup{users: users, settings: "    window: {events: 128}\n"})
		tr.refiner.Become(func(w http.ResponseWriter, r *http.Request, have func() trials.Answer) {
			if rand.N(200) == 0 {
				trials.Answer{Status: http.StatusServiceUnavailable}.Write(w)
				return
			}
			busy(w, r, have)
		})
		tr.sendMeanwhile(each, 0)
		for _, at := range moments(kills, int64(users*each)*80/100) {
			tr.await("more is delivered, and something parked", time.Minute, func() bool {
				d, err := tr.process.Destination(t.Context())
				return err == nil && d.Parked > 0 && tr.refiner.Events.Load() >= at
			})
			tr.kill()
			tr.start()
		}
		tr.holds(2 * time.Minute)
	})
}

// TestKillDuringStart kills a Tanker again and again before it has come up.
func TestKillDuringStart(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		users, each, kills := size(50, 300), 20, size(5, 30)
		tr := newTrial(t, setup{users: users})
		tr.refiner.Become(busy)
		tr.sendMeanwhile(each, 0)
		tr.await("half is sent", time.Minute, func() bool { return tr.traffic.Total.Load() >= int64(users*each/2) })
		tr.kill()
		for range kills {
			if err := tr.process.Launch(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(rand.N(300 * time.Millisecond)) // the moment is what is tested
			tr.kill()
		}
		tr.start()
		tr.holds(2 * time.Minute)
	})
}

// TestKillWhileUsersFail kills a Tanker while the calls of some users fail, so that their events are parked, and while
// these come back.
func TestKillWhileUsersFail(t *testing.T) {
	if !*full {
		t.Skip("takes a minute: make faults")
	}
	inRounds(t, func(t *testing.T) {
		const users, failing = 20, 6
		each, kills := size(150, 1500), size(2, 8)
		tr := newTrial(t, setup{users: users, settings: "    window: {events: 256}\n"})
		tr.refiner.Become(fails(failing))
		tr.sendMeanwhile(each, 0)
		for range kills {
			tr.arrives(100, time.Minute)
			tr.await("events are parked", time.Minute, func() bool {
				d, err := tr.process.Destination(tr.Context())
				return err == nil && d.Parked > 0
			})
			tr.kill()
			tr.start()
		}
		tr.refiner.Become(busy)
		for _, at := range moments(kills, users*int64(each)) {
			tr.await("more is delivered", time.Minute, func() bool { return tr.refiner.Events.Load() >= at })
			tr.kill()
			tr.start()
		}
		tr.holds(2 * time.Minute)
	})
}

// fails is a Refiner that fails the calls of the first users.
func fails(users int) trials.Weather {
	return func(w http.ResponseWriter, r *http.Request, have func() trials.Answer) {
		for u := range users {
			if isOf(r, trials.User(u)) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		busy(w, r, have)
	}
}

// isOf says whether a call is a user's.
func isOf(r *http.Request, user string) bool {
	body, _ := io.ReadAll(r.Body) // it is in memory
	r.Body = io.NopCloser(bytes.NewReader(body))
	return bytes.Contains(body, []byte(`"`+user+`"`))
}

// busy is a Refiner that takes a moment for each call, so that there are calls under way. Half of them have had their effect
// while the caller still waits.
func busy(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
	const moment = 4 * time.Millisecond
	if rand.N(2) == 0 {
		a := have()
		time.Sleep(moment)
		a.Write(w)
		return
	}
	time.Sleep(moment)
	have().Write(w)
}

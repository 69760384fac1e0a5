package cluster

import (
	"math/rand/v2"
	"net/http"
	"time"

	"tanker/internal/trials"
)

// slow is a Refiner that takes a moment for each call, so that there are calls under way. Half of them have had their effect
// while the caller still waits.
func slow(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
	const moment = 30 * time.Millisecond
	if rand.N(2) == 0 {
		a := have()
		time.Sleep(moment)
		a.Write(w)
		return
	}
	time.Sleep(moment)
	have().Write(w)
}

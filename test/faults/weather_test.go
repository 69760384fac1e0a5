package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"tanker/internal/tankertest"
	"tanker/internal/trials"
	"tanker/refiner/refinertest"
)

// TestRefinerDown lets Refiner's port be closed for a while, the long form for five minutes under 200 events a second: few
// calls are attempted meanwhile, and from the first second after it is back as many come as the limit permits.
func TestRefinerDown(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		const perMinute = 24_000 // 400 a second
		tr := newTrial(t, setup{users: 500, settings: "    merge: false\n", limits: fmt.Sprintf("{key_per_minute: %d, user_per_minute: 0}", perMinute)})
		tr.sendMeanwhile(size(1, 130), 200)
		tr.arrives(20, time.Minute)
		tr.refiner.GoAway()
		down := time.Now()
		attempts := tr.attempts()
		tr.pass(size(time.Second, 5*time.Minute))
		attempted := tr.attempts() - attempts
		tr.refiner.ComeBack(t)
		tr.await("the first event after the outage", time.Minute, func() bool { return tr.refiner.Between(down, time.Now()) > 0 })
		if attempted >= 60 {
			t.Errorf("%d calls were attempted during the outage, want fewer than 60", attempted)
		}
		if *full {
			tr.comesAtFullRate(down, perMinute/60)
		}
		tr.holds(6 * time.Minute)
	})
}

// comesAtFullRate wants nearly as many calls as the limit permits in each of the first seconds after an outage.
func (tr *trial) comesAtFullRate(down time.Time, perSecond int) {
	tr.Helper()
	const seconds = 10
	tr.pass((seconds + 1) * time.Second)
	first := tr.refiner.FirstAfter(down)
	var counts []int
	sum := 0
	for i := range seconds {
		from := first.Add(time.Duration(i) * time.Second)
		n := tr.refiner.Between(from, from.Add(time.Second))
		counts = append(counts, n)
		sum += n
		if want := perSecond * (i + 1) * 95 / 100; sum < want {
			tr.Errorf("%d calls came within %d s after the outage, want at least %d", sum, i+1, want)
		}
	}
	tr.Logf("calls in each second after the outage, %d permitted: %v", perSecond, counts)
}

// attempts is how many calls have failed without an answer since the process started.
func (tr *trial) attempts() uint64 {
	tr.Helper()
	d, err := tr.process.Destination(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	return d.Calls["temporary"]
}

// TestRefinerSlow lets every answer take its time, and a few not come at all.
func TestRefinerSlow(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		took, timeout := size(100*time.Millisecond, 8*time.Second), size("2s", "20s")
		tr := newTrial(t, setup{users: 100, settings: "    timeout: " + timeout + "\n"})
		tr.refiner.Become(func(w http.ResponseWriter, r *http.Request, have func() trials.Answer) {
			a := have()
			if rand.N(50) == 0 {
				<-r.Context().Done()
			}
			pause(r, took)
			a.Write(w)
		})
		tr.send(size(3, 5), 0)
		tr.holds(5 * time.Minute)
	})
}

// TestGarbage lets something else than Refiner answer for a while.
func TestGarbage(t *testing.T) {
	answers := []trials.Answer{
		{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<html><body>Welcome!</body></html>")},
		{Status: http.StatusOK, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: []byte("this is not gzip")},
		{Status: http.StatusOK, Body: []byte{0xff, 0xfe, 0, 1, 2}},
		{Status: http.StatusMovedPermanently, Header: http.Header{"Location": {"https://example.com/"}}},
		{Status: http.StatusFound, Header: http.Header{"Location": {"/"}}, Body: []byte("<a href=/>here</a>")},
		{Status: http.StatusNotModified},
		{Status: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<h1>502 Bad Gateway</h1>")},
		{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"soon"}}, Body: []byte(`{"message":`)},
		{Status: http.StatusGatewayTimeout, Header: http.Header{"Retry-After": {"-5"}}},
		{Status: 599, Body: []byte(`[[[[[[[[`)},
		{Status: http.StatusInternalServerError, Body: make([]byte, 1<<20)},
	}
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100})
		tr.refiner.Become(func(w http.ResponseWriter, _ *http.Request, _ func() trials.Answer) {
			answers[rand.N(len(answers))].Write(w)
		})
		tr.sendMeanwhile(size(4, 50), 200)
		tr.arrives(10, time.Minute)
		tr.pass(size(time.Second, time.Minute))
		tr.refiner.Become(trials.Fair)
		tr.holds(3 * time.Minute)
	})
}

// TestConnectionsCut lets connections end before a call has had its effect, after it, and in the middle of the answer.
func TestConnectionsCut(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100})
		tr.refiner.Become(func(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
			switch rand.N(10) {
			case 0:
				panic(http.ErrAbortHandler)
			case 1:
				have()
				panic(http.ErrAbortHandler)
			case 2:
				a := have()
				w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)+100))
				a.Write(w)
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			have().Write(w)
		})
		tr.sendMeanwhile(size(3, 30), 0)
		tr.clearsUp(300)
		tr.holds(5 * time.Minute)
	})
}

// TestRandomErrors lets Refiner answer a fifth of the calls with 500, some of which it has carried out.
func TestRandomErrors(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100})
		tr.refiner.Become(func(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
			switch rand.N(20) {
			case 0, 1, 2:
				w.WriteHeader(http.StatusInternalServerError)
			case 3:
				have()
				w.WriteHeader(http.StatusInternalServerError)
			default:
				have().Write(w)
			}
		})
		tr.sendMeanwhile(size(3, 30), 0)
		tr.clearsUp(300)
		tr.holds(5 * time.Minute)
	})
}

// TestTooManyRequests lets Refiner answer 429 again and again, for longer than events are retried: these calls are no
// attempts.
func TestTooManyRequests(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100, settings: "    retry_for: 1s\n"})
		tr.refiner.Become(func(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
			if rand.N(100) == 0 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			have().Write(w)
		})
		tr.sendMeanwhile(size(4, 10), 0)
		tr.holds(3 * time.Minute)
	})
}

// TestLowerLimits lets Refiner's limits be much lower than Tanker believes.
func TestLowerLimits(t *testing.T) {
	if !*full {
		t.Skip("takes minutes: make faults")
	}
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 30, settings: "    retry_for: 1s\n"})
		tr.refiner.Sandbox.SetLimits(refinertest.Limits{KeyPerMinute: 600, UserPerMinute: 30})
		tr.send(50, 0)
		tr.holds(10 * time.Minute)
	})
}

// TestWrongKey lets Refiner refuse the key in each of its ways, for longer than events are retried, and kills
// Tanker meanwhile.
func TestWrongKey(t *testing.T) {
	refusals := map[string]func(f *trials.Refiner){
		"none": func(f *trials.Refiner) {
			f.Become(says(http.StatusUnauthorized, `{"error":"No API key found in headers"}`))
		},
		"malformed": func(f *trials.Refiner) {
			f.Become(says(http.StatusUnauthorized, `{"error":"API key does not look valid"}`))
		},
		"unknown": func(f *trials.Refiner) { f.Sandbox.SetKeys("another-key-of-this-test") },
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			inRounds(t, func(t *testing.T) {
				tr := newTrial(t, setup{users: 100, settings: "    retry_for: 1s\n"})
				tr.sendMeanwhile(size(4, 100), 200)
				tr.arrives(20, time.Minute)
				refuse(tr.refiner)
				tr.await("the destination is blocked", time.Minute, tr.blocked)
				tr.kill()
				tr.start()
				tr.pass(size(1500*time.Millisecond, 30*time.Second))
				tr.await("the destination is blocked again", time.Minute, tr.blocked)
				tr.refiner.Sandbox.SetKeys(tankertest.APIKey)
				tr.refiner.Become(trials.Fair)
				tr.holds(2 * time.Minute)
			})
		})
	}
}

// clearsUp makes the weather of a short round fair after some calls. A long one has its weather to the end.
func (tr *trial) clearsUp(calls int64) {
	tr.Helper()
	if !*full {
		tr.arrives(calls, time.Minute)
		tr.refiner.Become(trials.Fair)
	}
}

func (tr *trial) blocked() bool {
	d, err := tr.process.Destination(tr.Context())
	return err == nil && d.State == "blocked"
}

// says answers every call the same.
func says(status int, body string) trials.Weather {
	return func(w http.ResponseWriter, _ *http.Request, _ func() trials.Answer) {
		trials.Answer{Status: status, Body: []byte(body)}.Write(w)
	}
}

// pause waits, but not for a caller that has gone.
func pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// pass lets time pass, which is what is tested.
func (tr *trial) pass(d time.Duration) { time.Sleep(d) }

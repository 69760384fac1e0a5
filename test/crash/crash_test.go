// Package crash kills a running Tanker, again and again, while events come in and go out, and checks that nothing
// is lost, that each user's order holds and that only calls under way are repeated.
package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

var full = flag.Bool("full", false, "20,000 events of 1,000 users and ten kills")

// size is how much a run does.
type size struct {
	users, events, kills int
}

// concurrency bounds the calls under way, and so the calls that a kill may repeat.
const concurrency = 48

func TestKill(t *testing.T) {
	n := size{users: 150, events: 3000, kills: 4}
	if *full {
		n = size{users: 1000, events: 20_000, kills: 10}
	}
	sandbox := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{tankertest.APIKey}, MaxEvents: n.events})
	if err := sandbox.SetFaults(refinertest.Fault{Delay: 4 * time.Millisecond, Apply: true}); err != nil {
		t.Fatal(err)
	}
	process := newProcess(t, sandbox.URL)
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Stop(); err != nil {
			t.Error(err)
		}
	})
	var sent atomic.Int64
	var senders sync.WaitGroup
	senders.Go(func() { sendAll(t, process.URL, n, &sent) })
	killAtRandom(t, process, n, &sent)
	senders.Wait()
	drained(t, process, sandbox, n)
	check(t, sandbox, n)
}

func newProcess(t *testing.T, refiner string) *tankertest.Process {
	t.Helper()
	binary, err := tankertest.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	process, err := tankertest.New(tankertest.Options{
		Binary: binary, Dir: t.TempDir(), Refiner: refiner,
		Settings: fmt.Sprintf("    max_concurrency: %d\n    limits: {key_per_minute: 0, user_per_minute: 0}\n", concurrency),
	})
	if err != nil {
		t.Fatal(err)
	}
	return process
}

// killAtRandom kills the process at moments spread over the time that sending takes, and a little beyond.
func killAtRandom(t *testing.T, process *tankertest.Process, n size, sent *atomic.Int64) {
	t.Helper()
	for kill := range n.kills {
		share := (float64(kill) + rand.Float64()) / float64(n.kills)
		at := int64(share * float64(n.events) * 0.98)
		err := tankertest.Await(t.Context(), func() (bool, error) { return sent.Load() >= at, nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := process.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// sendAll sends every user's events one after the other, as an SDK does: it repeats what was not answered.
func sendAll(t *testing.T, url string, n size, sent *atomic.Int64) {
	const senders = 32
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			client := &http.Client{Timeout: 20 * time.Second}
			defer client.CloseIdleConnections()
			for i := range n.events / n.users {
				for user := sender; user < n.users; user += senders {
					path, body := message(user, i)
					if err := deliver(t.Context(), client, url+path, body); err != nil {
						t.Error(err)
						return
					}
					sent.Add(1)
				}
			}
		})
	}
	wg.Wait()
}

// message is the i-th event of a user. Every third goes in a batch, every fifth is an identify.
func message(user, i int) (path string, body []byte) {
	kind := fmt.Sprintf(`"type":"track","event":"e-%d"`, i)
	path = "/v1/track"
	if i%5 == 2 {
		kind = fmt.Sprintf(`"type":"identify","traits":{"n":%d}`, i)
		path = "/v1/identify"
	}
	body = fmt.Appendf(nil, `{%s,"userId":"user-%d","messageId":"m-%d-%d"}`, kind, user, user, i)
	if i%3 == 0 {
		return "/v1/batch", fmt.Appendf(nil, `{"batch":[%s]}`, body)
	}
	return path, body
}

func deliver(ctx context.Context, client *http.Client, url string, body []byte) error {
	return tankertest.Await(ctx, func() (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return false, err
		}
		req.SetBasicAuth(tankertest.WriteKey, "")
		resp, err := client.Do(req)
		if err != nil {
			return false, nil // it was killed: send again
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		if resp.StatusCode >= 400 && resp.StatusCode < 500 {
			return false, fmt.Errorf("%s answers %d %s to %s", url, resp.StatusCode, answer, body)
		}
		return resp.StatusCode == http.StatusOK, nil
	})
}

// drained waits until nothing is pending and checks the totals.
func drained(t *testing.T, process *tankertest.Process, sandbox *refinertest.Server, n size) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	total := uint64(n.events / n.users * n.users)
	err := tankertest.Await(ctx, func() (bool, error) {
		d, err := process.Destination(ctx)
		if err != nil {
			return false, err
		}
		if sum := d.Totals.Sum() + d.Pending; sum != d.Accepted {
			return false, fmt.Errorf("totals %+v and pending %d do not add up to accepted %d", d.Totals, d.Pending, d.Accepted)
		}
		return d.Pending == 0 && d.Accepted >= total, nil
	})
	if err != nil {
		d, _ := process.Destination(t.Context())
		t.Fatalf("%v: %+v; the sandbox has %d calls", err, d, len(sandbox.Calls()))
	}
	d, err := process.Destination(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if d.Accepted != total || d.Totals.Delivered != total {
		t.Errorf("accepted %d, delivered %d, want %d of both", d.Accepted, d.Totals.Delivered, total)
	}
}

// check compares what arrived with what was sent.
func check(t *testing.T, sandbox *refinertest.Server, n size) {
	t.Helper()
	arrived := map[string][]int{}
	for _, call := range sandbox.Calls() {
		if call.Status != http.StatusOK && call.Status != http.StatusCreated {
			continue
		}
		var body struct {
			ID    string
			Event string
			N     int
		}
		if err := json.Unmarshal(call.Body, &body); err != nil {
			t.Fatal(err)
		}
		i := body.N
		if name, ok := strings.CutPrefix(body.Event, "e-"); ok {
			var err error
			if i, err = strconv.Atoi(name); err != nil {
				t.Fatal(err)
			}
		}
		arrived[body.ID] = append(arrived[body.ID], i)
	}
	repeats := 0
	for user := range n.users {
		repeats += checkUser(t, fmt.Sprintf("user-%d", user), arrived[fmt.Sprintf("user-%d", user)], n.events/n.users)
	}
	t.Logf("%d events of %d users, %d kills: none lost, none out of order, %d calls repeated", n.events, n.users, n.kills, repeats)
	if most := n.kills * concurrency; repeats > most {
		t.Errorf("%d calls were repeated, more than the %d that can have been under way", repeats, most)
	}
}

// checkUser wants every event of a user for the first time in order, and returns how many came again.
func checkUser(t *testing.T, user string, got []int, want int) (repeats int) {
	t.Helper()
	next := 0
	for _, i := range got {
		switch {
		case i == next:
			next++
		case i < next:
			repeats++
		default:
			t.Errorf("%s: event %d came when %d should have: %v", user, i, next, got)
			return repeats
		}
	}
	if next != want {
		t.Errorf("%s: %d of %d events arrived: %v", user, next, want, got)
	}
	return repeats
}

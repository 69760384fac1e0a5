package delivery

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
	"tanker/refiner/refinertest"
)

// distant is a transport whose requests and answers take their time.
type distant struct {
	http.RoundTripper
	most time.Duration // each way
}

func (d distant) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(rand.N(d.most))
	defer time.Sleep(rand.N(d.most))
	return d.RoundTripper.RoundTrip(r)
}

func client(t *testing.T, sandbox *refinertest.Sandbox, key refiner.APIKey) *refiner.Client {
	t.Helper()
	c, err := refiner.New(refiner.Options{APIKey: key, Transport: distant{sandbox.Transport(), 200 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSandboxNeverAnswers429(t *testing.T) {
	tests := []struct {
		name   string
		limits refinertest.Limits
		users  int
		least  time.Duration // what the limits ask for, for 2,000 events
	}{
		{"limit of the key", refinertest.Limits{KeyPerMinute: 600, UserPerMinute: 100}, 200, 2000 * time.Minute / 600},
		{"limit of each user", refinertest.Limits{KeyPerMinute: 4000, UserPerMinute: 100}, 5, 200 * time.Second},
		{"both", refinertest.Limits{KeyPerMinute: 600, UserPerMinute: 100}, 6, 2000 * time.Minute / 600},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sandbox := refinertest.New(refinertest.Options{Limits: test.limits})
				d := newDisk()
				for i := range 2000 {
					d.add(trackOf(fmt.Sprint("user-", i%test.users), "x"))
				}
				begun := time.Now()
				launch(t, d, client(t, sandbox, "sandbox-key-0000"), func(o *Options) {
					o.KeyPerMinute, o.UserPerMinute = test.limits.KeyPerMinute, test.limits.UserPerMinute
				}).drain(t)
				took := time.Since(begun)
				for _, call := range sandbox.Calls() {
					if call.Status != http.StatusOK {
						t.Fatalf("a call was answered %d", call.Status)
					}
				}
				if most := test.least * 100 / 95; took > most {
					t.Errorf("took %s, want at most %s: 95 %% of the limit", took, most)
				}
				t.Logf("%.1f %% of the limit", 100*test.least.Seconds()/took.Seconds())
			})
		})
	}
}

func TestEachRefusalOfAKeyBlocks(t *testing.T) {
	tests := []struct {
		key    refiner.APIKey
		reason string
	}{
		{"short", "No API key found in headers (HTTP 401)"},
		{"sandbox key with spaces", "API key does not look valid (HTTP 401)"},
		{"unknown-key-00000000", "API key not valid or does not exist (HTTP 404)"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sandbox := refinertest.New(refinertest.Options{APIKeys: []string{"another-key-00000000"}})
				d := newDisk(trackOf("ada", "1"), trackOf("bob", "2"))
				p := launch(t, d, client(t, sandbox, test.key))
				time.Sleep(10 * time.Minute)
				if state := p.State(); state.Status != StatusBlocked || state.Reason != test.reason {
					t.Errorf("state %+v, want blocked: %s", state, test.reason)
				}
				if strings.Contains(p.State().Reason, string(test.key)) {
					t.Error("state shows the key")
				}
				sandbox.SetKeys(string(test.key))
				begun := time.Now()
				p.drain(t)
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("delivered %s after the key worked, want within a minute", took)
				}
				for i := range 2 {
					if got := d.outcome(i); got.Kind != journal.Delivered || got.Attempts != 1 {
						t.Errorf("outcome %+v, want delivered at the first attempt", got)
					}
				}
			})
		})
	}
}

func TestWhatRefinerCondemnsIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sandbox := refinertest.New(refinertest.Options{})
		if err := sandbox.SetFaults(refinertest.Fault{User: "ada", Times: 1, Status: 413}); err != nil {
			t.Fatal(err)
		}
		d := newDisk(trackOf("ada", "1"), trackOf("ada", "2"))
		launch(t, d, client(t, sandbox, "sandbox-key-0000")).drain(t)
		if got := d.outcome(0); got.Kind != journal.Dead || got.Reason != "refused_413" || got.Letter.Status != 413 {
			t.Errorf("outcome %+v, want dead", got)
		}
		if got := d.outcome(1); got.Kind != journal.Delivered {
			t.Errorf("outcome %+v of the event behind it, want delivered", got)
		}
	})
}

// Package restart stops and kills real Tanker processes and looks at what the next one does.
package restart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tanker-restart-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if binary, err = tankertest.Build(context.Background(), dir); err != nil {
		panic(err)
	}
	return m.Run()
}

// start starts a Tanker with a sandbox behind it.
func start(t *testing.T, o refinertest.Options, settings string) (*tankertest.Process, *refinertest.Server) {
	t.Helper()
	o.APIKeys = []string{tankertest.APIKey}
	sandbox := refinertest.NewServer(t, o)
	process, err := tankertest.New(tankertest.Options{Binary: binary, Dir: t.TempDir(), Refiner: sandbox.URL, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Kill(); err != nil {
			t.Error(err)
		}
	})
	return process, sandbox
}

// send has n track events accepted, of so many users in turn. Their names are e0, e1 and so on.
func send(t *testing.T, p *tankertest.Process, n, users int) {
	t.Helper()
	var batch bytes.Buffer
	for i := range n {
		fmt.Fprintf(&batch, `,{"type":"track","userId":"user-%d","event":"e%d"}`, i%users, i)
	}
	post(t, p, `{"batch":[`+batch.String()[1:]+`]}`)
}

// post has a batch accepted.
func post(t *testing.T, p *tankertest.Process, batch string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/v1/batch", strings.NewReader(batch))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(tankertest.WriteKey, "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", resp.Status)
	}
}

// await waits until the destination is as the test wants it.
func await(t *testing.T, p *tankertest.Process, holds func(admin.DestinationStatus) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last admin.DestinationStatus
	err := tankertest.Await(ctx, func() (bool, error) {
		var err error
		last, err = p.Destination(ctx)
		return err == nil && holds(last), err
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, last)
	}
}

// arrived are the names of the events in the order in which the sandbox took them, by user.
func arrived(t *testing.T, sandbox *refinertest.Server) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, call := range sandbox.Calls() {
		var body struct{ ID, Event string }
		if err := json.Unmarshal(call.Body, &body); err != nil {
			t.Fatal(err)
		}
		if call.Status == http.StatusOK {
			all[body.ID] = append(all[body.ID], body.Event)
		}
	}
	return all
}

// TestLimitsAfterAKill kills a Tanker that has used up a limit. The next one must not begin with a fresh one.
func TestLimitsAfterAKill(t *testing.T) {
	for name, test := range map[string]struct {
		limits   refinertest.Limits
		settings string
		users    int
		upToIt   func(admin.DestinationStatus) bool // how one sees that the limit alone holds calls back
	}{
		"of a user": {
			refinertest.Limits{UserPerMinute: 20}, "{key_per_minute: 0, user_per_minute: 20}", 1,
			func(d admin.DestinationStatus) bool { return d.State == "waiting" },
		},
		"of the key": {
			refinertest.Limits{KeyPerMinute: 5}, "{key_per_minute: 5, user_per_minute: 0}", 30,
			func(d admin.DestinationStatus) bool { return strings.HasPrefix(d.Reason, "as fast as the limit") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			most := test.limits.UserPerMinute + test.limits.KeyPerMinute
			process, sandbox := start(t, refinertest.Options{Limits: test.limits}, "    limits: "+test.settings+"\n")
			send(t, process, 30, test.users)
			held := func(d admin.DestinationStatus) bool {
				return test.upToIt(d) && d.InFlight == 0 && d.Pending == uint64(30-most)
			}
			await(t, process, held)
			for range 2 {
				if err := process.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := process.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				await(t, process, held)
			}
			for _, call := range sandbox.Calls() {
				if call.Status != http.StatusOK {
					t.Errorf("a call was answered %d", call.Status)
				}
			}
			if n := len(sandbox.Calls()); n != most {
				t.Errorf("%d calls within a minute, limit %d", n, most)
			}
		})
	}
}

// TestStopRepeatsNothing stops a Tanker in the middle of its work. It gives up its port at once, waits for the calls under
// way, and the next one makes none of them again.
func TestStopRepeatsNothing(t *testing.T) {
	const events, users = 400, 50
	process, sandbox := start(t, refinertest.Options{}, "    limits: {key_per_minute: 0, user_per_minute: 0}\n")
	if err := sandbox.SetFaults(refinertest.Fault{Delay: time.Second, Apply: true}); err != nil {
		t.Fatal(err)
	}
	send(t, process, events, users)
	await(t, process, func(d admin.DestinationStatus) bool { return d.Totals.Delivered > 0 && d.InFlight > 0 })

	stopped := make(chan error, 1)
	go func() { stopped <- process.Stop() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := tankertest.Await(ctx, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(process.URL, "http://"), time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := process.Destination(ctx); err != nil || d.State != "stopping" || d.InFlight == 0 {
		t.Errorf("after the port was given up: %+v, %v; want calls under way", d, err)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if code := process.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}

	if err := sandbox.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, process, func(d admin.DestinationStatus) bool { return d.Pending == 0 })
	n := 0
	for user, got := range arrived(t, sandbox) {
		for i, event := range got {
			n++
			if want := fmt.Sprintf("e%s", number(t, user, i, users)); event != want {
				t.Errorf("%s: the %d. event is %s, want %s", user, i, event, want)
			}
		}
	}
	if n != events {
		t.Errorf("%d calls, want each of the %d events once", n, events)
	}
}

// number is the number of the i-th event of a user.
func number(t *testing.T, user string, i, users int) string {
	t.Helper()
	var first int
	if _, err := fmt.Sscanf(user, "user-%d", &first); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(first + i*users)
}

// TestStopIsBounded stops a Tanker whose calls are never answered.
func TestStopIsBounded(t *testing.T) {
	process, sandbox := start(t, refinertest.Options{}, "stop_timeout: 1s\n")
	if err := sandbox.SetFaults(refinertest.Fault{Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	send(t, process, 5, 5)
	await(t, process, func(d admin.DestinationStatus) bool { return d.InFlight == 5 })
	stopped := make(chan error, 1)
	go func() { stopped <- process.Stop() }()
	select {
	case err := <-stopped:
		if err != nil || process.ExitCode() != 0 {
			t.Errorf("stopped with %v, exit code %d", err, process.ExitCode())
		}
	case <-time.After(patience):
		t.Fatal("it does not stop")
	}
	if err := sandbox.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if err := process.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, process, func(d admin.DestinationStatus) bool { return d.Totals.Delivered == 5 })
}

package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/natstest"
	"tanker/refiner/refinertest"
)

// environment is that of a server with one source and one destination, in a working directory of its own.
func environment(t *testing.T) *refinertest.Server {
	t.Helper()
	t.Chdir(t.TempDir())
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{refinerKey}})
	for name, value := range map[string]string{
		"TANKER_WRITE_KEY": "wk", "REFINER_API_KEY": refinerKey, "REFINER_ENDPOINT": refiner.URL,
		"TANKER_DATA_DIR": "data", "TANKER_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_TOKEN": "a-token-of-an-operator",
	} {
		t.Setenv(name, value)
	}
	return refiner
}

// serveFrom runs a server on a data directory, and returns where SDKs send to.
func serveFrom(t *testing.T, dir string) (*running, string) {
	t.Helper()
	t.Setenv("TANKER_DATA_DIR", dir)
	t.Setenv("TANKER_ADMIN_LISTEN", "127.0.0.1:0")
	s := begin(t, "serve")
	gateway := s.await(t, `url=(http://\S+)`)
	t.Setenv("TANKER_ADMIN_LISTEN", strings.TrimPrefix(s.await(t, `admin=(http://\S+)`), "http://"))
	return s, gateway
}

func TestJournalIsCopiedOnTheCommandLine(t *testing.T) {
	refiner := environment(t)
	refiner.SetFaults(refinertest.Fault{User: "bad", Status: 422})
	s, gateway := serveFrom(t, "data")
	for _, user := range []string{"good", "bad", "good"} {
		post(t, gateway, "wk", "identify", `{"userId":"`+user+`"}`)
	}
	settled(t)
	want := statusOf(t).Totals
	if r := tanker(t, "journal", "export", "live"); r.code != 1 || !strings.Contains(r.stderr, "in use by process") || !strings.Contains(r.stderr, "stop it first") {
		t.Errorf("export of a live journal: %+v", r)
	}
	if got := s.stop(); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"export", "backup"}, "exported 3 events"},
		{[]string{"verify", "backup"}, "backup is whole"},
		{[]string{"import", "backup", "--to", "restored"}, "copied 3 events to restored/journal"},
		{[]string{"migrate", "--from", "restored", "--to", "moved"}, "copied 3 events to moved/journal"},
	} {
		if r := tanker(t, append([]string{"journal"}, step.args...)...); r.code != 0 || !strings.Contains(r.stdout+r.stderr, step.want) {
			t.Fatalf("journal %v: %+v", step.args, r)
		}
	}
	if r := tanker(t, "journal", "export", "backup", "--from", "moved"); r.code != 1 || !strings.Contains(r.stderr, "there already") {
		t.Errorf("a backup was overwritten: %+v", r)
	}
	serveFrom(t, "moved")
	if diff := cmp.Diff(want, statusOf(t).Totals); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if r := tanker(t, "dead", "list"); !strings.Contains(r.stdout, "bad") {
		t.Errorf("the dead letter is gone: %+v", r)
	}
}

// What waits on one machine is delivered from the cluster, and what has happened there is known on the machine again.
func TestJournalMovesToAClusterAndBack(t *testing.T) {
	refiner := environment(t)
	c := natstest.Start(t, natstest.Options{})
	s, gateway := serveFrom(t, "data")
	refiner.SetFaults(refinertest.Fault{User: "bad", Status: 422})
	post(t, gateway, "wk", "identify", `{"userId":"bad"}`)
	settled(t)
	if r := tanker(t, "pause", "refiner"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	post(t, gateway, "wk", "identify", `{"userId":"first"}`)
	s.stop()
	move := func(from, to string) {
		t.Helper()
		if r := tanker(t, "journal", "migrate", "--from", from, "--to", to); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
	move("data", c.URL())

	t.Setenv("TANKER_JOURNAL_URL", c.URL())
	s, gateway = serveFrom(t, "node")
	post(t, gateway, "wk", "identify", `{"userId":"second"}`)
	status := statusOf(t)
	for deadline := time.Now().Add(20 * time.Second); status.State != "paused" && time.Now().Before(deadline); status = statusOf(t) {
		runtime.Gosched() // the process is about to take the destination over
	}
	if status.Pending != 2 || status.Totals.Sum() != 1 || status.State != "paused" {
		t.Errorf("on the cluster: %+v", status)
	}
	if r := tanker(t, "journal", "export", "live"); r.code != 1 || !strings.Contains(r.stderr, "in use by process") {
		t.Errorf("export while a server works on the cluster: %+v", r)
	}
	if r := tanker(t, "resume", "refiner"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	settled(t)
	want := statusOf(t)
	s.stop()
	if _, there := refiner.Contact("second", ""); !there {
		t.Error("what was sent to the cluster was not delivered")
	}
	t.Setenv("TANKER_JOURNAL_URL", "")
	move(c.URL(), "back")

	_, gateway = serveFrom(t, "back")
	post(t, gateway, "wk", "identify", `{"userId":"third"}`)
	settled(t)
	want.Totals.Delivered++
	if got := statusOf(t); got.Accepted != want.Accepted+1 || !cmp.Equal(want.Totals, got.Totals) {
		t.Errorf("back on one machine: %+v, before that %+v", got, want)
	}
	if r := tanker(t, "dead", "list"); !strings.Contains(r.stdout, "bad") {
		t.Errorf("the dead letter is gone: %+v", r)
	}
}

func TestHealth(t *testing.T) {
	environment(t)
	if r := tanker(t, "health"); r.code != 1 {
		t.Errorf("without a server: %+v", r)
	}
	s, _ := serveFrom(t, "data")
	for _, args := range [][]string{{"health"}, {"health", "--ready"}, {"health", "--data-dir", "data"}} {
		if r := tanker(t, args...); r.code != 0 {
			t.Errorf("%v: %+v", args, r)
		}
	}
	s.stop()
	if r := tanker(t, "health"); r.code != 1 || !strings.Contains(r.stderr, "no server answers") {
		t.Errorf("after the stop: %+v", r)
	}
}

func TestJournalCommandsThatAreRefused(t *testing.T) {
	environment(t)
	for name, text := range map[string]string{"other": "something else", "torn": "Tanker journal 1\nH"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "say what to do"},
		{"copy", 2, "not one of export, verify, import, migrate"},
		{"export", 2, "name the file"},
		{"export a b", 2, `"b" is not expected`},
		{"export a --to b", 2, "no use for --to"},
		{"export a", 1, "data/journal: no journal"},
		{"export a --from nats://u:secret@127.0.0.1/x", 1, "more in it than a host"},
		{"verify other", 1, "no exported journal"},
		{"verify torn", 1, "not complete: it ends at byte 18"},
		{"verify nowhere", 1, "nowhere"},
		{"import other --to new", 1, "nothing of it was used"},
		{"migrate --from data", 2, "--from and --to"},
		{"migrate --from a --to b", 1, "a/journal: no journal"},
		{"migrate --from nats://u:secret@127.0.0.1:1 --to b", 1, "see that they run"},
	} {
		t.Run(test.args, func(t *testing.T) {
			r := tanker(t, append([]string{"journal"}, strings.Fields(test.args)...)...)
			if r.code != test.code || !strings.Contains(r.stderr, test.want) || strings.Contains(r.stderr, "secret") {
				t.Errorf("got %+v", r)
			}
		})
	}
	for _, name := range []string{"new", "a", "b"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}

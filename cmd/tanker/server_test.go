package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/journal"
	"tanker/refiner/refinertest"
)

// post sends an event as an SDK does.
func post(t *testing.T, gateway, writeKey, kind, body string) int {
	t.Helper()
	req, _ := http.NewRequest("POST", gateway+"/v1/"+kind, strings.NewReader(body))
	req.SetBasicAuth(writeKey, "")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

const refinerKey = "refiner-key-0123456789"

// serving runs tanker serve with what the environment says, a stand-in for Refiner behind it, in a working
// directory of its own. It returns the URL that SDKs send to.
func serving(t *testing.T) (*refinertest.Server, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{refinerKey}})
	for name, value := range map[string]string{
		"TANKER_WRITE_KEY": "wk", "REFINER_API_KEY": refinerKey, "REFINER_ENDPOINT": refiner.URL,
		"TANKER_DATA_DIR": "data", "TANKER_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	s := begin(t, "serve")
	gateway := s.await(t, `url=(http://\S+)`)
	t.Setenv("TANKER_ADMIN_LISTEN", strings.TrimPrefix(s.await(t, `admin=(http://\S+)`), "http://"))
	return refiner, gateway
}

// statusOf is what tanker status --json says of the only destination.
func statusOf(t *testing.T) admin.DestinationStatus {
	t.Helper()
	got := tanker(t, "status", "--json")
	var s admin.Status
	if err := json.Unmarshal([]byte(got.stdout), &s); err != nil || got.code != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	return s.Destinations[0]
}

// settled waits until nothing is pending.
func settled(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); statusOf(t).Pending > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still pending: %+v", statusOf(t))
		}
	}
}

func TestServeStatusAndDead(t *testing.T) {
	refiner, gateway := serving(t)
	refiner.SetFaults(refinertest.Fault{User: "bad", Status: 422, Body: `{"message":"no such luck"}`})
	post(t, gateway, "wk", "identify", `{"userId":"good","traits":{"a":1}}`)
	post(t, gateway, "wk", "track", `{"event":"Nobody","anonymousId":"a"}`)
	for i := range 3 {
		post(t, gateway, "wk", "track", fmt.Sprintf(`{"userId":"bad","event":"e%d\u001b[2J"}`, i))
	}
	settled(t)

	status := tanker(t, "status")
	for _, want := range []string{
		"accepting events", "5 events ever accepted",
		"DESTINATION  STATE  ACCEPTED  DELIVERED  FILTERED  REJECTED  DEAD  PENDING  OLDEST\n" +
			"refiner      idle          5          1         0         1     3        0       -\n",
		"\n  rejected: 1 no_identity\n", "\n  calls since the start: 3 event, 1 ok\n",
	} {
		if !strings.Contains(status.stdout, want) {
			t.Errorf("no %q in\n%s", want, status.stdout)
		}
	}

	list := tanker(t, "dead", "list", "--user", "bad", "--since", "1h")
	lines := strings.Split(strings.TrimSpace(list.stdout), "\n")
	if list.code != 0 || len(lines) != 4 || !strings.Contains(lines[1], "no such luck") {
		t.Fatalf("dead list: %+v", list)
	}
	first, second := strings.Fields(lines[1])[0], strings.Fields(lines[2])[0]
	for args, want := range map[string]string{
		"list --user good":      "there are no dead letters\n",
		"list --until 1h":       "there are no dead letters\n",
		"list --limit 2":        "more: --limit 0 shows all\n",
		"list --reason nothing": "there are no dead letters\n",
		"show " + first:         "last answer  422 {\"message\":\"no such luck\"}\n",
		"discard --all --yes --until 2001-01-01T00:00:00Z": "0 letters discarded\n",
	} {
		got := tanker(t, append([]string{"dead"}, strings.Fields(args)...)...)
		if got.code != 0 || !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "\x1b") {
			t.Errorf("dead %s: %+v, want %q", args, got, want)
		}
	}
	var letter journal.DeadLetter
	if err := json.Unmarshal([]byte(tanker(t, "dead", "show", second, "--json").stdout), &letter); err != nil || letter.User != "bad" {
		t.Errorf("letter %+v, %v", letter, err)
	}
	if got := tanker(t, "dead", "list", "--json"); strings.Count(got.stdout, "\n") != 3 {
		t.Errorf("a letter a line: %s", got.stdout)
	}

	groups := strings.Split(tanker(t, "dead", "groups").stdout, "\n")
	if len(groups) != 3 || !regexp.MustCompile(`^[0-9a-f]{12}  refiner +3  .* refused_422 +422  no such luck$`).MatchString(groups[1]) {
		t.Fatalf("dead groups: %q", groups)
	}
	group := strings.Fields(groups[1])[0]
	for args, want := range map[string]string{
		"list --group " + group:                       first,
		"list --group 000000000000":                   "there are no dead letters\n",
		"groups --user good":                          "there are no dead letters\n",
		"groups --json":                               `"letters": 3`,
		"replay --all --dry-run --group " + group:     "3 letters would be sent again\n",
		"replay --all --dry-run --group 000000000000": "0 letters would be sent again\n",
		"discard --all --yes --group 000000000000":    "0 letters discarded\n",
	} {
		if got := tanker(t, append([]string{"dead"}, strings.Fields(args)...)...); got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("dead %s: %+v, want %q", args, got, want)
		}
	}

	refiner.SetFaults()
	if got := tanker(t, "dead", "replay", first); got.stdout != "1 letter sent again\n" {
		t.Errorf("replay: %+v", got)
	}
	if got := tanker(t, "dead", "discard", second, "--destination", "refiner"); got.stdout != "1 letter discarded\n" {
		t.Errorf("discard: %+v", got)
	}
	if got := tanker(t, "dead", "discard", "--all"); got.code != 1 || !strings.Contains(got.stderr, "would delete 1 letter for good") || !strings.Contains(got.stderr, "--yes") {
		t.Errorf("discard --all: %+v", got)
	}
	if got := tanker(t, "dead", "replay", "--all"); got.stdout != "1 letter sent again\n" {
		t.Errorf("replay --all: %+v", got)
	}
	settled(t)
	if s := statusOf(t); s.Totals.Delivered != 3 || s.Accepted != 7 {
		t.Errorf("after the replays: %+v", s)
	}
	for _, args := range []string{"show " + first, "replay " + first, "discard " + first} {
		got := tanker(t, append([]string{"dead"}, strings.Fields(args)...)...)
		if got.code != 1 || !strings.Contains(got.stderr, "not found\nhint: ") {
			t.Errorf("dead %s again: %+v", args, got)
		}
	}
}

// TestDeadLettersAreCorrected tells what an operator does about events that Refiner refuses.
func TestDeadLettersAreCorrected(t *testing.T) {
	refiner, gateway := serving(t)
	refiner.SetFaults(refinertest.Fault{User: "bad", Status: 422, Body: `{"message":"no such luck"}`})
	post(t, gateway, "wk", "track", `{"userId":"bad","event":"One"}`)
	post(t, gateway, "wk", "identify", `{"userId":"bad","traits":{"n":12345678901234567890}}`)
	settled(t)
	lines := strings.Split(tanker(t, "dead", "list").stdout, "\n")
	first := strings.Fields(lines[1])[0]

	want := "2 letters would be sent again\n  1  POST /v1/identify-user\n  1  POST /v1/track-event\n\nPOSITION"
	got := tanker(t, "dead", "replay", "--all", "--dry-run")
	if !strings.HasPrefix(got.stdout, want) || !strings.Contains(got.stdout, `track     bad   /v1/track-event {"id":"bad","event":"One"}`) {
		t.Errorf("dry run: %+v", got)
	}
	if got := tanker(t, "dead", "replay", "--all", "--dry-run", "--reason", "refused_400"); got.stdout != "0 letters would be sent again\n" {
		t.Errorf("dry run of nothing: %+v", got)
	}
	if got := tanker(t, "dead", "replay", "--all", "--dry-run", "--json"); strings.Count(got.stdout, "\n") != 2 || !strings.Contains(got.stdout, "12345678901234567890") {
		t.Errorf("dry run, JSON: %+v", got)
	}

	event := tanker(t, "dead", "show", first, "--event").stdout
	for name, test := range map[string]struct{ file, want string }{
		"half an event": {event[:9], "tanker: this event cannot be sent"},
		"no use":        {`{"event":"One"}`, "it would be rejected: no_identity"},
		"nothing":       {"", "edit.json is empty"},
	} {
		if err := os.WriteFile("edit.json", []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		got := tanker(t, "dead", "replay", first, "--edit", "edit.json")
		if got.code != 1 || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if err := os.WriteFile("edit.json", []byte(strings.Replace(event, "bad", "good", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	got = tanker(t, "dead", "replay", first, "--edit", "edit.json", "--dry-run")
	if !strings.HasPrefix(got.stdout, "1 letter would be sent again\n") || !strings.Contains(got.stdout, `"id": "good"`) {
		t.Errorf("dry run of an edit: %+v", got)
	}
	if got := tanker(t, "dead", "replay", "--all", "--edit", "edit.json"); got.code != 2 {
		t.Errorf("one event for all: %+v", got)
	}
	if got := tanker(t, "dead", "replay", first, "--edit", "edit.json"); got.stdout != "1 letter sent again\n" {
		t.Errorf("edit: %+v", got)
	}
	settled(t)
	contact, ok := refiner.Contact("good", "")
	if names := contact.EventNames(); !ok || len(names) != 1 || names[0] != "One" {
		t.Errorf("Refiner has %v of good", names)
	}

	if got := tanker(t, "dead", "replay", "--all"); got.stdout != "1 letter sent again\n" {
		t.Errorf("replay --all: %+v", got)
	}
	settled(t)
	if got := tanker(t, "dead", "list"); !strings.Contains(got.stdout, "identify, replay of ") {
		t.Errorf("a replay that died again: %+v", got)
	}
}

func TestTrace(t *testing.T) {
	refiner, gateway := serving(t)
	refiner.SetFaults(refinertest.Fault{User: "u", Path: "/v1/track-event", Status: 422, Body: `{"message":"no such luck"}`})
	post(t, gateway, "wk", "identify", `{"userId":"u","traits":{"email":"u@example.com"}}`)
	post(t, gateway, "wk", "track", `{"userId":"other","event":"Hidden"}`)
	post(t, gateway, "wk", "track", `{"userId":"u","event":"Evil \u001b[2J"}`)
	settled(t)
	got := tanker(t, "trace", "--user", "u")
	for _, want := range []string{
		"  identify  from default\n         refiner: delivered after ", `  /v1/identify-user {"id":"u","email":"u@example.com"}`,
		`  track "Evil \x1b[2J"`, "refiner: dead after ", ": refused_422, 1 attempt\n", `answered 422 {"message":"no such luck"}`,
		"\n\n2 events of 3 searched, from 2", "\n  1  dead\n  1  delivered\n",
	} {
		if !strings.Contains(got.stdout, want) || strings.Contains(got.stdout, "Hidden") || strings.Contains(got.stdout, "\x1b") {
			t.Errorf("want %q in\n%s", want, got.stdout)
		}
	}
	if got := tanker(t, "trace", "--user", "u", "--json"); strings.Count(got.stdout, "\n") != 2 || !strings.HasPrefix(got.stdout, `{"position":"`) {
		t.Errorf("JSON: %+v", got)
	}
	if got := tanker(t, "trace", "--user", "nobody"); got.code != 0 || !strings.HasPrefix(got.stdout, "no such event among the 3 that were searched") {
		t.Errorf("nobody: %+v", got)
	}
	for args, want := range map[string]string{
		"--user u --destination d":         `destination "d": not found`,
		"--user u --message m":             "say whose events",
		"--user u --since 1h --until 2h":   "--since is not before --until",
		"--user u --since yesterday":       "is no time",
		"--user u --full --limit 1 --json": "",
	} {
		if got := tanker(t, append([]string{"trace"}, strings.Fields(args)...)...); !strings.Contains(got.stderr, want) || (want == "") != (got.code == 0) {
			t.Errorf("trace %s: %+v", args, got)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	_, gateway := serving(t)
	if got := tanker(t, "pause", "refiner"); got.code != 0 || got.stdout != "refiner paused\n" {
		t.Fatalf("%+v", got)
	}
	post(t, gateway, "wk", "track", `{"userId":"u","event":"e"}`)
	for deadline := time.Now().Add(20 * time.Second); statusOf(t).State != "paused" && time.Now().Before(deadline); {
		time.Sleep(2 * time.Millisecond)
	}
	got := tanker(t, "status")
	for _, want := range []string{"\nrefiner      paused         1          0 ", "\n  paused for ", ": tanker resume lets it go on\n"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
	if got := tanker(t, "resume", "refiner"); got.code != 0 || got.stdout != "refiner resumed\n" {
		t.Errorf("%+v", got)
	}
	settled(t)
	want := "tanker: destination \"nowhere\": not found\nhint: tanker status shows the destinations\n"
	if got := tanker(t, "pause", "nowhere"); got.code != 1 || got.stderr != want {
		t.Errorf("%+v", got)
	}
}

func TestReplay(t *testing.T) {
	refiner, gateway := serving(t)
	for i := range 4 {
		post(t, gateway, "wk", "track", fmt.Sprintf(`{"userId":"u","event":"e%d"}`, i))
	}
	post(t, gateway, "wk", "identify", `{"userId":"u","traits":{"a":1}}`)
	post(t, gateway, "wk", "track", `{"anonymousId":"a","event":"e0"}`)
	settled(t)
	if got := tanker(t, "replay", "list"); got.stdout != "there were no replays\n" {
		t.Errorf("list: %+v", got)
	}
	got := tanker(t, "replay", "--since", "1h")
	for _, want := range []string{
		"to refiner: events received from 2", "5 events of 6 searched would be sent\n  4  POST /v1/track-event\n  1  POST /v1/identify-user\n",
		"1 event would not: the mapping makes no call of them\n  1  rejected: no_identity\n", `/v1/identify-user {"id":"u","a":1}`,
		"2,000 a minute of the 4,000 that the key's limit allows", "\nnothing was sent; add --yes to send it\n",
	} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s%s", want, got.stdout, got.stderr)
		}
	}
	if s := statusOf(t); s.Accepted != 6 {
		t.Errorf("after a dry run: %+v", s)
	}
	got = tanker(t, "replay", "--since", "1h", "--type", "Track", "--user", "u", "--event", "e2", "--yes")
	if got.code != 0 || !strings.Contains(got.stdout, "replay 1 has begun\nreplay 1 is done, 1 of 1 sent, in ") {
		t.Errorf("replay: %+v", got)
	}
	settled(t)
	contact, _ := refiner.Contact("u", "")
	if names := contact.EventNames(); strings.Join(names, " ") != "e0 e1 e2 e3 e2" {
		t.Errorf("Refiner has %v", names)
	}
	if got := tanker(t, "trace", "--user", "u"); !strings.Contains(got.stdout, ", replay of ") {
		t.Errorf("trace: %+v", got)
	}
	for args, want := range map[string]string{
		"list":                     "     1  done      1   1  2",
		"show 1":                   "replay 1 is done, 1 of 1 sent, in ",
		"--since 1h --user nobody": "0 events of 6 searched would be sent\n",
	} {
		if got := tanker(t, append([]string{"replay"}, strings.Fields(args)...)...); got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("replay %s: %+v, want %q", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"":                               "say from when on with --since",
		"--since 1h --yes --dry-run":     "contradict",
		"--since 1h --destination other": `destination "other": not found`,
		"--since 1h --rate -1":           "less than one event a minute",
		"stop":                           "say which replay",
		"stop 1":                         "replay 1 is not running, it is done",
		"continue 1":                     "replay 1 is done",
		"watch 7":                        "replay 7: not found",
		"show x":                         "is no number of a replay",
		"begin 1":                        "is not one of list",
	} {
		if got := tanker(t, append([]string{"replay"}, strings.Fields(args)...)...); got.code == 0 || !strings.Contains(got.stderr, want) {
			t.Errorf("replay %s: %+v, want %q", args, got, want)
		}
	}
}

// TestReplayIsInterrupted stops a slow replay and lets it go on.
func TestReplayIsInterrupted(t *testing.T) {
	_, gateway := serving(t)
	for i := range 3 {
		post(t, gateway, "wk", "track", fmt.Sprintf(`{"userId":"u","event":"e%d"}`, i))
	}
	settled(t)
	watching := begin(t, "replay", "--since", "1h", "--rate", "1", "--yes")
	watching.await(t, "(replay 1) has begun")
	for deadline := time.Now().Add(20 * time.Second); statusOf(t).Accepted < 4; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was sent")
		}
	}
	if got := watching.stop(); got.code != 0 || !strings.Contains(got.stdout, "replay 1 goes on in the server") {
		t.Errorf("watching: %+v", got)
	}
	if got := tanker(t, "status"); !strings.Contains(got.stdout, "\nreplay 1 is running, ") {
		t.Errorf("status: %+v", got)
	}
	if got := tanker(t, "replay", "--since", "1h", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "replay 1 to refiner is running") {
		t.Errorf("a second one: %+v", got)
	}
	if got := tanker(t, "replay", "stop", "1"); got.stdout != "replay 1 is stopped, 1 of 3 sent (33 %)\n" {
		t.Errorf("stop: %+v", got)
	}
	if got := tanker(t, "replay", "continue", "1"); !strings.HasPrefix(got.stdout, "replay 1 is running, 1 of 3 sent (33 %)") {
		t.Errorf("continue: %+v", got)
	}
	if got := tanker(t, "replay", "stop", "1"); got.code != 0 {
		t.Errorf("stop again: %+v", got)
	}
}

func TestRemoteErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TANKER_ADMIN_TOKEN", "")
	t.Setenv("TANKER_ADMIN_LISTEN", "127.0.0.1:1")
	t.Setenv("TANKER_DATA_DIR", "")
	got := tanker(t, "status")
	if got.code != 1 || !strings.HasPrefix(got.stderr, "tanker: no server answers at tanker-data/admin.sock\nhint: ") {
		t.Errorf("without a token: %+v", got)
	}
	got = tanker(t, "status", "--admin", "192.0.2.1:8081")
	if got.code != 1 || !strings.HasPrefix(got.stderr, "tanker: the server at 192.0.2.1:8081 asks for a token, and there is none\nhint: ") {
		t.Errorf("elsewhere without a token: %+v", got)
	}
	got = tanker(t, "status", "--data-dir", strings.Repeat("long", 30))
	if got.code != 1 || !strings.Contains(got.stderr, "too long for a socket") || !strings.Contains(got.stderr, "hint: use a shorter data_dir") {
		t.Errorf("a long path: %+v", got)
	}
	if err := os.WriteFile("token", []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	got = tanker(t, "status", "--token-file", "token")
	if want := "tanker: no server answers at 127.0.0.1:1\nhint: start one with tanker serve, or name the address of its admin API with --admin\n"; got.code != 1 || got.stderr != want {
		t.Errorf("without a server: %+v", got)
	}
}

// TestTokenAndLink loses the token that the first start printed, and gets in nevertheless.
func TestTokenAndLink(t *testing.T) {
	serving(t)
	link := tanker(t, "console")
	if link.code != 0 || !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/login\?link=[A-Z0-9]{26}\n\(opens once, within `).MatchString(link.stdout) {
		t.Errorf("console: %+v", link)
	}
	if got := tanker(t, "token"); got.code != 2 || !strings.Contains(got.stderr, "--new makes another one") {
		t.Errorf("token: %+v", got)
	}
	made := tanker(t, "token", "--new")
	if made.code != 0 {
		t.Fatalf("token --new: %+v", made)
	}
	t.Setenv("TANKER_ADMIN_TOKEN", strings.TrimSpace(made.stdout))
	if got := tanker(t, "status"); got.code != 0 {
		t.Errorf("with the new token: %+v", got)
	}
}

// TestTokenIsPrintedOnce, and not into the log.
func TestTokenIsPrintedOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{
		"TANKER_WRITE_KEY": "wk", "REFINER_API_KEY": refinerKey, "TANKER_DATA_DIR": "data",
		"TANKER_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	const says = "The token of the console and the admin API, shown this once: "
	for i := range 2 {
		var stdout bytes.Buffer
		stderr := &output{changed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, []string{"serve"}, strings.NewReader(""), &stdout, stderr) }()
		(&running{output: stderr}).await(t, "accepting events")
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if printed := strings.Contains(stdout.String(), says); printed != (i == 0) || strings.Contains(stderr.String(), says) {
			t.Errorf("start %d: standard output %q, log %s", i, stdout.String(), stderr)
		}
	}
}

func TestWrongToken(t *testing.T) {
	serving(t)
	t.Setenv("TANKER_ADMIN_TOKEN", "not-the-right-token")
	got := tanker(t, "status")
	if got.code != 1 || !strings.HasPrefix(got.stderr, "tanker: the token is missing or wrong\nhint: ") {
		t.Errorf("%+v", got)
	}
}

func TestServeDoesNotStart(t *testing.T) {
	_, gateway := serving(t)
	address := strings.TrimPrefix(gateway, "http://")
	for name, test := range map[string]struct {
		set  [2]string
		want []string
	}{
		"directory in use": {[2]string{"TANKER_LISTEN", "127.0.0.1:0"}, []string{"in use", "hint: another Tanker runs with this data directory"}},
		"port in use":      {[2]string{"TANKER_DATA_DIR", "other"}, []string{"tanker: listen: ", "hint: choose another port"}},
		"no key":           {[2]string{"REFINER_API_KEY", ""}, []string{"REFINER_API_KEY: is not set", "hint: set the variables"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TANKER_ADMIN_LISTEN", "127.0.0.1:0")
			t.Setenv("TANKER_LISTEN", address)
			t.Setenv(test.set[0], test.set[1])
			got := tanker(t, "serve")
			for _, want := range test.want {
				if got.code != 1 || !strings.Contains(got.stderr, want) {
					t.Errorf("%+v, want %q", got, want)
				}
			}
		})
	}
}

func TestServeReadsTheFileInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tanker.yaml", []byte("listen: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := tanker(t, "serve")
	if got.code != 1 || !strings.Contains(got.stderr, "\n  tanker.yaml:1: listen: \"nowhere\" is no address") || !strings.Contains(got.stderr, "hint: tanker config example") {
		t.Errorf("%+v", got)
	}
	if got := tanker(t, "serve", "--config", "missing.yaml"); got.code != 1 || !strings.Contains(got.stderr, "missing.yaml: no such file or directory") {
		t.Errorf("%+v", got)
	}
}

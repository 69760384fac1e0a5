// Package sdk_test sends with a real SDK, as npm has it, to a real Tanker, and looks at what reaches Refiner.
package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/server"
	"tanker/refiner/refinertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	users        = 50
	callsPerUser = 10

	writeKey   = "write-key-of-the-app"
	apiKey     = "api-key-0123456789abcdef"
	adminToken = "admin-token-0123456789"
)

// call is one call of the SDK and what has to reach Refiner for it.
type call struct {
	method  string
	message map[string]any

	path string
	body map[string]any
}

// callOf is the i-th call of a user. Between them the calls of a user cover every method, and values that must not
// change on the way.
func callOf(user, i int) call {
	id, email := fmt.Sprintf("user-%d", user), fmt.Sprintf("user%d@example.com", user)
	switch i % 5 {
	case 0:
		address := map[string]any{"city": "São Paulo", "zip": "01310-100"}
		return call{
			"identify", map[string]any{"userId": id, "traits": map[string]any{
				"email": email, "step": i, "score": 9.5, "active": true, "tags": []any{"a", "b"}, "address": address, "left": nil,
			}},
			"/v1/identify-user", map[string]any{
				"id": id, "email": email, "step": i, "score": 9.5, "active": true, "tags": []any{"a", "b"}, "address": address,
			},
		}
	case 1:
		return call{
			"page", map[string]any{"userId": id, "category": "Docs", "name": fmt.Sprintf("Home %d", i), "properties": map[string]any{"url": "http://x.test/"}},
			"/v1/track-event", map[string]any{"id": id, "event": fmt.Sprintf("Viewed Docs Home %d Page", i)},
		}
	case 2:
		return call{
			"track", map[string]any{"userId": id, "event": fmt.Sprintf("Order %d Completed", i), "properties": map[string]any{"price": "5.67"}},
			"/v1/track-event", map[string]any{"id": id, "event": fmt.Sprintf("Order %d Completed", i)},
		}
	case 3:
		return call{
			"group", map[string]any{"userId": id, "groupId": fmt.Sprintf("group-%d", user%7), "traits": map[string]any{"employees": 1000 + i, "name": "Sample \"Company\""}},
			"/v1/identify-user", map[string]any{"id": id, "account": map[string]any{
				"id": fmt.Sprintf("group-%d", user%7), "employees": 1000 + i, "name": "Sample \"Company\"",
			}},
		}
	default:
		return call{
			"track", map[string]any{
				"anonymousId": "anonymous-" + id, "event": fmt.Sprintf("Said 👋 %d times", i), "userId": id,
				"context": map[string]any{"traits": map[string]any{"email": email}},
			},
			"/v1/track-event", map[string]any{"id": id, "email": email, "event": fmt.Sprintf("Said 👋 %d times", i)},
		}
	}
}

func TestNodeSDK(t *testing.T) {
	requireSDK(t)
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	at, status := startTanker(t, refiner.URL)
	gateway, compressed := watch(t, at.Gateway)

	node := exec.CommandContext(t.Context(), "node", "send.mjs", gateway, writeKey)
	node.Stdin = bytes.NewReader(rounds(t))
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := refiner.WaitCalls(ctx, users*callsPerUser); err != nil {
		t.Fatalf("only %d calls arrived at Refiner: %v", refiner.Stats().Calls, err)
	}

	if requests, all := compressed(); requests == 0 || requests != all {
		t.Errorf("%d of %d requests were compressed batches, want all", requests, all)
	}
	calls := refiner.Calls()
	if len(calls) != users*callsPerUser {
		t.Errorf("%d calls arrived, want %d", len(calls), users*callsPerUser)
	}
	arrived := byUser(t, calls)
	for user := range users {
		var want []arrival
		for i := range callsPerUser {
			c := callOf(user, i)
			want = append(want, arrival{"POST", c.path, asJSON(t, c.body)})
		}
		if diff := cmp.Diff(want, arrived[fmt.Sprintf("user-%d", user)]); diff != "" {
			t.Fatalf("user %d (-want +got):\n%s", user, diff)
		}
	}
	for s := status(); ; s = status() {
		if s.Accepted != s.Totals.Sum()+s.Pending {
			t.Fatalf("the totals do not add up: %+v", s)
		}
		if s.Pending == 0 {
			if s.Totals.Delivered != users*callsPerUser {
				t.Errorf("totals %+v, want all delivered", s.Totals)
			}
			break
		}
	}
}

// TestReadme carries out the guide of the README.
func TestReadme(t *testing.T) {
	requireSDK(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n```js\n")
	code, _, found := strings.Cut(rest, "\n```\n")
	if !found {
		t.Fatal("the README has no code of an app")
	}
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	at, _ := startTanker(t, refiner.URL)
	code = strings.NewReplacer("my-write-key", writeKey, "http://127.0.0.1:8080", at.Gateway).Replace(code)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--input-type=module", "--eval", code)
	if out, err := node.CombinedOutput(); err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	if err := refiner.WaitCalls(ctx, 3); err != nil {
		t.Fatalf("only %d calls arrived at Refiner: %v", refiner.Stats().Calls, err)
	}
	contact, ok := refiner.Contact("u1", "alex@example.com")
	if !ok || contact.Account == nil || contact.Account.ID() != "acme" || !slices.Equal(contact.EventNames(), []string{"Order Completed"}) {
		t.Errorf("contact %+v", contact)
	}
}

// requireSDK skips the test where the SDK is not installed, but not in CI.
func requireSDK(t *testing.T) {
	t.Helper()
	_, err := os.Stat("node_modules/@rudderstack/rudder-sdk-node")
	if err == nil {
		_, err = exec.LookPath("node")
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("the SDK is not installed, which make test does: %v", err)
	default:
		t.Skipf("the SDK is not installed: run make test, or npm ci in test/sdk (%v)", err)
	}
}

// startTanker runs a Tanker until the test ends.
func startTanker(t *testing.T, refiner string) (server.Addresses, func() admin.DestinationStatus) {
	t.Helper()
	c := config.Default()
	c.Listen, c.Admin.Listen, c.DataDir = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	c.Admin.Token = config.NewSecret(adminToken)
	c.Journal.MaxBytes = 256 << 20
	s, d := config.DefaultSource(), config.DefaultDestination()
	s.Name, s.WriteKey = "app", config.NewSecret(writeKey)
	d.Name, d.Endpoint, d.APIKey = "refiner", refiner, config.NewSecret(apiKey)
	d.Limits.KeyPerMinute = 0 // the real limit would spread the calls over eight seconds
	c.Sources, c.Destinations = []config.Source{s}, []config.Destination{d}

	ctx, stop := context.WithCancel(context.Background())
	listening, ended := make(chan server.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, c, server.Options{Listening: func(a server.Addresses) { listening <- a }})
	}()
	var at server.Addresses
	select {
	case at = <-listening:
	case err := <-ended:
		t.Fatalf("tanker: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("tanker: %v", err)
		}
	})
	client := admin.NewClient(at.Admin, c.Admin.Token)
	return at, func() admin.DestinationStatus {
		status, err := client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.Destinations[0]
	}
}

// watch stands between the SDK and the gateway. It counts the requests that are compressed batches, and all.
func watch(t *testing.T, gateway string) (address string, count func() (compressed, all int64)) {
	t.Helper()
	to, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	var compressed, all atomic.Int64
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		all.Add(1)
		if r.In.URL.Path == "/v1/batch" && r.In.Header.Get("Content-Encoding") == "gzip" {
			compressed.Add(1)
		}
		r.SetURL(to)
	}}
	web := httptest.NewServer(proxy)
	t.Cleanup(func() { web.Close(); transport.CloseIdleConnections() })
	return web.URL, func() (int64, int64) { return compressed.Load(), all.Load() }
}

// rounds is the input of the script: in each round every user makes one call.
func rounds(t *testing.T) []byte {
	t.Helper()
	var input bytes.Buffer
	for i := range callsPerUser {
		var round [][2]any
		for user := range users {
			c := callOf(user, i)
			round = append(round, [2]any{c.method, c.message})
		}
		if err := json.NewEncoder(&input).Encode(round); err != nil {
			t.Fatal(err)
		}
	}
	return input.Bytes()
}

// arrival is what Refiner saw of a call.
type arrival struct {
	Method, Path string
	Body         any
}

// byUser sorts the calls by the id they carry, each user's in the order of arrival.
func byUser(t *testing.T, calls []refinertest.Call) map[string][]arrival {
	t.Helper()
	slices.SortFunc(calls, func(a, b refinertest.Call) int { return int(a.Seq - b.Seq) })
	arrived := make(map[string][]arrival)
	for _, c := range calls {
		if c.Status/100 != 2 {
			t.Errorf("call %d was answered %d", c.Seq, c.Status)
		}
		body := asJSON(t, c.Body)
		id, _ := body.(map[string]any)["id"].(string)
		arrived[id] = append(arrived[id], arrival{c.Method, c.Path, body})
	}
	return arrived
}

// asJSON is a value as it looks after a way through JSON, with numbers as they are written.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

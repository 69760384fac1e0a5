package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/erasure"
	"tanker/internal/server"
)

// description reads docs/openapi.yaml.
func description(t *testing.T) *openapi3.T {
	t.Helper()
	data, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestEveryRouteIsDescribed compares docs/openapi.yaml with what the admin API answers.
func TestEveryRouteIsDescribed(t *testing.T) {
	h := admin.NewHandler(admin.Options{Access: admin.NewAccess(config.NewSecret(token)), Metrics: http.NotFoundHandler()})
	var served, described []string
	for _, pattern := range h.Routes() {
		// What is not described: the profiler, and what answers everything else.
		if method, path, _ := strings.Cut(pattern, " "); path != "" && !strings.HasPrefix(path, "/debug/") {
			served = append(served, method+" "+path)
		}
	}
	for path, item := range description(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("docs/openapi.yaml does not describe %s", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("docs/openapi.yaml describes %s, which there is not", route)
		}
	}
}

// exchanger asks a running server and compares its answers with their description.
type exchanger struct {
	t    *testing.T
	doc  *openapi3.T
	base string
	seen map[string]bool // operations that were answered with success
}

// do makes a request. path is that of the description; values fill in what is in braces.
func (x *exchanger) do(method, path, query, body string, want int, values ...string) []byte {
	x.t.Helper()
	operation := x.doc.Paths.Value(path).GetOperation(method)
	if operation == nil {
		x.t.Fatalf("%s %s is not described", method, path)
	}
	at := path
	for i := 0; i < len(values); i += 2 {
		at = strings.Replace(at, "{"+values[i]+"}", values[i+1], 1)
	}
	req, err := http.NewRequestWithContext(x.t.Context(), method, x.base+at+query, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		x.t.Fatalf("%s %s: %d, want %d: %s, %v", method, at+query, resp.StatusCode, want, answer, err)
	}
	described := operation.Responses.Status(resp.StatusCode)
	if described == nil {
		described = operation.Responses.Default()
	}
	if described == nil {
		x.t.Fatalf("%s %s: the answer %d is not described", method, path, resp.StatusCode)
	}
	if resp.StatusCode < 300 {
		x.seen[method+" "+path] = true
	}
	x.compare(method+" "+at, described.Value.Content, resp.Header.Get("Content-Type"), answer)
	return answer
}

func (x *exchanger) compare(what string, content openapi3.Content, contentType string, answer []byte) {
	x.t.Helper()
	kind, _, _ := strings.Cut(contentType, ";")
	media := content[kind]
	switch {
	case len(answer) == 0 && len(content) == 0:
		return
	case media == nil:
		x.t.Errorf("%s: answers of the type %q are not described", what, contentType)
		return
	case kind == "text/plain":
		return
	}
	lines := bufio.NewScanner(bytes.NewReader(answer))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var value any
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			x.t.Errorf("%s: %v: %s", what, err, lines.Bytes())
			continue
		}
		if object, ok := value.(map[string]any); ok && object["error"] != nil && kind == "application/x-ndjson" {
			x.t.Errorf("%s: %v", what, object["error"])
		}
		if err := media.Schema.Value.VisitJSON(value, openapi3.MultiErrors()); err != nil {
			x.t.Errorf("%s: %v\n%s", what, err, lines.Bytes())
		}
	}
}

// TestAnswersAreAsDescribed asks a running server for everything.
func TestAnswersAreAsDescribed(t *testing.T) {
	box, endpoint := sandbox(t)
	_, second := sandbox(t) // the one call that is refused must be the first destination's
	c := testConfig(t, endpoint)
	c.Sources = append(c.Sources, source("app"))
	c.Destinations = append(c.Destinations, destination("other", second))
	r := startWith(t, c, server.Options{ErasureGrace: time.Millisecond})
	fill(t, r, box)
	x := &exchanger{t: t, doc: description(t), base: r.Admin, seen: map[string]bool{}}

	for _, path := range []string{"/health", "/ready", "/metrics", "/api/v1/status", "/api/v1/dead/groups", "/api/v1/replays", "/api/v1/erasures"} {
		x.do("GET", path, "", "", 200)
	}
	x.do("GET", "/api/v1/trace", "?user=ada-4711", "", 200)
	x.do("GET", "/api/v1/trace", "", "", 400)
	var letters struct{ Letters []struct{ Position string } }
	if err := json.Unmarshal(x.do("GET", "/api/v1/dead", "?destination=production", "", 200), &letters); err != nil || len(letters.Letters) != 1 {
		t.Fatalf("%+v, %v", letters, err)
	}
	letter := []string{"destination", "production", "position", letters.Letters[0].Position}
	x.do("GET", "/api/v1/dead/{destination}/{position}", "", "", 200, letter...)
	x.do("GET", "/api/v1/dead/{destination}/{position}", "", "", 404, "destination", "production", "position", "99.0")
	x.do("POST", "/api/v1/dead/{destination}/{position}/replay", "?dry_run=true", "", 200, letter...)
	x.do("POST", "/api/v1/dead/{destination}/{position}/replay", "", `{`, 422, letter...)
	x.do("POST", "/api/v1/dead/replay", "?dry_run=true", "", 200)
	x.do("POST", "/api/v1/dead/discard", "?dry_run=true", "", 200)
	x.do("DELETE", "/api/v1/dead/{destination}/{position}", "", "", 204, letter...)
	for _, verb := range []string{"pause", "resume"} {
		x.do("POST", "/api/v1/destinations/{destination}/"+verb, "", "", 204, "destination", "production")
		x.do("POST", "/api/v1/destinations/{destination}/"+verb, "", "", 404, "destination", "nowhere")
	}
	x.replays(t)
	x.erasures(t, r)
	x.do("POST", "/api/v1/login-links", "", "", 201)
	x.do("POST", "/api/v1/token", "", "", 409) // it is the configuration's
	for path, item := range x.doc.Paths.Map() {
		for method := range item.Operations() {
			if name := method + " " + path; !x.seen[name] && path != "/api/v1/token" {
				t.Errorf("%s was not asked for", name)
			}
		}
	}
}

func (x *exchanger) replays(t *testing.T) {
	t.Helper()
	request := fmt.Sprintf(`{"destination":"production","rate":1,"since":%q}`, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	x.do("POST", "/api/v1/replays/plan", "", request, 200)
	x.do("POST", "/api/v1/replays", "", `{"nothing":1}`, 400)
	var job struct{ ID int }
	if err := json.Unmarshal(x.do("POST", "/api/v1/replays", "", request, 201), &job); err != nil {
		t.Fatal(err)
	}
	id := []string{"id", fmt.Sprint(job.ID)}
	x.do("GET", "/api/v1/replays/{id}", "", "", 200, id...)
	x.do("POST", "/api/v1/replays/{id}/stop", "", "", 200, id...)
	x.do("POST", "/api/v1/replays/{id}/stop", "", "", 409, id...)
	x.do("POST", "/api/v1/replays/{id}/continue", "", "", 200, id...)
	x.do("POST", "/api/v1/replays/{id}/stop", "", "", 200, id...)
	x.do("GET", "/api/v1/replays", "", "", 200)
}

func (x *exchanger) erasures(t *testing.T, r *running) {
	t.Helper()
	const request = `{"user":"ada-4711"}`
	x.do("POST", "/api/v1/erasures/plan", "", request, 200)
	var job struct{ ID int }
	if err := json.Unmarshal(x.do("POST", "/api/v1/erasures", "", request, 201), &job); err != nil {
		t.Fatal(err)
	}
	id := []string{"id", fmt.Sprint(job.ID)}
	x.do("GET", "/api/v1/erasures/{id}", "", "", 200, id...)
	if done := r.erased(t, job.ID); done.State != erasure.Done {
		t.Errorf("got %+v", done)
	}
	x.do("GET", "/api/v1/erasures", "?user=ada-4711", "", 200)
	x.do("GET", "/api/v1/erasures/{id}", "", "", 200, id...)
	x.do("POST", "/api/v1/erasures/{id}/lift", "", "", 200, id...)
	x.do("GET", "/api/v1/erasures/{id}", "", "", 404, "id", "99")
	x.do("POST", "/api/v1/erasures", "", `{"user":""}`, 409)
}

package transformer_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/transformer"
	"tanker/mapping"
)

const (
	destination = `{"ID":"d","Config":{"apiKey":"K"}}`
	track       = `{"type":"track","userId":"u","event":"E"}`
)

// form is the FORM of an answer's requests, one after the other; "-" for none.
func forms(t *testing.T, body string) []string {
	t.Helper()
	type one struct {
		Output, BatchedRequest struct {
			Body struct{ FORM json.RawMessage }
		}
	}
	var list []one
	if strings.HasPrefix(body, "{") {
		var wrapped struct{ Output []one }
		if err := json.Unmarshal([]byte(body), &wrapped); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		list = wrapped.Output
	} else if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var found []string
	for _, o := range list {
		form := string(o.Output.Body.FORM) + string(o.BatchedRequest.Body.FORM)
		if form == "" {
			form = "-"
		}
		found = append(found, form)
	}
	return found
}

// TestWholeAnswers shows what differs from the recordings in what stands around the event.
func TestWholeAnswers(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	const (
		envelope = `{"version":"1","type":"REST","method":"POST","endpoint":"https://api.refiner.io/v1/track","headers":{"Content-Type":"application/x-www-form-urlencoded","Authorization":"Bearer K"},"params":{},"body":{"JSON":{},"JSON_ARRAY":{},"XML":{},"FORM":{"id":"u","event":"E"}},"files":{}`
		noConfig = `"statusCode":500,"error":"Cannot read properties of undefined (reading 'Config')","statTags":{"errorCategory":"transformation"}}`
		all500   = `[{"metadata":{"jobId":1},` + noConfig + `,{` + noConfig + `]`
	)
	for _, test := range []struct{ name, path, body, want string }{
		{
			"metadata byte for byte", processorPath, `[{"message":` + track + `,"metadata": {"jobId" : 12345678901234567890, "a":1.0,"a":"\u0061"},"destination":` + destination + `}]`,
			`[{"output":` + envelope + `,"userId":""},"metadata":{"jobId" : 12345678901234567890, "a":1.0,"a":"\u0061"},"statusCode":200}]`,
		},
		{"no metadata", processorPath, `[{"message":` + track + `,"destination":` + destination + `}]`, `[{"output":` + envelope + `,"userId":""},"statusCode":200}]`},
		{"null metadata", processorPath, `[{"message":` + track + `,"metadata":null,"destination":` + destination + `}]`, `[{"output":` + envelope + `,"userId":""},"metadata":null,"statusCode":200}]`},
		{"no destination", processorPath, `[{"message":` + track + `,"metadata":{"jobId":1},"destination":` + destination + `},{"message":` + track + `}]`, all500},
		{
			"no Config", processorPath, `[{"message":` + track + `,"destination":{}}]`,
			`[{"statusCode":500,"error":"Cannot destructure property 'apiKey' of 'destination.Config' as it is undefined.","statTags":{"errorCategory":"transformation"}}]`,
		},
		{
			"no message", processorPath, `[{"metadata":{"workspaceId":7},"destination":` + destination + `}]`,
			`[{"metadata":{"workspaceId":7},"statusCode":400,"error":"Event type is required","statTags":{"errorCategory":"dataValidation","errorType":"instrumentation","destType":"REFINER","module":"destination","implementation":"native","feature":"processor","workspaceId":"7"}}]`,
		},
		{
			"router: no metadata", routerPath, `{"destType":"refiner","input":[{"message":` + track + `,"destination":` + destination + `}]}`,
			`{"output":[{"batchedRequest":` + envelope + `},"metadata":[{}],"batched":false,"statusCode":200,"destination":` + destination + `}]}`,
		},
		{
			"router: no destination", routerPath, `{"destType":"refiner","input":[{"metadata":{"jobId":1}},{"metadata":{"jobId":2},"destination":{}}]}`,
			`{"output":[{"metadata":[{"jobId":1},{"jobId":2}],"batched":false,` + noConfig + `]}`,
		},
		{
			"router: an exception", routerPath, `{"destType":"refiner","input":[{"message":` + track + `,"metadata":{"destinationId":"d"},"destination":{"Config":null}}]}`,
			`{"output":[{"metadata":[{"destinationId":"d"}],"batched":false,"statusCode":500,"error":"Cannot destructure property 'apiKey' of 'destination.Config' as it is null.","statTags":{"errorCategory":"transformation","destType":"REFINER","module":"destination","implementation":"native","feature":"router","destinationId":"d"},"destination":{"Config":null}}]}`,
		},
		{
			"router: transformed before", routerPath, `{"destType":"Refiner","input":[{"message":{"statusCode":200, "userId":5,"x":[]},"destination":` + destination + `}]}`,
			`{"output":[{"batchedRequest":{"statusCode":200,"userId":"5","x":[]},"metadata":[{}],"batched":false,"statusCode":200,"destination":` + destination + `}]}`,
		},
		{
			"router: no events", routerPath, `{"destType":"refiner","input":{}}`,
			`{"output":[{"metadata":[{"destType":"refiner"}],"batched":false,"statusCode":400,"error":"Invalid event array"}]}`,
		},
		{
			"batch", "/batch", `{"destType":"refiner","input":[{"metadata":{"jobId":1}},{"metadata":{"jobId":2}}]}`,
			`[{"metadata":[{"jobId":1},{"jobId":2}],"batched":false,"statusCode":500,"error":"refiner does not implement batch","statTags":{"errorCategory":"transformation"}}]`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := send(h, "POST", test.path, test.body)
			if got.status != 200 || got.header.Get("apiVersion") != "2" {
				t.Errorf("%d, version %q", got.status, got.header.Get("apiVersion"))
			}
			if diff := cmp.Diff(test.want, got.body); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestOtherAnswers(t *testing.T) {
	h := newHandler(t, transformer.Options{Version: "1.2", Commit: "abc"})
	const undefined = `{"error":"Internal Server Error","message":"Cannot read properties of undefined (reading 'metadata')"}`
	none := []string{"X-Content-Format", compacted}
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     string
	}{
		{"health", "GET", "/health", "", nil, 200, `{"service":"UP","version":"1.2","gitCommitSha":"abc"}`},
		{"version", "GET", "/version", "", nil, 200, "1.2"},
		{"build version", "GET", "/buildVersion", "", nil, 200, "1.2"},
		{"transformer's build version", "GET", "/transformerBuildVersion/", "", nil, 200, "1.2"},
		{"unknown path", "GET", "/", "", nil, 404, "Not Found"},
		{"unknown path", "POST", "/v1/destinations/refiner", "[]", nil, 404, "Not Found"},
		{"other method", "PUT", "/routerTransform", "", nil, 404, "Not Found"},
		{"other method", "GET", "/batch", "", nil, 404, "Not Found"},
		{"unknown destination", "POST", "/v0/destinations/no%22pe", "[]", nil, 404, `{"error":"Unknown destination: no\"pe"}`},
		{"unknown destination", "POST", routerPath, `{"destType":5}`, nil, 404, `{"error":"Unknown destination: 5"}`},
		{"unknown destination", "POST", "/batch", `{"destType":"x"}`, nil, 404, `{"error":"Unknown destination: x"}`},
		{"no type", "POST", routerPath, `{"input":[]}`, nil, 500, `{"error":"Internal Server Error","message":"Cannot read properties of undefined (reading 'toUpperCase')"}`},
		{"no events", "POST", processorPath, "[]", nil, 500, undefined},
		{"an object", "POST", processorPath, "{}", nil, 500, undefined},
		{"nothing", "POST", processorPath, "", nil, 500, undefined},
		{"not said to be JSON", "POST", processorPath, "[{}]", []string{"Content-Type", "text/plain"}, 500, undefined},
		{"a null", "POST", processorPath, "[{},null]", nil, 500, `{"error":"Internal Server Error","message":"Cannot read properties of null (reading 'metadata')"}`},
		{"a text", "POST", processorPath, `"x"`, nil, 400, `{"error":"Bad Request","message":"invalid JSON, only supports object and array"}`},
		{"no JSON", "POST", processorPath, `[{]`, nil, 400, `{"error":"Bad Request","message":"invalid JSON: want a name in quotes at byte 2"}`},
		{"encoded", "POST", processorPath, `[]`, []string{"Content-Encoding", "br"}, 415, `{"error":"Unsupported Media Type","message":"the body must not be encoded: br"}`},
		{"no such destination", "POST", processorPath, `{"input":[{"metadata":{"destinationId":"X"}}],"destinations":{}}`, none, 500, `{"error":"Internal Server Error","message":"no destination found for id X"}`},
		{"no such destination", "POST", routerPath, `{"destType":"refiner","input":[{}]}`, none, 500, `{"error":"Internal Server Error","message":"no destination found for id undefined"}`},
		{"no such connection", "POST", processorPath, `{"input":[{"metadata":{"destinationId":"d","sourceId":"s"}}],"destinations":{"d":{}},"connections":{}}`, none, 500, `{"error":"Internal Server Error","message":"no connection found for id s:d"}`},
		{"secret that is no JSON", "POST", routerPath, `{"destType":"refiner","input":[{}]}`, []string{"oauth-secret", "{"}, 500, `{"error":"Internal Server Error","message":"the header oauth-secret is no JSON"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := send(h, test.method, test.path, test.body, test.headers...)
			if got.status != test.status || got.header.Get("apiVersion") != "" {
				t.Errorf("%d, want %d; version %q", got.status, test.status, got.header.Get("apiVersion"))
			}
			if diff := cmp.Diff(test.want, got.body); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	if got := send(newHandler(t, transformer.Options{}), "GET", "/version", ""); got.body != "Version Info not found" {
		t.Errorf("no version: %s", got.body)
	}
}

func TestFeatures(t *testing.T) {
	got := send(newHandler(t, transformer.Options{}), "GET", "/features", "")
	var f struct {
		RouterTransform             map[string]bool
		Regulations                 []string
		SupportSourceTransformV1    bool
		SupportTransformerProxyV1   bool
		UpgradedToSourceTransformV2 bool
		Compacted                   bool `json:"supportDestTransformCompactedPayloadV1"`
	}
	if err := json.Unmarshal([]byte(got.body), &f); err != nil || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%v, %v", err, got)
	}
	if !f.RouterTransform["REFINER"] || f.Regulations == nil || !f.SupportSourceTransformV1 || !f.SupportTransformerProxyV1 || !f.UpgradedToSourceTransformV2 || !f.Compacted {
		t.Errorf("%+v", f)
	}
}

func TestRouterGroups(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	at := func(job, destination, more string) string {
		return `{"message":{"type":"track"},"metadata":{"jobId":` + job + `,"workspaceId":"w` + job + `"},"destination":` + destination + more + `}`
	}
	const d1, d2, d1b = `{"ID":"d1","Config":{}}`, `{"ID":"d2","Config":{}}`, `{"ID":"d1","Config":{"a":1}}`
	const fixed, fixedB = `{"ID":"d1","Config":{},"hasDynamicConfig":false}`, `{"ID":"d1","Config":{"a":1},"hasDynamicConfig":false}`
	const job = `,"context":{"sources":{"job_id":"j"}}`
	for name, test := range map[string]struct {
		input []string
		want  string // the jobs, each with the workspace of its group's first
	}{
		"by destination":        {[]string{at("1", d1, ""), at("2", d2, ""), at("3", d1, ""), at("4", d2, "")}, "1w1 3w1 2w2 4w2"},
		"by Config":             {[]string{at("1", d1, ""), at("2", d1b, ""), at("3", d1, "")}, "1w1 3w1 2w2"},
		"Config without effect": {[]string{at("1", fixed, ""), at("2", fixedB, ""), at("3", fixed, "")}, "1w1 2w1 3w1"},
		"by job":                {[]string{at("2", d1, job), at("1", d1, ""), at("3", d1, job)}, "2w2 3w2 1w1"},
		"without an id":         {[]string{at("1", `{"Config":{}}`, ""), at("2", d1, ""), at("3", `{"ID":"","Config":{}}`, "")}, "1w1 3w1 2w2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(h, "POST", routerPath, `{"destType":"refiner","input":[`+strings.Join(test.input, ",")+`]}`)
			var answer struct {
				Output []struct {
					Metadata []struct{ JobID json.Number }
					StatTags struct{ WorkspaceID string }
				}
			}
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
				t.Fatal(err)
			}
			var order []string
			for _, o := range answer.Output {
				order = append(order, o.Metadata[0].JobID.String()+o.StatTags.WorkspaceID)
			}
			if s := strings.Join(order, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	items := `{"destination":` + destination + `},{"metadata":{"jobId":2,"secret":null,"x":1},"destination":` + destination + `},{"metadata":{"jobId":3},"destination":` + destination + `}`
	got := send(h, "POST", routerPath, `{"destType":"refiner","input":[`+items+`]}`, "oauth-secret", `{"token":"T"}`)
	for _, want := range []string{`[{"secret":{"token":"T"}}]`, `[{"jobId":2,"secret":{"token":"T"},"x":1}]`, `[{"jobId":3,"secret":{"token":"T"}}]`} {
		if !strings.Contains(got.body, `"metadata":`+want) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
}

func TestDocumentedProfile(t *testing.T) {
	h := documented(t)
	message := `{"type":"identify","userId":"u","traits":{"email":"a@example.com","n":12345678901234567890,"price":1.0,"ok":true,"none":{},"address":{"city":"Graz","tags":["x","\"y\" & ü"]},"api_key":"no","id[x]":"no"}}`
	got := send(h, "POST", processorPath, `[{"message":`+message+`,"destination":`+destination+`}]`)
	want := []string{`{"id":"u","email":"a@example.com","n":"12345678901234567890","price":"1.0","ok":"true","none":"","address[city]":"Graz","address[tags][0]":"x","address[tags][1]":"\"y\" & ü"}`}
	if diff := cmp.Diff(want, forms(t, got.body)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, test := range map[string]struct{ message, config, want string }{
		"refused":  {`{"type":"track","event":"E"}`, `{"apiKey":"K"}`, `"statusCode":400,"error":"The event names no user`},
		"filtered": {`{"type":"screen","userId":"u"}`, `{"apiKey":"K"}`, `"statusCode":298,`},
		"no key":   {track, `{"apiKey":""}`, `"statusCode":400,"error":"The destination's Config has no apiKey: `},
		"nothing":  {track, `null`, `"errorType":"configuration"`},
	} {
		got := send(h, "POST", processorPath, `[{"message":`+test.message+`,"destination":{"Config":`+test.config+`}}]`)
		if !strings.Contains(got.body, test.want) {
			t.Errorf("%s: %s", name, got.body)
		}
	}
}

func TestEndpointAndKeys(t *testing.T) {
	h := newHandler(t, transformer.Options{Endpoint: "http://127.0.0.1:8090/"})
	for config, want := range map[string]string{
		`{"apiKey":"a\"b"}`: `Bearer a\"b`, `{}`: `Bearer undefined`, `{"apiKey":null}`: `Bearer null`, `{"apiKey":5}`: `Bearer 5`, `"text"`: `Bearer undefined`,
	} {
		got := send(h, "POST", processorPath, `[{"message":`+track+`,"destination":{"Config":`+config+`}}]`)
		if !strings.Contains(got.body, `"Authorization":"`+want+`"}`) || !strings.Contains(got.body, `"endpoint":"http://127.0.0.1:8090/v1/track"`) {
			t.Errorf("%s: %s", config, got.body)
		}
	}
}

func TestUnknownProfile(t *testing.T) {
	if _, err := transformer.New(transformer.Options{Profile: mapping.Profile("x")}); err == nil {
		t.Error("no error")
	}
}

func TestLimits(t *testing.T) {
	body := `[{"message":` + track + `,"destination":` + destination + `}]`
	small := newHandler(t, transformer.Options{MaxBody: len(body) - 1})
	if got := send(small, "POST", processorPath, body); got.status != 413 {
		t.Errorf("too long: %+v", got)
	}
	unsized := httptest.NewRequest("POST", processorPath, iotest.OneByteReader(strings.NewReader(body)))
	w := httptest.NewRecorder()
	small.ServeHTTP(w, unsized)
	if w.Code != 413 {
		t.Errorf("too long, without a length: %d", w.Code)
	}
	broken := httptest.NewRequest("POST", processorPath, iotest.ErrReader(errors.New("gone")))
	w = httptest.NewRecorder()
	small.ServeHTTP(w, broken)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "Request aborted") {
		t.Errorf("aborted: %d %s", w.Code, w.Body)
	}
	deep := strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600)
	if got := send(newHandler(t, transformer.Options{}), "POST", processorPath, `[`+deep+`]`); got.status != 400 || !strings.Contains(got.body, "nested too deep") {
		t.Errorf("too deep: %+v", got)
	}
}

// TestMemoryIsBounded has a request wait in the middle of its body while another one comes.
func TestMemoryIsBounded(t *testing.T) {
	h := newHandler(t, transformer.Options{MaxMemory: 1})
	body := `[{"message":` + track + `,"destination":` + destination + `}]`
	var second reply
	during := readFunc(func() { second = send(h, "POST", processorPath, body) })
	r := httptest.NewRequest("POST", processorPath, iotest.DataErrReader(&during))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if second.status != 503 || second.header.Get("X-Rudder-Should-Retry") != "true" || second.header.Get("X-Rudder-Error-Reason") != "memory_fencing" {
		t.Errorf("the second: %+v", second)
	}
	if got := send(h, "POST", processorPath, body); got.status != 200 {
		t.Errorf("alone again: %+v", got)
	}
}

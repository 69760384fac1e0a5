package transformer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/transformer"
)

// refiner is where requests are delivered to. It answers with what it is told.
type refiner struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	answer string
	method string
	query  string
	header http.Header
	body   string
}

func newRefiner(t *testing.T) (*refiner, *transformer.Handler) {
	t.Helper()
	r := &refiner{status: 200, answer: `{"message": "ok", "n": 1.0}`}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	h := newHandler(t, transformer.Options{Endpoint: r.URL})
	t.Cleanup(h.Close)
	return r, h
}

func (r *refiner) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.method, r.query, r.header, r.body = req.Method+" "+req.URL.Path, req.URL.RawQuery, req.Header, string(data)
	w.Header()["Date"] = nil
	w.Header().Set("Content-Type", "x/y")
	w.Header().Set("X-Two", "2")
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(r.status)
	io.WriteString(w, r.answer)
}

// request is a body for the proxy: what the transformer makes of an event, and the metadata.
func (r *refiner) request(form, metadata string) string {
	return `{"version":"1","type":"REST","method":"POST","endpoint":"` + r.URL + `/v1/identify-user","userId":"u","headers":{"Content-Type":"application/x-www-form-urlencoded","Authorization":"Bearer K"},` +
		`"params":{"p":1.0,"q":"a b"},"body":{"JSON":{},"JSON_ARRAY":{},"XML":{},"FORM":` + form + `},"files":{},"metadata":` + metadata + `,"destinationConfig":{}}`
}

// TestDeliveryIsRudderTransformers compares the forms that reach Refiner with recorded ones.
func TestDeliveryIsRudderTransformers(t *testing.T) {
	server, h := newRefiner(t)
	for _, r := range recordings(t) {
		if r.failed() {
			continue
		}
		var output struct {
			Body struct{ FORM json.RawMessage }
		}
		if err := json.Unmarshal(r.Output, &output); err != nil {
			t.Fatal(err)
		}
		got := send(h, "POST", "/v1/destinations/refiner/proxy", server.request(string(output.Body.FORM), "[{}]"))
		if got.status != 200 || got.header.Get("apiVersion") != "2" {
			t.Fatalf("%s: %+v", r.Name, got)
		}
		if diff := cmp.Diff(r.FormEncoded, server.body); diff != "" {
			t.Errorf("%s: -want +got\n%s", r.Name, diff)
		}
	}
	if server.method != "POST /v1/identify-user" || server.query != "p=1&q=a+b" {
		t.Errorf("%s?%s", server.method, server.query)
	}
	for name, want := range map[string]string{"Authorization": "Bearer K", "Content-Type": "application/x-www-form-urlencoded", "User-Agent": "RudderLabs"} {
		if got := server.header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestFormOfValues(t *testing.T) {
	server, h := newRefiner(t)
	form := `{"a":["x",1.0,null,{"b":[true]},["y"]],"e":[],"n":null,"o":{"k":"v"},"f":1e21,"10":"~!'()*-._","é":"a\tb"}`
	send(h, "POST", "/v0/destinations/refiner/proxy", server.request(form, "{}"))
	want := `10=%7E%21%27%28%29*-._&a=%5Bx%2C1%2Cnull%2C%7B%22b%22%3A%5Btrue%5D%7D%2C%5By%5D%5D&e=%5B%5D&n=null&o=%7B%22k%22%3A%22v%22%7D&f=1e%2B21&%C3%A9=a%09b`
	if diff := cmp.Diff(want, server.body); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	send(h, "POST", "/v0/destinations/refiner/proxy", server.request(`{}`, "{}"))
	if server.body != "" {
		t.Errorf("an empty form: %s", server.body)
	}
	both := strings.Replace(server.request(`{}`, "{}"), `"JSON":{}`, `"JSON":{"a":1.0}`, 1)
	if send(h, "POST", "/v0/destinations/refiner/proxy", both); server.body != `{"a":1}` {
		t.Errorf("JSON: %s", server.body)
	}
}

func TestProxyAnswers(t *testing.T) {
	server, h := newRefiner(t)
	const generic = "[Generic Response Handler] Request "
	tags := func(class, destination, workspace string) string {
		return `,"statTags":{"errorCategory":"network","errorType":"` + class + `","destType":"REFINER","module":"destination","implementation":"native","feature":"dataDelivery","destinationId":"` + destination + `","workspaceId":"` + workspace + `"}`
	}
	for _, test := range []struct {
		status   int
		answer   string
		response string // as JSON
		mirrored int
		class    string
	}{
		{200, `{"message": "ok", "n": 1.0}`, `{"message":"ok","n":1}`, 200, ""},
		{202, "", `""`, 200, ""},
		{400, "bad \"thing\"", `"bad \"thing\""`, 400, "aborted"},
		{404, "{}", "{}", 400, "aborted"},
		{302, "", `""`, 302, "aborted"},
		{429, "[1]", "[1]", 429, "throttled"},
		{503, "{}", "{}", 503, "retryable"},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			server.status, server.answer = test.status, test.answer
			message := generic + `for destination: Refiner Processed Successfully`
			if test.class != "" {
				message = generic + fmt.Sprintf(`failed for destination Refiner with status: %d`, test.status)
			}
			optional := func(s string) string {
				if test.class == "" {
					return ""
				}
				return s
			}
			got := send(h, "POST", "/v0/destinations/Refiner/proxy", server.request(`{"a":1}`, `{"destinationId":"d","workspaceId":"w"}`))
			want := fmt.Sprintf(`{"output":{"status":%d,"message":"%s","destinationResponse":{"response":%s,"status":%d,"headers":{"content-length":"%d","content-type":"x/y","location":"/elsewhere","x-two":"2"}}%s}}`,
				test.status, message, test.response, test.status, len(test.answer), optional(tags(test.class, "d", "w")))
			if diff := cmp.Diff(want, got.body); diff != "" || got.status != test.mirrored || got.header.Get("apiVersion") != "2" {
				t.Errorf("version 0: %d, -want +got\n%s", got.status, diff)
			}

			got = send(h, "POST", "/v1/destinations/Refiner/proxy", server.request(`{"a":1}`, `[{"jobId" : 1},{"jobId":2}]`))
			text, _ := json.Marshal(test.response)
			want = fmt.Sprintf(`{"output":{"response":[{"error":%s,"statusCode":%d,"metadata":{"jobId" : 1}},{"error":%s,"statusCode":%d,"metadata":{"jobId":2}}]%s,"message":"%s","status":%d}}`,
				text, test.status, text, test.status, optional(tags(test.class, "Non-determininable", "Non-determininable")), message, test.status)
			if diff := cmp.Diff(want, got.body); diff != "" || got.status != 200 || got.header.Get("apiVersion") != "2" {
				t.Errorf("version 1: %d, -want +got\n%s", got.status, diff)
			}
		})
	}
}

func TestProxyRefusals(t *testing.T) {
	server, h := newRefiner(t)
	request := server.request(`{"a":1}`, "{}")
	for name, body := range map[string]string{
		"no body":        `{"endpoint":"` + server.URL + `","method":"POST"}`,
		"another host":   strings.Replace(request, server.URL, "http://127.0.0.1:1", 1),
		"another prefix": strings.Replace(request, server.URL, server.URL+"1", 1),
		"with a user":    strings.Replace(request, server.URL, server.URL+"@127.0.0.1:1", 1),
		"no such method": strings.Replace(request, `"POST"`, `"P T"`, 1),
		"XML":            strings.Replace(strings.Replace(request, `{"a":1}`, "{}", 1), `"XML":{}`, `"XML":{"payload":"x"}`, 1),
		"nothing at all": "",
	} {
		got := send(h, "POST", "/v0/destinations/refiner/proxy", body)
		if got.status != 500 || !strings.HasSuffix(got.body, `,"destinationResponse":"","statTags":{"errorCategory":"transformation"}}}`) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if server.method != "" {
		t.Errorf("something was sent: %s", server.method)
	}
	for path, status := range map[string]int{
		"/v2/destinations/refiner/proxy": 404, "/v0/destinations/nope/proxy": 404, "/v1/destinations/refiner/proxyTest": 404, "/v0/destinations/refiner/proxy/x": 404,
		"/v1/destinations/refiner/proxy": 500, // the metadata is no list
	} {
		if got := send(h, "POST", path, request); got.status != status || got.header.Get("apiVersion") != "" {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

// TestUnreachable shows that a failure of the network is one that is tried again.
func TestUnreachable(t *testing.T) {
	server, h := newRefiner(t)
	request := server.request(`{"a":1}`, "[{}]")
	server.Close()
	got := send(h, "POST", "/v1/destinations/refiner/proxy", request)
	for _, want := range []string{`"statusCode":500`, `[ECONNREFUSED] :: `, `"errorType":"retryable"`, `failed for destination refiner with status: 500"`} {
		if got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("no %s in %+v", want, got)
		}
	}
}

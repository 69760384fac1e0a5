package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tanker/internal/gateway"
)

// With TLS browsers and proxies speak HTTP/2.
func TestHTTP2(t *testing.T) {
	s := &service{t: t, log: &memoryLog{}}
	s.Gateway = gateway.New(gateway.Options{Journal: s.log})
	if err := s.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(nil)
	ts.Config = s.Server(gateway.ServerOptions{})
	ts.EnableHTTP2 = true
	ts.StartTLS()
	defer ts.Close()
	s.url, s.client = ts.URL, ts.Client()

	response, err := s.client.Get(s.url + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Fatalf("the server speaks %s", response.Proto)
	}
	s.post("/v1/track", `{"userId":"u1"}`).want(t, 200, "ok")
	s.post("/v1/batch", zipped(t, batchOf(eventOf(100_000))), "Content-Encoding", "gzip").want(t, 200, "ok")
	s.post("/v1/track", eventOf(5<<20)).want(t, 413, "request size exceeds max limit")
	s.post("/v1/track", `{`).want(t, 400, "invalid json")
	s.do(http.MethodPost, "/v1/track", strings.NewReader(eventOf(1<<20)), "Authorization", basic("nobody")).want(t, 401, "invalid write key")
	if n := len(s.log.take()); n != 2 {
		t.Errorf("%d events stored", n)
	}
}

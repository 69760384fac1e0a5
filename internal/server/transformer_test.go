package server_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tanker/internal/server"
)

func TestTransformerBesideTheGateway(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "passed on "+r.URL.Path) }))
	defer other.Close()
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	if r := start(t, c); r.Transformer != "" {
		t.Errorf("it runs at %s without being asked for", r.Transformer)
	} else {
		r.stop()
	}
	c.Transformer.Enabled, c.Transformer.Listen, c.Transformer.UpstreamTransformer = true, "127.0.0.1:0", other.URL
	r := start(t, c)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for path, test := range map[string]struct{ body, want string }{
		"/v0/destinations/refiner": {`[{"message":{"type":"track","userId":"u","event":"E"},"destination":{"Config":{"apiKey":"K"}}}]`, `"FORM":{"id":"u","event":"E"}`},
		"/v0/destinations/am":      {`[]`, "passed on /v0/destinations/am"},
	} {
		req, _ := http.NewRequest("POST", r.Transformer+path, strings.NewReader(test.body))
		req.Header.Set("Content-Type", "application/json")
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || !strings.Contains(string(body), test.want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c.Transformer.Listen = taken.Addr().String()
	if err := server.Run(t.Context(), c, server.Options{}); err == nil || !strings.HasPrefix(err.Error(), "transformer.listen: ") {
		t.Errorf("port taken: %v", err)
	}
}

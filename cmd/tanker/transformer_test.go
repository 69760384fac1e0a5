package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// ask sends a request with a body of JSON and returns the answer's status and body.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, _ := http.NewRequest(method, url, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

func TestTransformer(t *testing.T) {
	body := `[{"message":{"type":"identify","userId":"u","traits":{"n":12345678}},"destination":{"Config":{"apiKey":"K"}}}]`
	for profile, want := range map[string]string{
		"upstream":   `"endpoint":"http://localhost:1/v1/identify-user",`,
		"documented": `"FORM":{"id":"u","n":"12345678"}`,
	} {
		s := begin(t, "transformer", "--listen", "127.0.0.1:0", "--profile", profile, "--endpoint", "http://localhost:1/v1")
		address := s.await(t, `listens on (http://\S+)`)
		if status, got := ask(t, "POST", address+"/v0/destinations/refiner", body); status != 200 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s", profile, status, got)
		}
		if status, got := ask(t, "GET", address+"/health", ""); status != 200 || !strings.Contains(got, `"service":"UP"`) {
			t.Errorf("%s: %d %s", profile, status, got)
		}
		if end := s.stop(); end.code != 0 {
			t.Errorf("%s: %+v", profile, end)
		}
	}
}

// TestTransformerBesideAnother has one transformer pass on to the other what is not for Refiner.
func TestTransformerBesideAnother(t *testing.T) {
	last := begin(t, "transformer", "--listen", "127.0.0.1:0").await(t, `listens on (http://\S+)`)
	first := begin(t, "transformer", "--listen", "127.0.0.1:0", "--upstream-transformer", last).await(t, `listens on (http://\S+)`)
	if status, got := ask(t, "POST", first+"/v0/destinations/am", "[]"); status != 404 || got != `{"error":"Unknown destination: am"}` {
		t.Errorf("%d %s", status, got)
	}
	if status, got := ask(t, "GET", first+"/features", ""); status != 200 || !strings.Contains(got, `"REFINER":true`) {
		t.Errorf("%d %s", status, got)
	}
}

func TestTransformerCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, want := range map[string]string{
		"--profile mine":                    `unknown profile "mine"`,
		"--endpoint refiner.io":             `--endpoint: "refiner.io" is no address`,
		"--upstream-transformer ftp://x/":   `--upstream-transformer: "ftp://x/" is no address`,
		"--log-level loud":                  `log level "loud" is not one of`,
		"now":                               `"now" is not expected here`,
		"--listen " + taken.Addr().String(): "hint: choose another address",
	} {
		if got := tanker(t, append([]string{"transformer"}, strings.Fields(args)...)...); got.code == 0 || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %+v", args, got)
		}
	}
}

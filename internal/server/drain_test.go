package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDrain sends on while the server says that it is stopping.
func TestDrain(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Gateway.Drain = time.Second
	r := start(t, c)
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	for {
		resp, err := http.Get(r.Gateway + "/ready")
		if err != nil {
			t.Fatalf("the port was given up before anybody was told: %v", err)
		}
		said, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(said), "stopping") {
			break
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.Gateway+"/v1/track", strings.NewReader(`{"userId":"u","event":"e"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("wk-web", "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a request that came while others should not come was answered %s", resp.Status)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

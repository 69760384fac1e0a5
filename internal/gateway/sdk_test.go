package gateway_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/gateway"
)

// TestSDKRequests sends what the SDKs send, headers and all, and checks that their events are stored to the byte.
func TestSDKRequests(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, tc := range []struct {
		file, path string
		gzip       bool
		header     []string
		types, ids []string
		browser    bool
	}{
		{file: "js-track.json", path: "/v1/track", browser: true, types: []string{"track"}, ids: []string{"4c3ac0b5-2a9c-4e2b-8bd6-9d5e4a8a3f10"},
			header: []string{"Content-Type", "application/json;charset=UTF-8", "AnonymousId", encode("a3d7c7a4-5b0f-4b5e-8a61-0d4a0e6f3a11"),
				"SentAt", "2026-01-02T03:04:05.223Z", "Origin", "https://shop.example", "Referer", "https://shop.example/pricing"}},
		{file: "node-batch.json", path: "/v1/batch", gzip: true, types: []string{"", "", ""},
			ids:    []string{"node-1767323045000-0d1c", "node-1767323045001-0d1d", "node-1767323045002-0d1e"},
			header: []string{"Content-Type", "application/json", "Accept", "application/json, text/plain, */*", "User-Agent", "rudder-sdk-node/3.0.0"}},
		{file: "python-batch.json", path: "/v1/batch", gzip: true, types: []string{"", ""},
			ids:    []string{"57a1f2c0-0d7e-4f2a-9c3e-5a6b7c8d9e0f", "67a1f2c0-0d7e-4f2a-9c3e-5a6b7c8d9e0f"},
			header: []string{"Content-Type", "application/json", "User-Agent", "analytics-python/2.1.0"}},
		{file: "go-batch.json", path: "/v1/batch", gzip: true, types: []string{""}, ids: []string{"b2f0a7de-31c5-4c58-a5a8-6c4f0d1e2a3b"},
			header: []string{"Content-Type", "application/json", "User-Agent", "analytics-go (version: 4.2.0)", "RS-targetNode", "0", "RS-nodeCount", "1", "RS-userAgent", "serverSDK"}},
		{file: "android-batch.json", path: "/v1/batch", gzip: true, types: []string{"", ""}, ids: []string{"1767323045000-5f0c", "1767323045100-5f0d"},
			header: []string{"Content-Type", "application/json", "AnonymousId", encode("d0e1")}},
		{file: "ios-batch.json", path: "/v1/batch", gzip: true, types: []string{""}, ids: []string{"1767323045.123456-7A0E"},
			header: []string{"Content-Type", "Application/json", "AnonymousId", encode("9C2B0F0A-8E0C-4C55-9C65-1F7C5C9B1A11")}},
		{file: "java-batch.json", path: "/v1/batch", types: []string{""}, ids: []string{"0a5d2f6e-2b7c-4d1a-8f3e-9b6c7d8e9f10"},
			header: []string{"Content-Type", "application/json; charset=UTF-8", "User-Agent", "analytics-java/3.0.0"}},
		{file: "ruby-batch.json", path: "/v1/batch", gzip: true, types: []string{""}, ids: []string{"3f1e7c1a-5f44-4b0e-8a3c-2d1e0f9b8a7c"},
			header: []string{"Content-Type", "application/json", "User-Agent", "rudderanalytics-ruby/3.0.0"}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "sdk", tc.file))
			if err != nil {
				t.Fatal(err)
			}
			body := strings.TrimSpace(string(data))
			want := eventsIn(t, body)
			if tc.gzip {
				body = zipped(t, body)
				tc.header = append(tc.header, "Content-Encoding", "gzip")
			}
			got := s.post(tc.path, body, tc.header...)
			got.want(t, 200, "ok")
			if allowed := got.header.Get("Access-Control-Allow-Origin"); (allowed == "https://shop.example") != tc.browser {
				t.Errorf("allowed origin is %q", allowed)
			}
			var bodies, types, ids []string
			for _, e := range s.log.take() {
				bodies, types, ids = append(bodies, string(e.Body)), append(types, e.Type), append(ids, e.MessageID)
			}
			if diff := cmp.Diff([][]string{want, tc.types, tc.ids}, [][]string{bodies, types, ids}); diff != "" {
				t.Errorf("bodies, types, message ids (-want +got):\n%s", diff)
			}
		})
	}
}

// eventsIn is the events of a batch, or the one event that the body is.
func eventsIn(t *testing.T, body string) []string {
	var batch struct{ Batch []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &batch); err != nil {
		t.Fatal(err)
	}
	if batch.Batch == nil {
		return []string{body}
	}
	var events []string
	for _, e := range batch.Batch {
		events = append(events, string(e))
	}
	return events
}

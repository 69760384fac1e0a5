package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"tanker/internal/config"
)

// TestWorkspaceConfiguration runs a server on the file that RudderStack's server reads.
func TestWorkspaceConfiguration(t *testing.T) {
	refiner, endpoint := sandbox(t)
	path := filepath.Join(t.TempDir(), "workspaceConfig.json")
	const text = `{"workspaceId":"ws1","enableMetrics":false,"libraries":[],
"sources":[{"id":"src1","name":"web","writeKey":"WK1","enabled":true,"workspaceId":"ws1","config":{},
  "sourceDefinition":{"id":"sd1","name":"HTTP","category":"","type":"cloud"},
  "destinations":[{"id":"dst1","name":"refiner","enabled":true,"isProcessorEnabled":true,"workspaceId":"ws1",
    "revisionId":"r1","transformations":[],
    "config":{"apiKey":"` + apiKey + `","userAttributesMapping":[{"from":"plan_name","to":"plan"}],"accountAttributesMapping":[]},
    "destinationDefinition":{"id":"dd1","name":"REFINER","displayName":"Refiner",
      "config":{"transformAtV1":"router","saveDestinationResponse":true,
                "supportedMessageTypes":["identify","track","group"]}}}]}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"TANKER_WORKSPACE_CONFIG": path, "REFINER_ENDPOINT": endpoint, "TANKER_DATA_DIR": t.TempDir(),
		"TANKER_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_TOKEN": token,
	}
	c, err := config.Load("", func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	c.Journal.MaxBytes, c.Journal.MinFree = 256<<20, 1<<20
	r := start(t, c)
	if got := r.send(t, "WK1", "identify", `{"userId":"u1","traits":{"plan_name":"gold"}}`); got != 200 {
		t.Fatalf("answered %d", got)
	}
	r.send(t, "WK1", "page", `{"userId":"u1"}`)
	eventually(t, "both are finished", func() bool { return r.status(t, "dst1").Pending == 0 })
	if s := r.status(t, "dst1"); s.Totals.Delivered != 1 || s.Totals.Filtered["message_type"] != 1 {
		t.Errorf("status = %+v", s)
	}
	if contact, _ := refiner.Contact("u1", ""); contact.Attributes["plan"] != "gold" {
		t.Errorf("contact = %+v", contact)
	}
}

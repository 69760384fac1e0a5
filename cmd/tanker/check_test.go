package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"tanker/refiner/refinertest"
)

func TestCheck(t *testing.T) {
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{refinerKey}, ProjectName: "Production"})
	for name, test := range map[string]struct {
		key   string
		fault []refinertest.Fault
		code  int
		want  string
	}{
		"good key":      {key: refinerKey, want: "  ok  production: Refiner accepts the key, of the environment \"Production\"\n"},
		"unknown key":   {key: "unknown-key-0123456789", code: 1, want: "  NO  production: Refiner refuses the key (404: API key not valid or does not exist)\n      copy the REST API key anew"},
		"malformed key": {key: "malformed key, this one", code: 1, want: "  NO  production: Refiner refuses the key (401: API key does not look valid)\n"},
		"short key":     {key: "x", code: 1, want: "  NO  production: Refiner refuses the key (401: No API key found in headers)\n"},
		"limit":         {key: refinerKey, code: 1, fault: []refinertest.Fault{{Status: 429}}, want: "Refiner accepts no more calls of this key for now (429"},
		"no answer":     {key: refinerKey, code: 1, fault: []refinertest.Fault{{Drop: true}}, want: "Refiner gives no answer at present ("},
		"another site":  {key: refinerKey, code: 1, fault: []refinertest.Fault{{Status: 302}}, want: "this is not what Refiner's API answers (302"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refiner.SetFaults(test.fault...); err != nil {
				t.Fatal(err)
			}
			configure(t, refiner.URL)
			t.Setenv("KEY", test.key)
			got := tanker(t, "check")
			if got.code != test.code || !strings.Contains(got.stdout, "the configuration (tanker.yaml) is right\n") || !strings.Contains(got.stdout, test.want) || got.stderr != "" {
				t.Errorf("%+v\nwant %s", got, test.want)
			}
			var r checkReport
			asJSON := tanker(t, "check", "--json")
			if err := json.Unmarshal([]byte(asJSON.stdout), &r); err != nil || asJSON.code != test.code {
				t.Fatalf("%+v, %v", asJSON, err)
			}
			if d := r.Destinations[0]; d.OK != (test.code == 0) || d.Name != "production" || len(r.Problems) > 0 {
				t.Errorf("report %+v", r)
			}
			if strings.Contains(got.stdout+asJSON.stdout, test.key) && len(test.key) > 1 {
				t.Error("the key can be seen")
			}
		})
	}
}

// configure writes a configuration with one destination, whose key is in KEY.
func configure(t *testing.T, endpoint string) {
	t.Helper()
	t.Chdir(t.TempDir())
	text := fmt.Sprintf("sources: [{name: web, write_key: wk}]\ndestinations: [{name: production, api_key_env: KEY, endpoint: '%s'}]\n", endpoint)
	if err := os.WriteFile("tanker.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckOffline(t *testing.T) {
	configure(t, "http://127.0.0.1:1")
	t.Setenv("KEY", refinerKey)
	got := tanker(t, "check", "--offline")
	if got.code != 0 || got.stdout != "the configuration (tanker.yaml) is right\n  --  production: not asked\n" {
		t.Errorf("%+v", got)
	}
}

func TestCheckStartsTransformations(t *testing.T) {
	configure(t, "https://refiner.example.com")
	t.Setenv("KEY", refinerKey)
	text, err := os.ReadFile("tanker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	withScript := strings.Replace(string(text), "api_key_env", "transformation: t.js, api_key_env", 1)
	if err := os.WriteFile("tanker.yaml", []byte(withScript), 0o600); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{
		"export function transformEvent(event) { return event }": "the configuration (tanker.yaml) is right\n",
		"export function transform(event) { return event }":      "destinations[0].transformation: transformation: t.js exports no function transformEvent",
	} {
		if err := os.WriteFile("t.js", []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := tanker(t, "check", "--offline"); !strings.Contains(got.stdout, want) || (got.code == 0) != strings.Contains(want, "right") {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

func TestCheckShowsProblems(t *testing.T) {
	configure(t, "nowhere")
	t.Setenv("KEY", "")
	got := tanker(t, "check")
	want := `the configuration (tanker.yaml) is not usable:
  tanker.yaml:2: destinations[0].api_key_env: the environment variable KEY is not set
  tanker.yaml:2: destinations[0].endpoint: "nowhere" is no address of an API: write it like https://api.refiner.io
`
	if got.code != 1 || got.stdout != want || got.stderr != "" {
		t.Errorf("%+v", got)
	}
	var r checkReport
	if err := json.Unmarshal([]byte(tanker(t, "check", "--json").stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 2 || r.Problems[0].Line != 2 || r.Problems[0].Path != "destinations[0].api_key_env" {
		t.Errorf("%+v", r.Problems)
	}
}

func TestCheckExample(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("BACKEND_WRITE_KEY", "wk")
	t.Setenv("REFINER_API_KEY", refinerKey)
	example := tanker(t, "config", "example")
	if err := os.WriteFile("tanker.yaml", []byte(example.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tanker(t, "check", "--offline"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

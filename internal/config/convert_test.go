package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tanker/internal/config"
)

// TestConvertedWorkspaceSaysTheSame loads what the workspace becomes, and compares.
func TestConvertedWorkspaceSaysTheSame(t *testing.T) {
	writeWorkspace(t, workspace)
	w := config.Workspace{File: "workspaceConfig.json", Endpoint: "http://127.0.0.1:8090", ServerSideEventFiltering: true}
	want, err := config.LoadWorkspace(w)
	if err != nil {
		t.Fatal(err)
	}
	file, warnings, err := config.ConvertWorkspace(w)
	if err != nil || len(warnings) != 7 {
		t.Fatalf("%v, warnings %v", err, warnings)
	}
	if strings.Contains(string(file), "KEY1") || !strings.Contains(string(file), "- name: dst1 # Refiner of production\n") {
		t.Errorf("got\n%s", file)
	}
	if err := os.WriteFile("tanker.yaml", file, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load("tanker.yaml", environment("REFINER_API_KEY_DST1", "KEY1", "REFINER_API_KEY_DST2", "KEY2"))
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	own := cmpopts.IgnoreFields(config.Destination{}, "Title", "APIKeyEnv")
	if diff := cmp.Diff(want.Destinations, got.Destinations, own, cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("destinations (-workspace +converted):\n%s\n%s", diff, file)
	}
	if diff := cmp.Diff(want.Sources, got.Sources, cmpopts.IgnoreFields(config.Source{}, "Title"), cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("sources (-workspace +converted):\n%s\n%s", diff, file)
	}
}

// TestYAMLReadsBack writes settings with any texts in them and reads them again.
func TestYAMLReadsBack(t *testing.T) {
	t.Chdir(t.TempDir())
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"a", "true", "No", "~", "- a", "# a", "a: b", "a #b", "'", `"`, `\`, "07", "1e3", "null", "{}", "[a]", "&a", "*a", "!a", "%a", "@a", "a\nb", "a\tb", "é\u2028", "a, b", "0x1", " a "}),
		rapid.StringMatching(`[ -~äß\n\t]{1,12}`),
	).Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
	rapid.Check(t, func(t *rapid.T) {
		c := config.Default()
		s, d := config.DefaultSource(), config.DefaultDestination()
		s.Name, s.WriteKey, s.Title = "web", config.NewSecret(strings.ReplaceAll(text.Draw(t, "key"), ":", "")+"k"), text.Draw(t, "title")
		s.Destinations = rapid.SampledFrom([][]string{nil, {}, {"d"}}).Draw(t, "destinations")
		d.Name, d.APIKeyEnv = "d", "KEY"
		d.UserAttributes = []config.Rename{{From: text.Draw(t, "from"), To: text.Draw(t, "to")}}
		d.Filter.DenyEvents = rapid.SliceOfN(text, 1, 3).Draw(t, "deny")
		d.Filter.Consent = []config.Consent{{Provider: text.Draw(t, "provider"), Strategy: "or", IDs: []string{text.Draw(t, "id")}}}
		d.Enabled = rapid.Bool().Draw(t, "enabled")
		c.Sources, c.Destinations, c.Journal.MaxBytes = []config.Source{s}, []config.Destination{d}, 1<<30
		if err := os.WriteFile("tanker.yaml", c.YAML(), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.Load("tanker.yaml", environment("KEY", "k"))
		if err != nil {
			t.Fatalf("%v\n%s", err, c.YAML())
		}
		c.Sources[0].Title, c.DataDir, c.Destinations[0].APIKey = "", got.DataDir, config.NewSecret("k")
		if diff := cmp.Diff(c, got, cmp.Comparer(config.Secret.Equal)); diff != "" {
			t.Fatalf("(-written +read):\n%s\n%s", diff, c.YAML())
		}
	})
}

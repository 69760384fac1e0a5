package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadWithoutSecrets(t *testing.T) {
	const text = "sources: [{name: web, write_key_file: missing}]\ndestinations: [{name: refiner, api_key_env: NO_SUCH_KEY, profile: upstream}]\n"
	path := filepath.Join(t.TempDir(), "tanker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadWithoutSecrets(path)
	if err != nil || len(c.Destinations) != 1 || c.Destinations[0].Profile != "upstream" || !c.Destinations[0].APIKey.IsZero() {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := Load(path, func(string) string { return "" }); err == nil {
		t.Error("Load takes it too: the test shows nothing")
	}
	if err := os.WriteFile(path, []byte(text+"listen: nowhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadWithoutSecrets(path); err == nil || !strings.Contains(err.Error(), "tanker.yaml:3: listen") {
		t.Errorf("a wrong address: %v", err)
	}
	if _, err := LoadWithoutSecrets(path + "x"); err == nil {
		t.Error("a missing file is taken")
	}
}

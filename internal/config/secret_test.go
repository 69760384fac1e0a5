package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"tanker/internal/config"
)

func TestSecretIsNeverSeen(t *testing.T) {
	const text = "hunter2-hunter2"
	c := config.Default()
	d := config.DefaultDestination()
	d.APIKey = config.NewSecret(text)
	c.Destinations = []config.Destination{d}

	var seen bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&seen, verb+"\n", d.APIKey)
		fmt.Fprintf(&seen, verb+"\n", &d.APIKey)
		fmt.Fprintf(&seen, verb+"\n", c)
		fmt.Fprintf(&seen, verb+"\n", d)
	}
	slog.New(slog.NewJSONHandler(&seen, nil)).Info("x", "key", d.APIKey, "destination", d)
	slog.New(slog.NewTextHandler(&seen, nil)).Info("x", "key", d.APIKey, "destination", d)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(asJSON)
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(asYAML)

	for _, part := range []string{text, "hunter", fmt.Sprintf("%x", text)} {
		if strings.Contains(seen.String(), part) {
			t.Errorf("%q can be seen in:\n%s", part, seen.String())
		}
	}
	if !bytes.Contains(asJSON, []byte(`"APIKey":"••••••"`)) {
		t.Errorf("want dots in %s", asJSON)
	}
	if d.APIKey.Reveal() != text {
		t.Errorf("Reveal = %q", d.APIKey.Reveal())
	}
}

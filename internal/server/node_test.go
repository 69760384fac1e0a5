package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tanker/internal/config"
	"tanker/internal/journal"
)

func TestNodeName(t *testing.T) {
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	if o, err := JournalOptions(c); err != nil || o.Writer != "" {
		t.Errorf("without a cluster: %q, %v", o.Writer, err)
	}
	c.Journal.URL = "nats://a:4222"
	first, err := JournalOptions(c)
	if err != nil || !journal.ValidName(first.Writer) {
		t.Fatalf("%q, %v", first.Writer, err)
	}
	if again, err := JournalOptions(c); err != nil || again.Writer != first.Writer {
		t.Errorf("the second time the name is %q, %v; it was %q", again.Writer, err, first.Writer)
	}
	if err := os.WriteFile(filepath.Join(c.DataDir, "node"), []byte("a.b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := JournalOptions(c); err == nil || !strings.Contains(err.Error(), "journal.node") {
		t.Errorf("a damaged name: %v", err)
	}
	c.Journal.Node = "mine"
	if o, err := JournalOptions(c); err != nil || o.Writer != "mine" {
		t.Errorf("configured: %q, %v", o.Writer, err)
	}
}

func TestNewNodeName(t *testing.T) {
	if a, b := newNodeName(), newNodeName(); a == b || !journal.ValidName(a) || !journal.ValidName(b) {
		t.Errorf("made %q and %q", a, b)
	}
}

package journal_test

import (
	"errors"
	"flag"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tanker/internal/journal"
	"tanker/internal/journal/journaltest"
	"tanker/internal/natstest"
)

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	// A history opens a journal several times: fewer of them than rapid's hundred. The flag still overrides it.
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestEmbedded(t *testing.T) {
	journaltest.Run(t, func(t testing.TB) journaltest.Place { return journaltest.Directory(t.TempDir()) }, nil)
}

func TestDirectoryInUse(t *testing.T) {
	place := journaltest.Directory(t.TempDir())
	j := place.Open(t, nil)
	_, err := journal.Open(t.Context(), journal.Options{Dir: string(place)})
	if !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), string(place)) {
		t.Errorf("got %v, want ErrLocked with the directory", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	place.Open(t, nil)
}

func TestNoDirectory(t *testing.T) {
	if _, err := journal.Open(t.Context(), journal.Options{}); err == nil {
		t.Error("opened a journal nowhere")
	}
}

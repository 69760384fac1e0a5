package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tanker/internal/config"
	"tanker/refiner/refinertest"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rewrite replaces a file in one step, as editors do.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestFilesAreWatched changes a configuration and its workspace: what is right is handed over, what is not is logged.
func TestFilesAreWatched(t *testing.T) {
	t.Chdir(t.TempDir())
	one := `{"sources":[{"id":"one","writeKey":"k1","enabled":true,"destinations":[
  {"id":"d","enabled":true,"isProcessorEnabled":true,"config":{"apiKey":"k"},"destinationDefinition":{"name":"REFINER"}}]}]}`
	rewrite(t, "workspaceConfig.json", one)
	rewrite(t, "tanker.yaml", "workspace: {file: workspaceConfig.json}")
	log, changes := &lockedBuffer{}, make(chan *config.Config)
	r := &reloader{
		path: "tanker.yaml", every: time.Millisecond, since: time.Now(), changes: changes,
		load: func() (*config.Config, error) { return loadConfig("tanker.yaml", func(string) string { return "" }) },
		log:  slog.New(slog.NewTextHandler(log, nil)),
	}
	c, err := r.load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.watch(ctx, c) }()
	defer func() { cancel(); <-ended }()

	// wanted waits for a configuration: what was written a moment ago may be read more than once.
	wanted := func(what string, is func(*config.Config) bool) {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			select {
			case c := <-changes:
				if is(c) {
					return
				}
			case <-deadline:
				t.Fatalf("%s is not handed over; the log:\n%s", what, log.String())
			}
		}
	}
	wanted("what was written at about the time of the start", func(*config.Config) bool { return true })
	rewrite(t, "workspaceConfig.json", strings.Replace(one, `"id":"one"`, `"id":"other"`, 1))
	wanted("the changed workspace", func(c *config.Config) bool { return c.Sources[0].Name == "other" })
	rewrite(t, "workspaceConfig.json", `{"sources":[{}]}`)
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), `problem="workspaceConfig.json:1: sources[0].id: is missing`); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a broken workspace is not reported; the log:\n%s", log.String())
		}
	}
	rewrite(t, "tanker.yaml", "sources: [{name: own, write_key_file: key}]\ndestinations: [{name: d, api_key_file: key}]")
	rewrite(t, "key", "k1")
	wanted("a file that needs the workspace no more", func(c *config.Config) bool { return c.Sources[0].Name == "own" })
	rewrite(t, "key", "another")
	wanted("the changed key", func(c *config.Config) bool { return c.Sources[0].WriteKey.Reveal() == "another" })
}

// TestReloadOnHangup changes the configuration of a running server.
func TestReloadOnHangup(t *testing.T) {
	t.Chdir(t.TempDir())
	refiner := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{refinerKey}})
	for name, value := range map[string]string{"TANKER_LISTEN": "127.0.0.1:0", "TANKER_ADMIN_LISTEN": "127.0.0.1:0", "KEY": refinerKey} {
		t.Setenv(name, value)
	}
	text := "sources: [{name: web, write_key: wk}]\ndestinations: [{name: refiner, api_key_env: KEY, endpoint: '" + refiner.URL + "'}]\n"
	rewrite(t, "tanker.yaml", text)
	s := begin(t, "serve")
	gateway := s.await(t, `accepting events" url=(http://\S+)`)
	rewrite(t, "tanker.yaml", strings.Replace(text, "wk}", "wk}, {name: app, write_key: wk2}", 1))
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.await(t, `(the new configuration is in use)`)
	if got := post(t, gateway, "wk2", "track", `{"userId":"u1","event":"e"}`); got != 200 {
		t.Errorf("the new source is answered %d", got)
	}
}

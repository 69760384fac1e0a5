package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const workspaceOfTwo = `{"sources":[{"id":"src1","name":"Web","writeKey":"WK1","enabled":true,"destinations":[
  {"id":"dst1","enabled":true,"isProcessorEnabled":true,"config":{"apiKey":"secret-key"},"destinationDefinition":{"name":"REFINER"}},
  {"id":"dst2","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"AM"}}]}]}`

// workspaceFile writes a workspace configuration.
func workspaceFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "workspaceConfig.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigConvert(t *testing.T) {
	path := workspaceFile(t, workspaceOfTwo)
	var stdout, stderr bytes.Buffer
	if err := run(context.Background(), []string{"config", "convert", path}, nil, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"#   REFINER_API_KEY: config.apiKey of the destination dst1\n",
		"sources:\n  - name: src1 # Web\n    write_key: WK1\n    destinations: [dst1]\n",
		"destinations:\n  - name: dst1\n    api_key_env: REFINER_API_KEY\n    when_disabled: drop\n",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the file lacks\n%s\nit is\n%s", want, stdout.String())
		}
	}
	if strings.Contains(stdout.String()+stderr.String(), "secret-key") {
		t.Error("the API key is shown")
	}
	if want := path + ":3: sources[0].destinations[1]: destinations of the type AM are not taken"; !strings.Contains(stderr.String(), want) {
		t.Errorf("stderr is %q, want %q", stderr.String(), want)
	}
}

func TestConfigConvertRefuses(t *testing.T) {
	path := workspaceFile(t, strings.Replace(workspaceOfTwo, `"config":`, `"transformations":[{"id":"t1"}],"config":`, 1))
	err := run(context.Background(), []string{"config", "convert", path}, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), ":2: sources[0].destinations[0].transformations") {
		t.Errorf("error is %v", err)
	}
	if err := run(context.Background(), []string{"config", "convert", "--ignore-transformations", path}, nil, io.Discard, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestCheckOfAWorkspace(t *testing.T) {
	t.Chdir(t.TempDir())
	path := workspaceFile(t, workspaceOfTwo)
	var stdout bytes.Buffer
	if err := run(context.Background(), []string{"check", "--offline", "--workspace-config", path}, nil, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"is right\n", "  not taken: " + path + ":3: sources[0].destinations[1]: ", "  --  dst1: not asked\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, stdout.String())
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// startSandbox runs the command and returns the address it prints. It ends with the test.
func startSandbox(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"sandbox", "--listen", "127.0.0.1:0"}, args...), strings.NewReader(""), in, io.Discard)
		in.CloseWithError(errors.Join(err, io.EOF))
		done <- err
	}()
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sandbox ended with %v", err)
		}
		<-drained
	})
	_, address, found := strings.Cut(strings.TrimSpace(first), "http://")
	if !found {
		t.Fatalf("no address in %q", first)
	}
	return "http://" + address
}

// verifyKey returns the status of the call that verifies a key.
func verifyKey(t *testing.T, address, key string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address+"/v1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestSandboxAcceptsAnyKey(t *testing.T) {
	address := startSandbox(t)
	for key, want := range map[string]int{"any-key-that-is-long-enough": 200, "short": 401} {
		if got := verifyKey(t, address, key); got != want {
			t.Errorf("%s: got %d", key, got)
		}
	}
}

func TestSandboxWithItsOwnKeyAndLimit(t *testing.T) {
	address := startSandbox(t, "--api-key", "mine", "--key-per-minute", "2")
	var got []int
	for _, key := range []string{"any-key-that-is-long-enough", "mine", "mine", "mine"} {
		got = append(got, verifyKey(t, address, key))
	}
	want := []int{404, 200, 200, 429}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestSandboxHasRefinersLimits(t *testing.T) {
	resp, err := http.Get(startSandbox(t) + "/_sandbox/limits")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if want := `{"key_per_minute":4000,"user_per_minute":100}`; string(body) != want {
		t.Errorf("got %s", body)
	}
}

func TestSandboxCommandLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"negative limit", []string{"--user-per-minute", "-1"}, 2, "a limit must not be negative"},
		{"a word", []string{"now"}, 2, `"now" is not expected here`},
		{"unknown flag", []string{"--port", "1"}, 2, "there is no flag --port"},
		{"address in use", []string{"--listen", taken.Addr().String()}, 1, "hint: choose another address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), append([]string{"sandbox"}, tt.args...), nil, io.Discard, io.Discard)
			var said bytes.Buffer
			report(&said, err)
			if exitCode(err) != tt.code || !strings.Contains(said.String(), tt.want) {
				t.Errorf("exit %d: %s", exitCode(err), said.String())
			}
		})
	}
}

func TestSandboxHelp(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"help", "sandbox"}, nil, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"curl", "/_sandbox/faults", "--key-per-minute N", "(default 4000)", "(default 127.0.0.1:8090)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

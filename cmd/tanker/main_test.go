package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tanker/internal/natstest"
	"tanker/internal/script"
)

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	if script.IsChild(os.Args) {
		os.Exit(script.Serve(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int
}

// tanker runs a command line as main does.
func tanker(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	report(&stderr, err)
	return result{stdout.String(), stderr.String(), exitCode(err)}
}

// running is a command that runs until it is stopped.
type running struct {
	output *output
	stop   func() result // may be called again
}

// begin runs a command that does not end by itself.
func begin(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := &output{changed: make(chan struct{})}, make(chan result, 1)
	go func() {
		err := run(ctx, args, strings.NewReader(""), out, out)
		report(out, err)
		ended <- result{stdout: out.String(), code: exitCode(err)}
	}()
	var last result
	stop := sync.OnceValue(func() result { cancel(); last = <-ended; return last })
	t.Cleanup(func() { stop() })
	return &running{out, stop}
}

// output collects what a running command prints.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the output matches and returns the first group of the match.
func (r *running) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		r.output.mu.Lock()
		text, changed := r.output.text.String(), r.output.changed
		r.output.mu.Unlock()
		if m := re.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("no %s in\n%s", pattern, text)
		}
	}
}

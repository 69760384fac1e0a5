package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tanker/internal/trials"
)

// TestClock steps the system's clock back and forth by an hour, as seen by a Tanker, and restarts it with another one.
func TestClock(t *testing.T) {
	if !*full {
		t.Skip("takes minutes, and builds everything anew: make faults")
	}
	binary, err := clockProgram()
	if err != nil {
		t.Fatal(err)
	}
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100, binary: binary})
		tr.refiner.Become(func(w http.ResponseWriter, _ *http.Request, have func() trials.Answer) {
			switch rand.N(50) {
			case 0, 1:
				w.WriteHeader(http.StatusInternalServerError)
			case 2:
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
			default:
				have().Write(w)
			}
		})
		tr.sendMeanwhile(100, 200)
		const ahead, back = syscall.SIGUSR1, syscall.SIGUSR2
		for _, step := range []syscall.Signal{ahead, back, back, ahead, ahead} {
			tr.pass(5 * time.Second)
			tr.signal(step)
		}
		tr.pass(5 * time.Second)
		tr.kill()
		tr.start() // an hour earlier
		tr.refiner.Become(trials.Fair)
		tr.holds(8 * time.Minute) // five for those that failed
	})
}

// clockProgram builds a Tanker whose clock steps an hour ahead on SIGUSR1 and back on SIGUSR2. Only the time of day
// steps, as with a real clock: what Go measures durations with goes on.
var clockProgram = sync.OnceValues(func() (string, error) {
	ctx := context.Background()
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "time", "tanker/cmd/tanker").Output()
	if err != nil {
		return "", fmt.Errorf("find the sources: %w", err)
	}
	dirs := strings.Fields(string(out))
	timeDir, mainDir := dirs[0], dirs[1]
	source, err := os.ReadFile(filepath.Join(timeDir, "time.go"))
	if err != nil {
		return "", err
	}
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if !bytes.Contains(source, []byte(reads)) {
		return "", fmt.Errorf("%s/time.go reads the clock in another way than expected", timeDir)
	}
	source = bytes.Replace(source, []byte(reads), []byte(reads+"\tsec += Step.Load()\n"), 1)
	overlay := map[string]string{}
	for path, text := range map[string]string{
		filepath.Join(timeDir, "time.go"):       string(source),
		filepath.Join(timeDir, "step.go"):       "package time\n\nimport \"sync/atomic\"\n\nvar Step atomic.Int64\n",
		filepath.Join(mainDir, "step_clock.go"): stepOnSignal,
	} {
		at := filepath.Join(folder, fmt.Sprintf("clock-%d.go", len(overlay)))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay[path] = at
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return "", err
	}
	listed, binary := filepath.Join(folder, "clock.json"), filepath.Join(folder, "tanker-clock")
	if err := os.WriteFile(listed, list, 0o600); err != nil {
		return "", err
	}
	out, err = exec.CommandContext(ctx, "go", "build", "-overlay", listed, "-o", binary, "tanker/cmd/tanker").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build with a clock that steps: %w: %s", err, out)
	}
	return binary, nil
})

const stepOnSignal = `package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

func init() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR1 {
				time.Step.Add(3600)
			} else {
				time.Step.Add(-3600)
			}
		}
	}()
}
`

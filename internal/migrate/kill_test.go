package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// copyVariables are the environment variables by which a process is told to copy from one directory to another.
var copyVariables = [2]string{"TANKER_COPY_FROM", "TANKER_COPY_TO"}

// copyIfAsked copies, if this process was started for that.
func copyIfAsked() {
	from, to := os.Getenv(copyVariables[0]), os.Getenv(copyVariables[1])
	if from == "" {
		return
	}
	if _, err := copyDir(context.Background(), from, to); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A process that copies is killed again and again, each time when it has copied some more streams.
func TestKilledCopyGoesOn(t *testing.T) {
	from, to := temp(t, "from"), temp(t, "to")
	lived(t, from, 1000)
	for _, streams := range []int{0, 1, 2, 5, 9} {
		cmd := copying(t, from, to)
		if !awaitCopied(t, to, streams) {
			must(t, cmd.Wait())
			t.Skip("the copy was quicker than the one who wanted to kill it")
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // says that it was killed
	}
	if err := copying(t, from, to).Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fingerprint(t, directory(from)), fingerprint(t, directory(to))); diff != "" {
		t.Errorf("(-source +copy):\n%s", diff)
	}
}

// copying starts a process that copies.
func copying(t *testing.T, from, to string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), copyVariables[0]+"="+from, copyVariables[1]+"="+to)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	return cmd
}

// awaitCopied waits until the copy has noted so many streams. It says false if the copy is finished.
func awaitCopied(t *testing.T, to string, streams int) bool {
	t.Helper()
	begun := false
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		noted, err := os.ReadFile(filepath.Join(to, "UNFINISHED"))
		if err == nil && bytes.Count(noted, []byte(`"digest"`)) >= streams {
			return true
		}
		if begun && errors.Is(err, fs.ErrNotExist) {
			return false
		}
		begun = begun || err == nil
	}
	t.Fatalf("the copy did not come to %d streams", streams)
	return false
}

// Package tankertest runs real Tanker processes, for tests that kill them and for benchmarks.
package tankertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
)

// AdminToken is the token of the admin API of the processes.
const AdminToken = "admin-token-of-the-test"

// WriteKey is the write key of their only source.
const WriteKey = "write-key-of-the-test"

// APIKey is the key that their only destination presents to Refiner.
const APIKey = "api-key-of-the-test-destination"

// startTimeout is how long a process may take until it is ready.
const startTimeout = time.Minute

// Build builds the program into a directory and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "tanker")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "tanker/cmd/tanker").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build tanker: %w: %s", err, out)
	}
	return path, nil
}

// Options say how a process is to run.
type Options struct {
	Binary   string    // the program; see Build
	Dir      string    // where its data and its configuration are
	Refiner  string    // URL of what it takes for Refiner
	Settings string    // further lines of the destination in tanker.yaml, each indented by four spaces
	Journal  string    // lines of the journal in tanker.yaml, each indented by two spaces; "" gives it 8 GiB
	Log      io.Writer // gets its output; nil: nobody
}

// Process is a running `tanker serve` with one source, web, and one destination, refiner.
type Process struct {
	URL   string // of the gateway
	Admin string // address of the admin API

	opts Options

	mu   sync.Mutex // so that one may watch a process that another kills and starts
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// New prepares a process: its ports stay the same over all its starts.
func New(opts Options) (*Process, error) {
	gateway, err := freeAddress()
	if err != nil {
		return nil, err
	}
	adminAddress, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &Process{URL: "http://" + gateway, Admin: adminAddress, opts: opts}
	return p, p.Configure(opts.Settings)
}

// Configure writes the configuration with other settings of the destination, for the next start.
func (p *Process) Configure(settings string) error {
	text := fmt.Sprintf(`listen: %s
data_dir: data
admin:
  listen: %s
journal:
%ssources:
  - name: web
    write_key: %s
destinations:
  - name: refiner
    api_key_env: REFINER_API_KEY
    endpoint: %s
%s`, strings.TrimPrefix(p.URL, "http://"), p.Admin, cmp.Or(p.opts.Journal, "  max_bytes: 8GiB\n"), WriteKey, p.opts.Refiner, settings)
	if err := os.WriteFile(p.configFile(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

func (p *Process) configFile() string { return filepath.Join(p.opts.Dir, "tanker.yaml") }

// DataDir is where the process keeps its data.
func (p *Process) DataDir() string { return filepath.Join(p.opts.Dir, "data") }

// Start starts the process and waits until it accepts events.
func (p *Process) Start(ctx context.Context) error {
	output, err := p.launch()
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx); err != nil {
		killed := p.Kill() // after it the output is complete
		return errors.Join(fmt.Errorf("%w: %s", err, output), killed)
	}
	return nil
}

// Launch starts the process and does not wait for anything.
func (p *Process) Launch() error {
	_, err := p.launch()
	return err
}

// launch also returns what the process will have said, unless that goes to the log.
func (p *Process) launch() (fmt.Stringer, error) {
	cmd := exec.Command(p.opts.Binary, "serve", "--config", p.configFile())
	cmd.Env = append(os.Environ(), "REFINER_API_KEY="+APIKey, "TANKER_ADMIN_TOKEN="+AdminToken)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = p.opts.Log, p.opts.Log
	if p.opts.Log == nil {
		cmd.Stderr = &output
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start tanker: %w", err)
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done = cmd, done
	p.mu.Unlock()
	go func() {
		_ = cmd.Wait() // ends also when it is killed; what is left to know is in ProcessState
		close(done)
	}()
	return &output, nil
}

// running is the latest process, and what is closed when it has ended.
func (p *Process) running() (cmd *exec.Cmd, done <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.done
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cmd, done := p.running()
	return Await(ctx, func() (bool, error) {
		select {
		case <-done:
			return false, fmt.Errorf("tanker ended: %s", cmd.ProcessState)
		default:
		}
		resp, err := http.Get(p.URL + "/ready")
		if err != nil {
			return false, nil
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop ends the process in order.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

func (p *Process) end(signal os.Signal) error {
	err := p.Signal(signal)
	p.Wait()
	return err
}

// Signal sends the process a signal. That it has ended is no error.
func (p *Process) Signal(signal os.Signal) error {
	cmd, _ := p.running()
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Wait waits until the process has ended and returns its exit code, -1 if a signal ended it.
func (p *Process) Wait() int {
	cmd, done := p.running()
	<-done
	return cmd.ProcessState.ExitCode()
}

// PID is the number of the process.
func (p *Process) PID() int {
	cmd, _ := p.running()
	return cmd.Process.Pid
}

// ExitCode is the code with which the process ended; -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// CPU is the processor time, of user and system, that the process took until it ended.
func (p *Process) CPU() time.Duration {
	cmd, _ := p.running()
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// Destination asks how the destination stands.
func (p *Process) Destination(ctx context.Context) (admin.DestinationStatus, error) {
	status, err := admin.NewClient(p.Admin, config.NewSecret(AdminToken)).Status(ctx)
	if err != nil {
		return admin.DestinationStatus{}, err
	}
	if len(status.Destinations) != 1 {
		return admin.DestinationStatus{}, fmt.Errorf("%d destinations, want 1", len(status.Destinations))
	}
	return status.Destinations[0], nil
}

// Await calls holds until it is true or fails, or the context ends.
func Await(ctx context.Context, holds func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Ports are looked for below those that the kernel gives to connections, which could take one before the process has it.
const (
	lowestPort = 10_000
	ports      = 20_000
)

// freeAddress finds a port that nobody listens on.
func freeAddress() (string, error) {
	var err error
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.N(ports))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

package script

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// process is a child that runs a script.
type process struct {
	limits  Limits
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    *head // on its standard error
	overdue bool  // it was ended because it did not answer
}

// errStart means that there is no process: nothing is known of the script.
var errStart = errors.New("the process for the transformation cannot be started")

// grace is how long a process may take to end by itself.
const grace = 2 * time.Second

// start starts a child and hands it the script. An error that is not errStart says what is wrong with the script.
func start(command []string, s setup) (*process, error) {
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it outlives whoever needs it first; Close ends it
	p := &process{limits: s.Limits, cmd: cmd, said: &head{}}
	p.cmd.Env = []string{}
	p.cmd.Stderr = p.said
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("%w: %w", errStart, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStart, err)
	}
	p.out = bufio.NewReaderSize(out, 64<<10)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", errStart, err)
	}
	var r report
	if err := p.impatiently(func() error { return errors.Join(writeJSON(p.in, s), readJSON(p.out, &r)) }); err != nil {
		if failed := p.end(); failed != nil {
			return nil, failed
		}
		return nil, fmt.Errorf("%w: %w %s", errStart, err, p.said.firstLine())
	}
	if r.Error != "" {
		_ = p.end() // it ends by itself
		return nil, errors.New(r.Error)
	}
	return p, nil
}

// transform has one event transformed. After an error the process is of no use any more.
func (p *process) transform(about Metadata, original []byte) (events [][]byte, r reply, err error) {
	err = p.impatiently(func() error {
		w := bufio.NewWriter(p.in)
		if err := errors.Join(writeJSON(w, about), writeFrame(w, original), w.Flush()); err != nil {
			return err
		}
		if err := readJSON(p.out, &r); err != nil {
			return err
		}
		for range r.Events {
			data, err := readFrame(p.out)
			if err != nil {
				return err
			}
			events = append(events, data)
		}
		return nil
	})
	return events, r, err
}

// impatiently does something with the process, which is killed if that takes too long.
func (p *process) impatiently(do func() error) error {
	timer := time.AfterFunc(p.limits.Patience, func() { _ = p.cmd.Process.Kill() })
	err := do()
	p.overdue = !timer.Stop()
	return err
}

// end ends the process and waits for it. If it had ended because of what the script did, that is returned.
func (p *process) end() *Failure {
	_ = p.in.Close()
	timer := time.AfterFunc(grace, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	said := p.said.String()
	switch code := p.cmd.ProcessState.ExitCode(); {
	case code == exitTime:
		return failure("%s, inside of a built-in function", timeMessage(p.limits.Time))
	case code == exitMemory, strings.Contains(said, "out of memory"), strings.Contains(said, "cannot allocate memory"):
		return failure("%s", memoryMessage(p.limits))
	case strings.Contains(said, "stack overflow"):
		return failure("stopped: functions call each other too deep")
	}
	return nil
}

// head keeps the beginning of what is written to it. It is read after the writer has ended.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	const most = 4 << 10
	if room := most - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (h *head) firstLine() string {
	line, _, _ := strings.Cut(h.String(), "\n")
	return line
}

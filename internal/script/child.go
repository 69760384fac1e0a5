package script

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/dop251/goja"
)

// ChildArgument is the only argument of a process that is to run a script. See IsChild.
const ChildArgument = "script-child"

// maxStack bounds how deep the engine may call itself, in bytes.
const maxStack = 128 << 20

// IsChild reports whether a command line is that of a child process which a Runner has started. The program, and every
// test that uses a Runner, must ask first of all, and call Serve.
func IsChild(args []string) bool { return len(args) == 2 && args[1] == ChildArgument }

// Serve runs a script for the parent process until that closes in. It returns the exit code.
func Serve(in io.Reader, out io.Writer) int {
	// The parent decides when it is over: a signal to all processes of a group must not cut short what it still does.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	c := &child{in: bufio.NewReader(in), out: bufio.NewWriter(out)}
	if err := c.serve(); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type child struct {
	in      *bufio.Reader
	out     *bufio.Writer
	guard   guard
	program *program
}

func (c *child) serve() error {
	usable, err := c.setUp()
	if err != nil || !usable {
		return err
	}
	for {
		if err := c.one(); err != nil {
			return err
		}
	}
}

// setUp compiles the script and reports whether it can be used.
func (c *child) setUp() (bool, error) {
	var s setup
	if err := readJSON(c.in, &s); err != nil {
		return false, err
	}
	if err := setCeiling(s.Limits.Memory); err != nil {
		return false, fmt.Errorf("limiting the memory of a script: %w", err)
	}
	debug.SetMemoryLimit(s.Limits.Memory)
	debug.SetMaxStack(maxStack)
	c.guard = guard{limits: s.Limits, exit: exit}
	var err error
	c.program, err = newProgram(s.Source, func(vm *goja.Runtime) func() { return c.guard.watch(vm, s.Limits.timeFor(0)) })
	var r report
	if err != nil {
		r.Error = err.Error()
	}
	if err := writeJSON(c.out, r); err != nil {
		return false, err
	}
	return err == nil, c.out.Flush()
}

// one takes an event and answers.
func (c *child) one() error {
	var about Metadata
	if err := readJSON(c.in, &about); err != nil {
		return err
	}
	original, err := readFrame(c.in)
	if err != nil {
		return err
	}
	r := c.program.newRun()
	done := c.guard.watch(r.vm, c.guard.limits.timeFor(len(original)))
	result := r.transform(original, about)
	done()
	answer := reply{Events: len(result.events), Log: result.log}
	if result.failed != nil {
		answer.Failed = result.failed.Message
	}
	if err := writeJSON(c.out, answer); err != nil {
		return err
	}
	for _, e := range result.events {
		if err := writeFrame(c.out, e); err != nil {
			return err
		}
	}
	return c.out.Flush()
}

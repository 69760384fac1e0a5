package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// hintError is an error with a line that says what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// withHint adds to err a line that says what to do about it. A nil err stays nil.
func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hint}
}

// usageError says that the command line itself is wrong: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef makes the error of a wrong command line; the hint names the help of the command.
func usagef(command, format string, args ...any) error {
	return usageError{withHint(fmt.Errorf(format, args...), fmt.Sprintf("see: tanker help %s", command))}
}

// errQuiet ends a command with exit code 1 when its output has already said what is wrong.
var errQuiet = errors.New("the output says what is wrong")

// shown turns the request for help, which has been answered by now, into success.
func shown(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}

// report prints what went wrong: one line, and one that says what to do where that is known.
func report(w io.Writer, err error) {
	if err == nil || errors.Is(err, errQuiet) {
		return
	}
	fmt.Fprintf(w, "tanker: %s\n", strings.TrimRight(err.Error(), "\n"))
	if hint, ok := errors.AsType[*hintError](err); ok {
		fmt.Fprintf(w, "hint: %s\n", hint.hint)
	}
}

// exitCode is 0 for success, 2 for a wrong command line and 1 for everything else.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// Command tanker carries the events of RudderStack's SDKs to Refiner.
//
// Each command has a file of its own; this one starts the right one and says how it ended.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tanker/internal/script"
)

func main() { os.Exit(start()) }

func start() int {
	if script.IsChild(os.Args) { // one that runs a transformation for the process that started it
		return script.Serve(os.Stdin, os.Stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: whoever sends it no longer wants to wait.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	report(os.Stderr, err)
	return exitCode(err)
}

// run carries out one command line. Nothing in it touches the process itself, so that a test can run
// whole commands.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	c, rest, err := choose(args)
	if err != nil {
		return err
	}
	return shown(c.run(ctx, rest, stdin, stdout, stderr))
}

package natstest

import (
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

// variable is the environment variable by which a process is told to be a server: the file that configures it.
const variable = "TANKER_NATSTEST_CONFIG"

// ServeIfAsked makes this process a NATS server if a cluster has started it to be one, and does not return then. A program
// that uses this package calls it before anything else, a test in TestMain.
func ServeIfAsked() {
	file := os.Getenv(variable)
	if file == "" {
		return
	}
	if err := serve(file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs a server until a signal ends it.
func serve(file string) error {
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("make server: %w", err)
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}

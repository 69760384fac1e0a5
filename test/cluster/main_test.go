// Package cluster runs three NATS servers and several Tankers, all real processes, lets things go wrong, and checks what
// Tanker promises: nothing that was answered 200 by any of them is missing, each user's events arrive in order, only calls are
// repeated that were under way when something failed, and no minute has more calls than the limit.
//
// Plain `go test` runs short rounds. `make faults-cluster` runs the long one.
package cluster

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"tanker/internal/natstest"
	"tanker/internal/tankertest"
)

var full = flag.Bool("full", false, "long rounds, and those that take minutes")

// folder is where the program is built.
var folder string

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "tanker-cluster-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	return m.Run()
}

// program builds Tanker once for all tests.
var program = sync.OnceValues(func() (string, error) {
	return tankertest.Build(context.Background(), folder)
})

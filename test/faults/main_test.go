// Package faults runs a real Tanker on a real disk against a stand-in for Refiner, lets things go wrong, and checks after
// each round what Tanker promises: nothing that was answered 200 is missing, each user's events arrive in order, only calls
// whose answer Tanker cannot have got or written down are repeated, the totals add up at all times, and memory stays
// bounded.
//
// Plain `go test` runs a short round of each kind. `make faults` runs long ones; -rounds repeats them.
package faults

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"tanker/internal/tankertest"
)

var (
	full   = flag.Bool("full", false, "long rounds, and those that take minutes")
	rounds = flag.Int("rounds", 1, "how often each kind of fault happens")
)

// folder is where the program is built, and what must not be in a test's own folder.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", size("16", "4")); err != nil { // short rounds mostly wait
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "tanker-faults-"); err != nil {
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

// inRounds runs a test as often as was asked for, beside the other kinds of faults.
func inRounds(t *testing.T, round func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	for i := range *rounds {
		t.Run(fmt.Sprintf("round %d", i+1), round)
	}
}

// size is how much of something a round has.
func size[N any](short, long N) N {
	if *full {
		return long
	}
	return short
}

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
	"strconv"
	"sync"
	"testing"

	"tanker/internal/tankertest"
)

var (
	full   = flag.Bool("full", false, "long rounds, and those that take minutes")
	rounds = flag.Int("rounds", 1, "how often each kind of fault happens")
	beside = flag.Int("beside", 0, "how many rounds run side by side, those of a kind too; 0 means as many kinds as the machine is good for")
)

// together lets the rounds of a kind run side by side.
var together bool

// folder is where the program is built, and what must not be in a test's own folder.
var folder string

func TestMain(m *testing.M) {
	flag.Parse()
	if *beside == 0 {
		*beside = size(16, 4) // short rounds mostly wait
	} else {
		together = true
	}
	if err := flag.Set("test.parallel", strconv.Itoa(*beside)); err != nil {
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
		t.Run(fmt.Sprintf("round %d", i+1), func(t *testing.T) {
			if together {
				t.Parallel()
			}
			round(t)
		})
	}
}

// size is how much of something a round has.
func size[N any](short, long N) N {
	if *full {
		return long
	}
	return short
}

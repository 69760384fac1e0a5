package script

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if IsChild(os.Args) {
		os.Exit(Serve(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

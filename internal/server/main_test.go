package server_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"tanker/internal/script"
)

func TestMain(m *testing.M) {
	if script.IsChild(os.Args) {
		os.Exit(script.Serve(os.Stdin, os.Stdout))
	}
	goleak.VerifyTestMain(m)
}

package main

import (
	"context"
	"errors"
	"io"
)

func runSandbox(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("sandbox: not built yet")
}

package main

import (
	"context"
	"errors"
	"io"
)

func runCheck(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("check: not built yet")
}

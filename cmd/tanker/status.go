package main

import (
	"context"
	"errors"
	"io"
)

func runStatus(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("status: not built yet")
}

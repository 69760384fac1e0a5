package main

import (
	"context"
	"errors"
	"io"
)

func runDemo(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("demo: not built yet")
}

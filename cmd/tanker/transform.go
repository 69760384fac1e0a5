package main

import (
	"context"
	"errors"
	"io"
)

func runTransform(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("transform: not built yet")
}

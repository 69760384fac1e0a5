package main

import (
	"context"
	"errors"
	"io"
)

func runDead(_ context.Context, _ []string, _ io.Reader, _, _ io.Writer) error {
	return errors.New("dead: not built yet")
}

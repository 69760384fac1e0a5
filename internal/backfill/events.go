package backfill

import (
	"errors"
	"fmt"
	"io"

	"tanker/internal/ndjson"
)

// Events reads a file of events, one JSON object on each line, as an SDK would send them.
type Events struct {
	lines  *ndjson.Reader
	number int
}

// NewEvents reads events from in.
func NewEvents(in io.Reader) *Events { return &Events{lines: ndjson.NewReader(in, 0)} }

// Next reads an event.
func (e *Events) Next() (Row, error) {
	line, err := e.lines.Next()
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	e.number++
	row := Row{Number: e.number, Line: e.lines.Number()}
	switch {
	case errors.Is(err, ndjson.ErrLongLine):
		row.Problem = err.Error()
	case err != nil:
		return row, fmt.Errorf("read line %d: %w", row.Line, err)
	default:
		row.Raw, row.Events = []string{string(line)}, [][]byte{line}
	}
	return row, nil
}

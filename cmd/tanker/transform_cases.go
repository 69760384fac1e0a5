package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"tanker/internal/transform"
)

// cases are files of events and of what is expected to become of them.
type cases struct {
	options transform.Options
	update  bool // write what is expected
	out     io.Writer
}

const (
	caseEnd     = ".json"
	expectedEnd = ".expected.json"
)

// caseTime is when the events of all cases are accepted.
var caseTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// runCases runs all cases of a folder and says of each how it went.
func runCases(ctx context.Context, dir string, c cases) error {
	names, err := caseNames(dir)
	if err != nil {
		return fmt.Errorf("transform: %w", err)
	}
	c.options.Now = func() time.Time { return caseTime }
	failed := 0
	for _, name := range names {
		problems, err := c.run(ctx, filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("transform: %s: %w", name, err)
		}
		if len(problems) == 0 {
			fmt.Fprintf(c.out, "ok    %s\n", name)
			continue
		}
		failed++
		fmt.Fprintf(c.out, "FAIL  %s\n%s", name, strings.Join(problems, ""))
	}
	if failed > 0 {
		return fmt.Errorf("transform: %d of %d cases failed", failed, len(names))
	}
	return nil
}

// caseNames are the names of the cases in a folder, in order.
func caseNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), caseEnd); ok && !strings.HasSuffix(entry.Name(), expectedEnd) && !entry.IsDir() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, withHint(fmt.Errorf("%s holds no cases", dir), "a case is a file NAME"+caseEnd+" with events")
	}
	return names, nil
}

// run runs the case at a path, which lacks its end, and returns what is not as expected.
func (c cases) run(ctx context.Context, path string) ([]string, error) {
	events, err := readValues(path + caseEnd)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	in := bytes.Join(events, []byte("\n"))
	if _, err := transform.Run(ctx, bytes.NewReader(in), &out, c.options); err != nil {
		return nil, err
	}
	if c.update {
		return nil, os.WriteFile(path+expectedEnd, out.Bytes(), 0o644)
	}
	expected, err := readValues(path + expectedEnd)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{fmt.Sprintf("      there is no %s: --update writes it\n", path+expectedEnd)}, nil
	}
	if err != nil {
		return nil, err
	}
	return differences(expected, bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))), nil
}

// readValues reads a file of JSON values and returns each on one line.
func readValues(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var value json.RawMessage
		if err := d.Decode(&value); errors.Is(err, io.EOF) {
			return values, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, value); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		values = append(values, line.Bytes())
	}
}

// differences compares line by line. The order of members does not count, the digits of numbers do.
func differences(want, got [][]byte) []string {
	var found []string
	for i := range max(len(want), len(got)) {
		w, g := "nothing", "nothing"
		if i < len(want) {
			w = string(want[i])
		}
		if i < len(got) {
			g = string(got[i])
		}
		if i >= len(want) || i >= len(got) || !reflect.DeepEqual(parsed(want[i]), parsed(got[i])) {
			found = append(found, fmt.Sprintf("      %d: want %s\n         got  %s\n", i+1, w, g))
		}
	}
	return found
}

// parsed is a JSON value as it compares; nil if it is none.
func parsed(text []byte) any {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	return v
}

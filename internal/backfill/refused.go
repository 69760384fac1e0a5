package backfill

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
)

// Refused is the file that the rows go to which cannot be used, with the reason, so that they can be mended and imported by
// themselves.
type Refused struct {
	path   string
	header []string // of a table; nil for events
	file   *os.File // nil until the first row
	size   int64
}

// NewRefused names the file. What it holds beyond the first size bytes is of an interrupted batch, and is written again.
func NewRefused(path string, header []string, size int64) *Refused {
	return &Refused{path: path, header: header, size: size}
}

// Add writes a row and returns how many bytes the file then has.
func (r *Refused) Add(row Row, problem string) (int64, error) {
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.header == nil {
		raw := ""
		if len(row.Raw) > 0 {
			raw = row.Raw[0]
		}
		line, err := json.Marshal(struct {
			Line   int    `json:"line"`
			Reason string `json:"reason"`
			Event  string `json:"event"`
		}{row.Line, problem, raw})
		return r.write(append(line, '\n'), err)
	}
	return r.writeRecord(append(append([]string{}, row.Raw...), problem, strconv.Itoa(row.Line)))
}

func (r *Refused) open() error {
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	r.file = file
	if err := file.Truncate(r.size); err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	if _, err := file.Seek(r.size, io.SeekStart); err != nil {
		return fmt.Errorf("write refused rows: %w", err)
	}
	if r.size == 0 && r.header != nil {
		_, err := r.writeRecord(append(append([]string{}, r.header...), "reason", "line"))
		return err
	}
	return nil
}

func (r *Refused) writeRecord(record []string) (int64, error) {
	counted := &counter{}
	w := csv.NewWriter(io.MultiWriter(r.file, counted))
	if err := w.Write(record); err != nil {
		return 0, fmt.Errorf("write refused rows: %w", err)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return 0, fmt.Errorf("write refused rows: %w", err)
	}
	r.size += counted.n
	return r.size, nil
}

func (r *Refused) write(data []byte, err error) (int64, error) {
	if err == nil {
		_, err = r.file.Write(data)
	}
	if err != nil {
		return 0, fmt.Errorf("write refused rows: %w", err)
	}
	r.size += int64(len(data))
	return r.size, nil
}

// Close closes the file, if there is one.
func (r *Refused) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

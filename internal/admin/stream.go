package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A long answer is a line of JSON for each thing, and a last one that says how it ended: an answer without it is not
// complete.
const contentLines = "application/x-ndjson"

// maxScans is how many searches through the whole log may run at the same time.
const maxScans = 2

// stream is a long answer under way.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	enc     *json.Encoder
	flushed time.Time
}

// streamed answers with lines until serve returns; its error, if any, is the last line.
func (h *Handler) streamed(w http.ResponseWriter, serve func(*stream) error) {
	select {
	case h.scans <- struct{}{}:
		defer func() { <-h.scans }()
	default:
		writeError(w, http.StatusServiceUnavailable, fmt.Sprintf("%d searches through the log are running already", maxScans), "wait for them, or end them")
		return
	}
	s := &stream{w: w, control: http.NewResponseController(w), enc: json.NewEncoder(w)}
	s.enc.SetEscapeHTML(false)
	_ = s.control.SetReadDeadline(time.Time{}) // it would end the request while it is answered
	w.Header().Set("Content-Type", contentLines)
	if err := serve(s); err != nil {
		_ = s.line("error", err.Error())
	}
	_ = s.control.Flush()
}

// flushEvery is how long a line may wait for more.
const flushEvery = 200 * time.Millisecond

// line writes a line of one thing. The error says that the caller has gone.
func (s *stream) line(name string, value any) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(time.Minute)) // for a caller who reads no more
	if err := s.enc.Encode(map[string]any{name: value}); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(s.flushed) >= flushEvery {
		s.flushed = now
		return s.control.Flush()
	}
	return nil
}

// maxLine is how long a line of an answer may be: an event, the calls made of it and more.
const maxLine = 512 << 20

// readLines reads a long answer: do gets the name and the value of each line.
func readLines(body io.Reader, do func(name string, value json.RawMessage) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var line map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		for name, value := range line {
			if name == "error" {
				return lineError(value)
			}
			if err := do(name, value); err != nil {
				return err
			}
			if name == "end" {
				return nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return errors.New("the server's answer broke off")
}

func lineError(value json.RawMessage) error {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return &RefusedError{Status: http.StatusOK, Message: text}
}

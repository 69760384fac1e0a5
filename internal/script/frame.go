package script

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// maxFrame bounds what one process takes from the other at a time.
const maxFrame = maxBytes + 1<<20

// Parent and child speak in frames: the length in four bytes, then so many bytes.
func writeFrame(w io.Writer, data []byte) error {
	if len(data) > maxFrame {
		return fmt.Errorf("%d bytes are too many for a frame", len(data))
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data)))); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return data, nil
}

func writeJSON(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, data)
}

func readJSON(r io.Reader, v any) error {
	data, err := readFrame(r)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// The frames in their order. The parent sends a setup, and the child answers with a report. Then the parent sends
// Metadata and an event in a frame of its own, and the child answers with a reply and the events, each in a frame.
type (
	setup struct {
		Source Source `json:"source"`
		Limits Limits `json:"limits"`
	}
	report struct {
		Error string `json:"error,omitempty"` // why the script cannot be used
	}
	reply struct {
		Events int      `json:"events"` // how many frames follow
		Log    []string `json:"log,omitempty"`
		Failed string   `json:"failed,omitempty"` // why there are no events
	}
)

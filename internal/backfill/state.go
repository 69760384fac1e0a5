package backfill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State is how far an import has come. It is kept in a file beside the input, so that an import which was interrupted
// goes on where it was.
type State struct {
	Job     string `json:"job"`     // names the import in the ids of its messages
	Input   string `json:"input"`   // what is imported, and how: another input cannot go on from here
	Rows    int    `json:"rows"`    // dealt with: sent and answered, or refused
	Sent    int    `json:"sent"`    // events
	Refused int    `json:"refused"` // rows
	Written int64  `json:"written"` // bytes of the file of refused rows
	Done    bool   `json:"done"`
}

// ErrOtherInput says that the state belongs to another input, or to the same one read otherwise.
var ErrOtherInput = errors.New("belongs to another import")

// LoadState reads the state of an import, or begins one.
func LoadState(path, input, job string) (State, error) {
	fresh := State{Job: job, Input: input}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("read state: %w", err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return fresh, fmt.Errorf("%s is not the state of an import: %w", path, err)
	}
	if s.Input != input {
		return fresh, fmt.Errorf("%s %w", path, ErrOtherInput)
	}
	return s, nil
}

// save writes the state so that a crash leaves either the old one or the new one.
func (s State) save(path string) error {
	if path == "" {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write state: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

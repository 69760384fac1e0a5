package telemetry_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"tanker/internal/telemetry"
)

func TestNewLogger(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not to be seen")
	log.Warn("to be seen", "key", 1)
	var line struct {
		Msg string
		Key int
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Msg != "to be seen" || line.Key != 1 {
		t.Errorf("got %s, %v", out.String(), err)
	}

	out.Reset()
	if log, err = telemetry.NewLogger(&out, "debug", "text"); err != nil {
		t.Fatal(err)
	}
	log.Debug("seen too")
	if !strings.Contains(out.String(), `level=DEBUG msg="seen too"`) {
		t.Errorf("got %s", out.String())
	}
}

func TestNewLoggerRefuses(t *testing.T) {
	for _, test := range [][2]string{{"loud", "text"}, {"info", "xml"}} {
		if _, err := telemetry.NewLogger(nil, test[0], test[1]); err == nil {
			t.Errorf("level %s, format %s: want an error", test[0], test[1])
		}
	}
}

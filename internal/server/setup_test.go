package server

import (
	"testing"
	"time"
)

func TestKeysAreNotCheckedTooOften(t *testing.T) {
	var checks keyChecks
	now := time.Now()
	for _, step := range []struct {
		destination string
		after       time.Duration
		want        bool
	}{{"a", 0, true}, {"a", checkEvery - 1, false}, {"b", checkEvery - 1, true}, {"a", checkEvery, true}} {
		if got := checks.begin(step.destination, now.Add(step.after)); got != step.want {
			t.Errorf("%+v: %v", step, got)
		}
	}
}

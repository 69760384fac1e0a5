package main

import (
	"runtime/debug"
	"testing"

	"tanker/internal/config"
)

func TestMemoryGoal(t *testing.T) {
	c := &config.Config{Gateway: config.Gateway{MaxMemory: 256 << 20}}
	for range 2 {
		c.Destinations = append(c.Destinations, config.Destination{Window: config.Window{Bytes: 64 << 20}})
	}
	const want = 320 << 20
	before := debug.SetMemoryLimit(-1)
	for _, test := range []struct {
		set  string
		want int64
	}{{"", want}, {"1GiB", before}} {
		undo := aimForMemory(c, func(string) string { return test.set })
		if got := debug.SetMemoryLimit(-1); got != test.want {
			t.Errorf("with GOMEMLIMIT=%q the goal is %d, want %d", test.set, got, test.want)
		}
		undo()
		if got := debug.SetMemoryLimit(-1); got != before {
			t.Errorf("afterwards the goal is %d, want %d", got, before)
		}
	}
}

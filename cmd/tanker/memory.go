package main

import (
	"runtime/debug"

	"tanker/internal/config"
)

// memoryBase is what a Tanker takes beside events: the program, the journal's engine, recent message ids.
const memoryBase = 64 << 20

// memoryGoal is what the program's memory should not exceed by much: half of what requests may take, which they rarely do,
// and what the destinations hold. Garbage is collected more often near it; it is no limit at which anything fails.
func memoryGoal(c *config.Config) int64 {
	goal := int64(memoryBase) + int64(c.Gateway.MaxMemory)/2
	for i := range c.Destinations {
		goal += int64(c.Destinations[i].Window.Bytes)
	}
	return goal
}

// aimForMemory sets the goal, unless GOMEMLIMIT does. It returns what takes it back.
func aimForMemory(c *config.Config, getenv func(string) string) (undo func()) {
	if getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	before := debug.SetMemoryLimit(memoryGoal(c))
	return func() { debug.SetMemoryLimit(before) }
}

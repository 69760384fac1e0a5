package main

import (
	"encoding/json"
	"testing"
)

func TestEventsAreOneKilobyte(t *testing.T) {
	for _, n := range []int{0, 1, 123_456} {
		event := appendEvent(nil, n, 5000)
		if !json.Valid(event) {
			t.Errorf("not JSON: %s", event)
		}
		if len(event) < 950 || len(event) > 1150 {
			t.Errorf("event %d has %d bytes", n, len(event))
		}
	}
}

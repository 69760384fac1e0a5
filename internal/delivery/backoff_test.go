package delivery

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	tests := []struct {
		attempts    int
		least, most time.Duration
	}{
		{0, time.Second, 2 * time.Second},
		{1, time.Second, 2 * time.Second},
		{2, 2 * time.Second, 4 * time.Second},
		{5, 16 * time.Second, 32 * time.Second},
		{8, 128 * time.Second, 256 * time.Second},
		{9, 150 * time.Second, 300 * time.Second},
		{1 << 40, 150 * time.Second, 300 * time.Second},
	}
	for _, test := range tests {
		if got := backoff(test.attempts, 0); got != test.least {
			t.Errorf("after %d attempts at least %s, want %s", test.attempts, got, test.least)
		}
		if got := backoff(test.attempts, 1); got != test.most {
			t.Errorf("after %d attempts at most %s, want %s", test.attempts, got, test.most)
		}
	}
}

func TestBackoffGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attempts := rapid.IntRange(1, 1000).Draw(t, "attempts")
		random := rapid.Float64Range(0, 0.999).Draw(t, "random")
		now, next := backoff(attempts, random), backoff(attempts+1, random)
		if now < time.Second || now > 5*time.Minute || next < now {
			t.Fatalf("%s after %d attempts, then %s", now, attempts, next)
		}
	})
}

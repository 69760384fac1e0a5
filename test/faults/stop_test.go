package faults

import (
	"syscall"
	"testing"
	"time"
)

// TestStopped lets a Tanker stand still, as a machine does that is suspended, while events come in and go out: for longer
// than a write to the journal may take.
func TestStopped(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 100})
		tr.refiner.Become(busy)
		tr.sendMeanwhile(size(10, 600), 1000)
		for range size(1, 3) {
			tr.arrives(100, time.Minute)
			tr.signal(syscall.SIGSTOP)
			tr.pass(size(2*time.Second, 15*time.Second))
			tr.signal(syscall.SIGCONT)
		}
		tr.holds(2 * time.Minute)
	})
}

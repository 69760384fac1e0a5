package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// systemClock counts the time that the machine sleeps, which Go's own clock leaves out on Linux.
func systemClock() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil { // kernels before 2.6.39
		return monotonic()
	}
	return time.Duration(t.Nano())
}

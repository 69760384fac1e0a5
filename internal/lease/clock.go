package lease

import "time"

// A clock says how much time has passed since some moment. It is not set, and it does not stand still while the process does.
type clock func() time.Duration

// started is where a clock without the kernel's help begins to count.
var started = time.Now()

// monotonic is Go's own clock. On some systems it stands still while the machine sleeps.
func monotonic() time.Duration { return time.Since(started) }

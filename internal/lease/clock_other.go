//go:build !linux

package lease

import "time"

func systemClock() time.Duration { return monotonic() }
